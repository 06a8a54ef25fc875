//! The messages table's stream, as its event source mapping delivers it.

use super::dynamodb::message_from;
use crate::ports::StoreError;
use aws_lambda_events::dynamodb::Event;
use expedite_domain::Message;

/// One change of a message.
#[derive(Debug)]
pub struct Change {
    /// Its place in the stream, by which a failure is reported.
    pub sequence_number: String,
    /// The message after the change.
    pub message: Result<Message, StoreError>,
}

/// The changes in an event, oldest first. Records without a new image and items that are no messages are left out.
pub fn changes(event: Event) -> Vec<Change> {
    event
        .records
        .into_iter()
        .filter(|record| {
            let image = record.change.new_image.inner();
            matches!(image.get("sk"), Some(serde_dynamo::AttributeValue::S(sk)) if sk == "message")
        })
        .map(|record| Change {
            sequence_number: record.change.sequence_number.unwrap_or_default(),
            message: message_from(record.change.new_image),
        })
        .collect()
}
