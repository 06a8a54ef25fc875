//! What has to have an alarm has one, by what it is and not by a list that somebody has to remember.

use super::{Named, Template, alarms, looked_at};
use crate::template::{check, target, texts};
use serde_json::Value;
use std::collections::BTreeSet;

/// All metrics that alarms look at, with the alarm.
fn all_looked_at(template: &Template) -> Vec<(&str, &Value, Named)> {
    alarms(template)
        .into_iter()
        .flat_map(|(name, alarm)| looked_at(alarm).into_iter().map(move |metric| (name, alarm, metric)))
        .collect()
}

/// Whether a metric has this dimension, with a value that points at this resource or is this word.
fn is_of(metric: &Named, dimension: &str, value: &str) -> bool {
    let found = metric.dimensions.get(dimension);
    found.is_some_and(|found| target(found) == Some(value) || found.as_str() == Some(value))
}

fn functions(template: &Template) -> Vec<String> {
    let all = all_looked_at(template);
    let mut broken = Vec::new();
    for (name, function) in template.resources("AWS::Serverless::Function") {
        for wanted in ["Errors", "Throttles", "Duration"] {
            let mut of_it = all.iter().filter(|(_, _, metric)| {
                metric.namespace == "AWS/Lambda"
                    && metric.name == wanted
                    && is_of(metric, "FunctionName", name)
            });
            let Some((alarm, definition, _)) = of_it.next() else {
                broken.push(format!("{name} has no alarm on {wanted}"));
                continue;
            };
            if wanted == "Duration" && !is_near_limit(template, function, &definition["Properties"]) {
                broken.push(format!("{alarm} does not stand at four fifths of the time limit"));
            }
        }
    }
    broken
}

/// Four fifths of the function's time limit: as milliseconds, or where the limit is a parameter as a percentage of it.
fn is_near_limit(template: &Template, function: &Value, alarm: &Value) -> bool {
    let limit = &function["Properties"]["Timeout"];
    let limit = if limit.is_null() { &template.tree["Globals"]["Function"]["Timeout"] } else { limit };
    if let Some(parameter) = limit["Ref"].as_str() {
        let expression = format!("duration / (10 * ${{{parameter}}})");
        return alarm["Metrics"][0]["Expression"]["Fn::Sub"] == expression.as_str()
            && alarm["Threshold"] == 80;
    }
    alarm["Threshold"].as_u64() == limit.as_u64().map(|seconds| seconds * 800)
}

#[test]
fn every_function_has_its_alarms() {
    let of_relay = "MetricName: Errors, Dimensions: [{Name: FunctionName, Value: !Ref RelayFunction}]";
    check(
        functions,
        &[
            (of_relay, &of_relay.replace("Errors", "Invocations"), "RelayFunction has no alarm on Errors"),
            (
                "MetricName: Throttles",
                "MetricName: Invocations",
                "WsMessageFunction has no alarm on Throttles",
            ),
            ("      Timeout: 29\n", "      Timeout: 28\n", "IngestDuration does not stand"),
            ("duration / (10 * $", "duration / (1 * $", "ProcessDuration does not stand"),
            ("    Timeout: 15\n", "    Timeout: 16\n", "WsConnectDuration does not stand"),
        ],
    );
}

fn mappings(template: &Template) -> Vec<String> {
    let all = all_looked_at(template);
    let mappings = template.resources("AWS::Lambda::EventSourceMapping");
    let missing = |name: &&str| !all.iter().any(|(_, _, metric)| metric.name == format!("{name}Works"));
    let names = mappings.iter().map(|(name, _)| *name);
    names.filter(missing).map(|name| format!("{name} has no alarm")).collect()
}

#[test]
fn every_mapping_has_its_alarm() {
    check(
        mappings,
        &[("MetricName: FanoutMappingWorks", "MetricName: RelayMappingWorks", "FanoutMapping has no alarm")],
    );
}

/// A queue of the broker: somebody reads it, what is in it moves on, and what the broker gave up on does not stay.
fn queues(template: &Template) -> Vec<String> {
    let all = all_looked_at(template);
    let has = |name: &str, queue: &str| {
        all.iter().any(|(_, _, metric)| metric.name == name && is_of(metric, "Queue", queue))
    };
    let mut broken = Vec::new();
    let mut read = BTreeSet::new();
    for (_, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        read.extend(texts(&mapping["Properties"]["Queues"]));
    }
    assert!(!read.is_empty(), "the search finds nothing any more");
    for queue in read {
        let wanted: &[&str] = if queue.starts_with("DLQ.") {
            &["ConsumerCount", "QueueSize"]
        } else {
            &["ConsumerCount", "QueueSize", "EnqueueCount", "DequeueCount"]
        };
        let missing = wanted.iter().filter(|name| !has(name, queue));
        broken.extend(missing.map(|name| format!("nobody hears of {queue}'s {name}")));
        // What can't be taken from there either (docs/operations.md).
        let lost = format!("DLQ.{queue}");
        if queue.starts_with("DLQ.") && !has("QueueSize", &lost) {
            broken.push(format!("nobody hears of {lost}"));
        }
    }
    for (name, _) in template.resources("AWS::SQS::Queue") {
        if !all.iter().any(|(_, _, metric)| is_of(metric, "QueueName", name)) {
            broken.push(format!("{name} has no alarm"));
        }
    }
    broken
}

#[test]
fn every_queue_has_its_alarms() {
    check(
        queues,
        &[
            (
                "MetricName: ConsumerCount",
                "MetricName: QueueSize",
                "nobody hears of standard's ConsumerCount",
            ),
            ("MetricName: DequeueCount", "MetricName: QueueSize", "nobody hears of express's DequeueCount"),
            ("Value: DLQ.express}", "Value: DLQ.standard}", "nobody hears of DLQ.express's QueueSize"),
            ("Value: DLQ.DLQ.standard}", "Value: standard}", "nobody hears of DLQ.DLQ.standard"),
            ("!GetAtt StreamFailures.QueueName", "other", "StreamFailures has no alarm"),
        ],
    );
}

/// What DynamoDB can refuse or fail at: the table and each index, each operation that a policy allows.
fn tables(template: &Template) -> Vec<String> {
    let all = all_looked_at(template);
    let of = |table: &str, name: &str, dimension: &str, value: &str| {
        all.iter().any(|(_, _, metric)| {
            metric.name == name
                && is_of(metric, "TableName", table)
                && (dimension.is_empty() && metric.dimensions.len() == 1 || is_of(metric, dimension, value))
        })
    };
    let mut broken = Vec::new();
    for (table, definition) in template.resources("AWS::DynamoDB::Table") {
        let indexes = definition["Properties"]["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let indexes = indexes.filter_map(|index| index["IndexName"].as_str());
        let throttled = indexes.map(|index| ("GlobalSecondaryIndexName", index)).chain([("", "")]);
        for (dimension, index) in throttled {
            for name in ["ReadThrottleEvents", "WriteThrottleEvents"] {
                if !of(table, name, dimension, index) {
                    broken.push(format!("nobody hears of {table}'s {name} {index}"));
                }
            }
        }
        for operation in operations(template, table) {
            if !of(table, "SystemErrors", "Operation", &operation) {
                broken.push(format!("nobody hears when {operation} fails on {table}"));
            }
        }
    }
    broken
}

/// What some function may do with a table, but for its stream.
fn operations(template: &Template, table: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for resource in template.tree["Resources"].as_object().into_iter().flatten().map(|(_, it)| it) {
        let inline = resource["Properties"]["Policies"].as_array().into_iter().flatten();
        for document in inline.chain([&resource["Properties"]["PolicyDocument"]]) {
            for statement in document["Statement"].as_array().into_iter().flatten() {
                let on = statement["Resource"].to_string();
                let is_on =
                    on.contains(&format!("\"{table}.Arn\"")) || on.contains(&format!("${{{table}.Arn}}"));
                let actions = texts(&statement["Action"]).into_iter();
                let operations = actions.filter_map(|action| action.strip_prefix("dynamodb:"));
                found.extend(operations.filter(|_| is_on).map(str::to_owned));
            }
        }
    }
    assert!(!found.is_empty(), "nobody may do anything with {table}");
    found
}

#[test]
fn every_table_has_its_alarms() {
    check(
        tables,
        &[
            ("Value: by_state}", "Value: by_tenant}", "MessagesTable's ReadThrottleEvents by_state"),
            (
                "Dimensions: [{Name: TableName, Value: !Ref ConnectionsTable}]",
                "Dimensions: [{Name: TableName, Value: !Ref MessagesTable}]",
                "nobody hears of ConnectionsTable's WriteThrottleEvents",
            ),
            (
                "        - IndexName: due\n",
                "        - IndexName: other\n",
                "nobody hears of MessagesTable's ReadThrottleEvents other",
            ),
            (
                "Action: [dynamodb:DeleteItem, dynamodb:PutItem]",
                "Action: [dynamodb:DeleteItem, dynamodb:PutItem, dynamodb:BatchWriteItem]",
                "nobody hears when BatchWriteItem fails on ConnectionsTable",
            ),
        ],
    );
}

fn apis(template: &Template) -> Vec<String> {
    let all = all_looked_at(template);
    let http = template.resources("AWS::Serverless::HttpApi").into_iter().map(|(name, _)| (name, "5xx"));
    let sockets = template.resources("AWS::ApiGatewayV2::Api").into_iter();
    let sockets = sockets.map(|(name, _)| (name, "ExecutionError"));
    http.chain(sockets)
        .filter(|(name, wanted)| {
            !all.iter().any(|(_, _, metric)| metric.name == *wanted && is_of(metric, "ApiId", name))
        })
        .map(|(name, wanted)| format!("nobody hears of {name}'s {wanted}"))
        .collect()
}

#[test]
fn every_api_has_its_alarm() {
    check(
        apis,
        &[
            ("MetricName: 5xx", "MetricName: 4xx", "nobody hears of HttpApi's 5xx"),
            (
                "MetricName: ExecutionError, Dimensions: [{Name: ApiId, Value: !Ref WebSocketApi}]",
                "MetricName: ExecutionError, Dimensions: [{Name: ApiId, Value: !Ref HttpApi}]",
                "nobody hears of WebSocketApi's ExecutionError",
            ),
        ],
    );
}
