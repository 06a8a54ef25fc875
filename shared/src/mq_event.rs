//! What the broker's event source mapping delivers.
//!
//! The mapping's documentation, captured events and other runtimes' fixtures disagree about half of the fields, and one
//! message that does not parse would fail its whole batch, innocent neighbours included. So each message is read by
//! itself, and only by the one field that is needed: its data. That is either the text of the envelope or, with the
//! broker's default transformer for messages that came in over AMQP, a whole encoded AMQP message around it. The other
//! fields are taken where they are there and make sense.

use crate::{
    adapters::amqp,
    envelope::{Envelope, NotAnEnvelope},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use expedite_domain::Timestamp;
use serde_json::Value;

/// One message of a batch.
#[derive(Debug)]
pub struct Delivery {
    /// The broker's name for it; `unnamed` where the event has none.
    pub message_id: String,
    /// The queue that it lay on; `unnamed` where the event has none.
    pub queue: String,
    /// When the broker put it there, by the broker's clock; 1970 where the event has no time.
    pub queued_at: Timestamp,
    /// Why the broker gave it up, in the broker's words: there on a dead-letter queue.
    pub given_up: Option<String>,
    /// Its data as it came, which is base64; where there is none, all of the message as JSON.
    pub data: String,
    /// What the data holds.
    pub content: Result<Envelope, Unreadable>,
}

/// Why a message of a batch can't be read. It does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The message has no data, or is no object at all.
    #[error("the message has no data")]
    Empty,
    /// The data is not base64.
    #[error("the data is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The data is an AMQP message that can't be decoded, or one whose body is no text.
    #[error("the data is no AMQP message with a text: {0}")]
    Amqp(#[from] amqp::Undecodable),
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    Utf8(#[from] std::string::FromUtf8Error),
    /// The text is not an envelope.
    #[error(transparent)]
    Envelope(#[from] NotAnEnvelope),
}

impl Unreadable {
    /// A word for logs. The whole text may quote the data.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Base64(_) => "no_base64",
            Self::Amqp(_) => "no_amqp",
            Self::Utf8(_) => "no_utf8",
            Self::Envelope(NotAnEnvelope::Shape(_)) => "no_envelope",
            Self::Envelope(NotAnEnvelope::Version(_)) => "other_version",
            Self::Envelope(NotAnEnvelope::Field { field, .. }) => field,
        }
    }
}

/// The event is no batch at all.
#[derive(Debug, thiserror::Error)]
#[error("the event has no list of messages: is the function behind an Amazon MQ mapping?")]
pub struct NotABatch;

/// Reads a batch, message by message.
///
/// # Errors
/// Only where there is no list of messages. What is wrong with a message is said in its place.
pub fn deliveries(mut event: Value) -> Result<Vec<Delivery>, NotABatch> {
    match event.get_mut("messages").map(Value::take) {
        Some(Value::Array(messages)) => Ok(messages.iter().map(delivery).collect()),
        _ => Err(NotABatch),
    }
}

fn delivery(message: &Value) -> Delivery {
    let text = |pointer| message.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let unnamed = || "unnamed".to_owned();
    let data = text("/data");
    Delivery {
        message_id: text("/messageID").unwrap_or_else(unnamed),
        queue: text("/destination/physicalName")
            .or_else(|| text("/destination/physicalname"))
            .unwrap_or_else(unnamed),
        queued_at: ["brokerInTime", "timestamp"]
            .iter()
            .find_map(|name| millis(&message[*name]))
            .unwrap_or(Timestamp::from_millis(0)),
        // ActiveMQ's name for it: ActiveMQMessage.DLQ_DELIVERY_FAILURE_CAUSE_PROPERTY.
        given_up: text("/properties/dlqDeliveryFailureCause"),
        content: data.as_deref().ok_or(Unreadable::Empty).and_then(envelope),
        data: data.unwrap_or_else(|| message.to_string()),
    }
}

/// A number, or a string of digits.
fn millis(value: &Value) -> Option<Timestamp> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.map(Timestamp::from_millis)
}

fn envelope(data: &str) -> Result<Envelope, Unreadable> {
    let bytes = STANDARD.decode(data)?;
    // An encoded AMQP message starts with the zero byte that introduces a described type; JSON never does.
    let text = if bytes.first() == Some(&0) { amqp::text_of(&bytes)? } else { String::from_utf8(bytes)? };
    Ok(Envelope::from_json(&text)?)
}
