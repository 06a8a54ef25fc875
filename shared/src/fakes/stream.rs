use crate::{
    adapters::dynamodb::{image, pk},
    ports::Key,
};
use expedite_domain::Message;
use serde_json::{Value, json};

/// A change of a message as the table's stream tells it to its mappings: record number `sequence`, with the item as the
/// table's adapter writes it.
///
/// # Panics
/// The item can't be written as JSON: a fault of this code.
#[expect(clippy::unwrap_used, reason = "only tests make records")]
pub fn stream_record(sequence: usize, message: &Message) -> Value {
    let event = if message.version == 1 { "INSERT" } else { "MODIFY" };
    json!({
        "eventID": format!("{sequence:032x}"),
        "eventName": event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "Keys": {"pk": {"S": pk(&Key::of(message))}, "sk": {"S": "message"}},
            "NewImage": serde_json::to_value(image(message).unwrap()).unwrap(),
            "SequenceNumber": sequence.to_string(),
            "SizeBytes": 1,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}
