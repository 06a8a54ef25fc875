//! The messages table's stream: records as its mappings deliver them, and which of them the template's filters pass.

use crate::events::event;
use expedite_tests::template;
use serde_json::{Value, json};

/// The first record of an event, its new image with other values.
pub fn record(name: &str, values: &[(&str, Value)]) -> Value {
    let mut record = event(name)["Records"][0].take();
    for (attribute, value) in values {
        record["dynamodb"]["NewImage"][*attribute] = value.clone();
    }
    record
}

pub fn batch(records: Vec<Value>) -> Value {
    json!({"Records": records})
}

/// The image of message number `number`, of a tenant and a type.
pub fn of(number: usize, tenant: &str, kind: &str) -> Vec<(&'static str, Value)> {
    let id = format!("00000000-0000-8000-8000-{number:012x}");
    vec![
        ("pk", json!({"S": format!("{tenant}#{id}")})),
        ("tenant", json!({"S": tenant})),
        ("id", json!({"S": id})),
        ("type", json!({"S": kind})),
    ]
}

/// Whether a mapping of the template passes a record on to its function.
pub fn passes(mapping: &str, record: &Value) -> bool {
    let template = template::load().unwrap();
    let filters = &template["Resources"][mapping]["Properties"]["FilterCriteria"]["Filters"];
    filters.as_array().unwrap().iter().any(|filter| {
        let pattern: Value = serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap();
        matches(&pattern, record)
    })
}

/// Lambda's filter rules, as far as the template uses them: a list names the values that a member may have.
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(members) => members.iter().all(|(name, pattern)| matches(pattern, &value[name])),
        Value::Array(allowed) => allowed.contains(value),
        other => panic!("{other} is no filter"),
    }
}

/// What each mapping takes of each record that the table can send.
#[test]
fn the_filters_pass_what_their_functions_are_for() {
    for (name, to_relay, to_fanout) in [
        ("dynamodb/insert", false, true),
        ("dynamodb/modify", false, true),
        ("dynamodb/payload", false, false),
        ("dynamodb/expired", false, false),
        ("dynamodb/owed-to-relay", true, true),
        ("dynamodb/stray", false, false),
    ] {
        let record = record(name, &[]);
        let passed = (passes("RelayMapping", &record), passes("FanoutMapping", &record));
        assert_eq!(passed, (to_relay, to_fanout), "{name}");
    }
}
