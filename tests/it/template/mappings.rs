//! What drives the functions: within the ranges that Lambda takes, and so that nothing is dropped or stuck.

use super::{Template, check, target, texts};
use serde_json::Value;
use std::ops::RangeInclusive;

/// Lambda's limit for a function behind a mapping on Amazon MQ, in seconds.
const MQ_TIMEOUT: u64 = 840;

fn number(template: &Template, value: &Value) -> Vec<u64> {
    let Some(parameter) = value["Ref"].as_str() else {
        return value.as_u64().into_iter().collect();
    };
    let parameter = &template.tree["Parameters"][parameter];
    ["Default", "MinValue", "MaxValue"].iter().filter_map(|name| parameter[name].as_u64()).collect()
}

/// Says so where a property is missing, or can be out of its range.
fn unless_within(
    template: &Template,
    name: &str,
    properties: &Value,
    property: &str,
    range: RangeInclusive<u64>,
) -> Option<String> {
    let values = number(template, &properties[property]);
    let good = !values.is_empty() && values.iter().all(|value| range.contains(value));
    (!good).then(|| format!("{name}'s {property} is {values:?} and not within {range:?}"))
}

fn of_queues(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        let properties = &mapping["Properties"];
        if target(&properties["EventSourceArn"]) != Some("Broker") {
            continue;
        }
        broken.extend(unless_within(template, name, properties, "BatchSize", 1..=10_000));
        broken.extend(unless_within(template, name, properties, "MaximumBatchingWindowInSeconds", 0..=300));
        if !properties["FilterCriteria"].is_null() {
            broken.push(format!("{name} filters: what does not match is discarded"));
        }
        if properties["Queues"].as_array().map(Vec::len) != Some(1) {
            broken.push(format!("{name} must read exactly one queue"));
        }
        let function = target(&properties["FunctionName"]).unwrap_or_default();
        let role = target(&template.resource(function)["Properties"]["Role"]).unwrap_or_default();
        let mut waited_for = texts(&mapping["DependsOn"]).into_iter().map(|name| template.resource(name));
        if !waited_for.any(|it| target(&it["Properties"]["RoleName"]) == Some(role)) {
            broken.push(format!(
                "{name} does not wait for the policy of {role}: its interfaces would outlive it"
            ));
        }
        let function_properties = &template.resource(function)["Properties"];
        broken.extend(unless_within(template, function, function_properties, "Timeout", 1..=MQ_TIMEOUT));
    }
    broken
}

#[test]
fn a_queues_mapping_drops_nothing() {
    let standard = "      Queues: [standard]\n";
    check(
        of_queues,
        &[
            ("    MaxValue: 60\n", "    MaxValue: 20000\n", "StandardMapping's BatchSize"),
            (
                "MaximumBatchingWindowInSeconds: 0",
                "MaximumBatchingWindowInSeconds: 301",
                "MaximumBatchingWindowInSeconds is [301]",
            ),
            (
                standard,
                &format!("{standard}      FilterCriteria: {{Filters: []}}\n"),
                "StandardMapping filters",
            ),
            (standard, "      Queues: [standard, express]\n", "StandardMapping must read exactly one queue"),
            (
                "    DependsOn: ProcessPolicy\n",
                "",
                "ExpressMapping does not wait for the policy of ProcessRole",
            ),
            ("    MaxValue: 840\n", "    MaxValue: 900\n", "ProcessFunction's Timeout"),
        ],
    );
}

/// A stream's shard waits for what fails, so it must not wait for ever, nor for a whole batch, nor in silence.
fn of_streams(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        let properties = &mapping["Properties"];
        if target(&properties["EventSourceArn"]) != Some("MessagesTable") {
            continue;
        }
        broken.extend(unless_within(template, name, properties, "MaximumRetryAttempts", 0..=10));
        broken.extend(unless_within(template, name, properties, "MaximumRecordAgeInSeconds", 60..=600));
        if properties["BisectBatchOnFunctionError"] != true {
            broken.push(format!("{name} gives a whole batch up for one record"));
        }
        let failures = target(&properties["DestinationConfig"]["OnFailure"]["Destination"]);
        if failures.is_none_or(|queue| template.resource(queue)["Type"] != "AWS::SQS::Queue") {
            broken.push(format!("{name} gives up in silence"));
        }
        if properties["FilterCriteria"]["Filters"].as_array().is_none_or(Vec::is_empty) {
            broken.push(format!("{name} is woken by what it does not want"));
        }
    }
    broken
}

#[test]
fn a_streams_mapping_is_never_stuck() {
    check(
        of_streams,
        &[
            ("      MaximumRetryAttempts: 2\n", "", "RelayMapping's MaximumRetryAttempts"),
            (
                "MaximumRecordAgeInSeconds: 60",
                "MaximumRecordAgeInSeconds: 86400",
                "FanoutMapping's MaximumRecordAge",
            ),
            ("      BisectBatchOnFunctionError: true\n", "", "gives a whole batch up"),
            (
                "      DestinationConfig: {OnFailure: {Destination: !GetAtt StreamFailures.Arn}}\n",
                "",
                "in silence",
            ),
            ("        Filters:\n          - Pattern", "        Others:\n          - Pattern", "is woken by"),
        ],
    );
}
