//! What the broker's event source mapping delivers.
//!
//! The mapping's documentation, captured events and other runtimes' fixtures disagree about half of the fields, and one
//! message that does not parse would fail its whole batch, innocent neighbours included. So each message is read by
//! itself, and only by the one field that is needed: its data. That is either the text of the envelope or, with the
//! broker's default transformer for messages that came in over AMQP, a whole encoded AMQP message around it.

use crate::{
    adapters::amqp,
    envelope::{Envelope, NotAnEnvelope},
};
use aws_lambda_events::activemq::ActiveMqMessage;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// One message of a batch.
#[derive(Debug)]
pub struct Delivery {
    /// The broker's name for it, for the logs.
    pub message_id: String,
    /// Whether the broker says that it was delivered before. A hint: attempts are counted in the table.
    pub redelivered: bool,
    /// What it holds.
    pub content: Result<Envelope, Unreadable>,
}

/// Why a message of a batch can't be read. It does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The message is no object, or its known fields have impossible types.
    #[error("the message has an unknown shape: {0}")]
    Shape(String),
    /// It has no data.
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
        Some(Value::Array(messages)) => Ok(messages.into_iter().map(delivery).collect()),
        _ => Err(NotABatch),
    }
}

fn delivery(message: Value) -> Delivery {
    let name = message.get("messageID").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
    match normalise(message) {
        Ok(message) => Delivery {
            message_id: name,
            redelivered: message.redelivered,
            content: message.data.ok_or(Unreadable::Empty).and_then(|data| envelope(&data)),
        },
        Err(unreadable) => Delivery { message_id: name, redelivered: false, content: Err(unreadable) },
    }
}

/// Gives every field that the crate's type insists on the form that it takes.
fn normalise(message: Value) -> Result<ActiveMqMessage, Unreadable> {
    let Value::Object(given) = message else {
        return Err(Unreadable::Shape("it is no object".to_owned()));
    };
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let destination = given.get("destination").and_then(Value::as_object);
    let queue = destination.and_then(|d| d.get("physicalName").or_else(|| d.get("physicalname")));
    let normal = json!({
        "messageID": text("messageID"),
        "messageType": text("messageType"),
        "correlationID": text("correlationID").or_else(|| text("correlationId")),
        "replyTo": text("replyTo").filter(|reply| *reply != "null"),
        "data": text("data"),
        "timestamp": number(&given, "timestamp"),
        "deliveryMode": number(&given, "deliveryMode"),
        "expiration": number(&given, "expiration"),
        "priority": number(&given, "priority"),
        "brokerInTime": number(&given, "brokerInTime"),
        "brokerOutTime": number(&given, "brokerOutTime"),
        "redelivered": given.get("redelivered").is_some_and(|flag| *flag == true || *flag == "true"),
        "destination": {"physicalName": queue.and_then(Value::as_str)},
        "properties": {},
    });
    serde_json::from_value(normal).map_err(|error| Unreadable::Shape(error.to_string()))
}

/// A number, also one in quotes; zero where there is none, since nothing here depends on it.
fn number(given: &Map<String, Value>, name: &str) -> i64 {
    match given.get(name) {
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        _ => 0,
    }
}

fn envelope(data: &str) -> Result<Envelope, Unreadable> {
    let bytes = STANDARD.decode(data)?;
    // An encoded AMQP message starts with the zero byte that introduces a described type; JSON never does.
    let text = if bytes.first() == Some(&0) { amqp::text_of(&bytes)? } else { String::from_utf8(bytes)? };
    Ok(Envelope::from_json(&text)?)
}
