use super::lengths;
use crate::envelope::Envelope;
use fe2o3_amqp::Sendable;
use fe2o3_amqp_types::{
    messaging::{
        AmqpValue, Body, Header, Message, MessageAnnotations, Priority, Properties,
        message::DecodeIntoMessage,
    },
    primitives::Value,
};
use serde_amqp::read::SliceReader;
use std::time::Duration;

/// ActiveMQ's scheduler holds a message back for as many milliseconds.
const DELIVERY_DELAY: &str = "x-opt-delivery-delay";

/// Why bytes are no AMQP message with a text.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// The encoding is broken.
    #[error("the encoding is broken: {0}")]
    Encoding(String),
    /// The body is something else than a text.
    #[error("the body is no text")]
    NoText,
}

/// A message as it is sent, as often as it takes.
pub(super) type Outgoing = Sendable<AmqpValue<String>>;

pub(super) fn outgoing(envelope: &Envelope, delay: Duration) -> Result<Outgoing, serde_json::Error> {
    let body = envelope.to_json()?;
    let message = Message::builder()
        .header(Header {
            // Anything else is not persistent, and a broker's cursor must never mix the two.
            durable: true,
            priority: Priority(envelope.priority.jms()),
            ttl: None,
            first_acquirer: false,
            delivery_count: 0,
        })
        .properties(
            Properties::builder()
                .message_id(format!("{}.{}", envelope.id, envelope.epoch))
                .correlation_id(envelope.id.to_string())
                .subject(envelope.kind.as_str().to_owned())
                .content_type("application/json")
                .build(),
        );
    let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    if millis == 0 {
        return Ok(message.value(body).build().into());
    }
    let annotations = MessageAnnotations::builder().insert(DELIVERY_DELAY, Value::Long(millis)).build();
    Ok(message.message_annotations(annotations).value(body).build().into())
}

/// The text in an encoded AMQP 1.0 message: what the broker's default transformer, `native`, makes of a message that
/// came in over AMQP, for a consumer that speaks OpenWire.
///
/// # Errors
/// [`Undecodable`] where the bytes are no message, or its body is neither a text nor UTF-8 bytes.
pub fn text_of(encoded: &[u8]) -> Result<String, Undecodable> {
    if !lengths::fit(encoded) {
        return Err(Undecodable::Encoding("a length reaches beyond its end".to_owned()));
    }
    let message: Message<Body<Value>> = Body::decode_message_from_reader(SliceReader::new(encoded))
        .map_err(|error| Undecodable::Encoding(error.to_string()))?;
    match message.body {
        Body::Value(AmqpValue(Value::String(text))) => Ok(text),
        Body::Data(batch) => {
            let bytes: Vec<u8> = batch.into_iter().flat_map(|data| data.0.into_vec()).collect();
            String::from_utf8(bytes).map_err(|_| Undecodable::NoText)
        }
        _ => Err(Undecodable::NoText),
    }
}
