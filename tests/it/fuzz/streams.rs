use super::{config, run};
use crate::{events::event, fanout, relay};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

/// Any attribute that DynamoDB may hold.
fn attribute() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec!["", "message", "relay", "acme", "queued", "high", "acme#1", "#"]);
    let leaf = prop_oneof![
        ".{0,12}".prop_map(|text| json!({"S": text})),
        words.prop_map(|text| json!({"S": text})),
        any::<i64>().prop_map(|number| json!({"N": number.to_string()})),
        any::<u128>().prop_map(|number| json!({"N": number.to_string()})),
        any::<bool>().prop_map(|bit| json!({"BOOL": bit})),
        Just(json!({"NULL": true})),
        Just(json!({"B": "AAAA"})),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|elements| json!({"L": elements})),
            ("[a-z]{1,3}", inner).prop_map(|(name, value)| json!({"M": {name: value}})),
        ]
    })
}

/// An event whose records hold items that nobody of us has written. What is around them is DynamoDB's own.
fn events() -> impl Strategy<Value = Value> {
    let names = ["dynamodb/insert", "dynamodb/modify", "dynamodb/owed-to-relay", "dynamodb/payload"];
    let change = (any::<Index>(), any::<Index>(), prop::option::of(attribute()));
    (prop::sample::select(names.map(event).to_vec()), vec(change, 1..4)).prop_map(|(mut event, changes)| {
        let records = event["Records"].as_array_mut().unwrap();
        for (record, name, new) in changes {
            let record = record.index(records.len());
            let Some(image) = records[record]["dynamodb"]["NewImage"].as_object_mut() else { continue };
            let names: Vec<_> = image.keys().cloned().collect();
            let Some(name) = names.get(name.index(names.len().max(1))) else { continue };
            match new {
                Some(new) => drop(image.insert(name.clone(), new)),
                None => drop(image.remove(name)),
            }
        }
        event
    })
}

proptest! {
    #![proptest_config(config())]

    /// The stream is our own table's, but whoever may write the table writes the stream: one record must not stop a shard.
    #[test]
    fn a_broken_record_stops_neither_reader(event in events()) {
        prop_assert!(run(relay::Rig::behind("dynamodb/modify").run(event.clone())).is_ok());
        prop_assert!(run(fanout::Rig::default().run(event)).is_ok());
    }
}
