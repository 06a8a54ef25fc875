//! Everything that can go wrong has an alarm, each alarm says what to do, and nothing names a metric that is not there.

mod alarms;
mod coverage;
mod dashboard;

use super::Template;
use expedite::{
    domain::Priority,
    metrics::{FUNCTION, Metric, NAMESPACE, PRIORITY},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A metric as an alarm or the dashboard names it: namespace, name, and the dimensions with their values.
#[derive(Debug, PartialEq)]
struct Named {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, Value>,
}

/// What AWS measures of what we use, with the dimensions that it has. From the developer guides: Amazon MQ, "Available
/// CloudWatch metrics for ActiveMQ brokers"; Lambda, "Types of metrics"; DynamoDB, "Metrics and dimensions"; SQS,
/// "Available CloudWatch metrics"; API Gateway, "Monitor CloudWatch metrics" for HTTP and for WebSocket APIs.
const OF_AWS: &[(&str, &[&str], &[&str])] = &[
    (
        "AWS/AmazonMQ",
        &[
            "AmqpMaximumConnections",
            "CpuCreditBalance",
            "CpuUtilization",
            "CurrentConnectionsCount",
            "HeapUsage",
            "JobSchedulerStorePercentUsage",
            "StorePercentUsage",
        ],
        &["Broker"],
    ),
    ("AWS/AmazonMQ", &["ConsumerCount", "DequeueCount", "EnqueueCount", "QueueSize"], &["Broker", "Queue"]),
    ("AWS/ApiGateway", &["4xx", "5xx", "Count", "ExecutionError", "Latency"], &["ApiId"]),
    (
        "AWS/DynamoDB",
        &[
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        ],
        &["TableName"],
    ),
    (
        "AWS/DynamoDB",
        &["ReadThrottleEvents", "WriteThrottleEvents"],
        &["GlobalSecondaryIndexName", "TableName"],
    ),
    ("AWS/DynamoDB", &["SystemErrors"], &["Operation", "TableName"]),
    (
        "AWS/Lambda",
        &["ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"],
        &["FunctionName"],
    ),
    ("AWS/SQS", &["ApproximateNumberOfMessagesVisible"], &["QueueName"]),
];

impl Named {
    /// Why it is no metric, if it is none.
    fn problem(&self) -> Option<String> {
        let Self { namespace, name, dimensions } = self;
        let names: Vec<_> = dimensions.keys().map(String::as_str).collect();
        if namespace != NAMESPACE {
            let known = OF_AWS.iter().any(|(space, metrics, dimensions)| {
                space == namespace && metrics.contains(&name.as_str()) && *dimensions == names
            });
            return (!known).then(|| format!("AWS has no metric {namespace} {name} {names:?}"));
        }
        let Some(metric) = Metric::ALL.iter().find(|metric| metric.name() == name) else {
            return Some(format!("there is no metric {name}"));
        };
        let expected: &[&str] = if metric.has_priority() { &[FUNCTION, PRIORITY] } else { &[FUNCTION] };
        if names != expected {
            return Some(format!("{name} has the dimensions {expected:?} and not {names:?}"));
        }
        let function = dimensions[FUNCTION].as_str().unwrap_or_default();
        if !metric.functions().iter().any(|known| known.as_str() == function) {
            return Some(format!("{function} does not measure {name}"));
        }
        let priority = dimensions.get(PRIORITY).and_then(Value::as_str);
        let known =
            priority.is_none_or(|word| Priority::ALL.iter().any(|priority| priority.as_str() == word));
        (!known).then(|| format!("{name} has no priority {priority:?}"))
    }
}

/// The metrics that an alarm looks at, whether it is on one or on an expression.
fn looked_at(alarm: &Value) -> Vec<Named> {
    let properties = &alarm["Properties"];
    let of_expression = properties["Metrics"].as_array().into_iter().flatten();
    let metrics = of_expression.map(|metric| &metric["MetricStat"]["Metric"]).chain([properties]);
    metrics.filter(|metric| !metric["MetricName"].is_null()).map(named).collect()
}

fn named(metric: &Value) -> Named {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
    Named {
        namespace: text(&metric["Namespace"]),
        name: text(&metric["MetricName"]),
        dimensions: dimensions
            .map(|dimension| (text(&dimension["Name"]), dimension["Value"].clone()))
            .collect(),
    }
}

fn alarms(template: &Template) -> Vec<(&str, &Value)> {
    template.resources("AWS::CloudWatch::Alarm")
}
