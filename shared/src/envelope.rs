//! What travels through the broker: the body of every message on the work queue.

use crate::payload::Payload;
use expedite_domain::{Invalid, Message, MessageId, MessageType, Priority, Tenant, Trace};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version that this code writes, and the only one that it reads. A field that readers can do without is no new
/// version: old ones pass over it, and new ones do without.
const VERSION: u32 = 1;

/// One hand-over of a message. Its epoch says whether it still counts when it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The message's name.
    pub id: MessageId,
    /// Its owner.
    pub tenant: Tenant,
    /// What it has in common with the request that brought it, for logs.
    pub trace: Trace,
    /// What kind of work.
    pub kind: MessageType,
    /// The message's epoch when it was handed over.
    pub epoch: u32,
    /// Attempts counted by then.
    pub attempt: u32,
    /// How urgent.
    pub priority: Priority,
    /// The caller's JSON.
    pub payload: Payload,
}

/// Why a body is no envelope. It does not pass: such a message is not ours.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEnvelope {
    /// The text is not JSON of the right shape.
    #[error("the body is no envelope: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written by a version that this code does not know.
    #[error("the envelope has version {0}, and only {VERSION} is known")]
    Version(u32),
    /// A field has a value that it can't have.
    #[error("{field} {problem}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What it must be.
        problem: Invalid,
    },
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    id: String,
    tenant: &'a str,
    trace: String,
    r#type: &'a str,
    epoch: u32,
    attempt: u32,
    priority: &'static str,
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Incoming {
    v: u32,
    id: String,
    tenant: String,
    /// Missing where an earlier version of this code wrote the envelope.
    trace: Option<String>,
    r#type: String,
    epoch: u32,
    attempt: u32,
    priority: String,
    payload: Box<RawValue>,
}

impl Envelope {
    /// The envelope of a message as it stands.
    pub fn of(message: &Message, payload: Payload) -> Self {
        Self {
            id: message.id,
            tenant: message.tenant.clone(),
            trace: message.trace,
            kind: message.kind.clone(),
            epoch: message.epoch,
            attempt: message.attempt,
            priority: message.priority,
            payload,
        }
    }

    /// The JSON text that travels.
    ///
    /// # Errors
    /// Never for an envelope that was made from a message; the type says so because the serializer does.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Outgoing {
            v: VERSION,
            id: self.id.to_string(),
            tenant: self.tenant.as_str(),
            trace: self.trace.to_string(),
            r#type: self.kind.as_str(),
            epoch: self.epoch,
            attempt: self.attempt,
            priority: self.priority.as_str(),
            payload: self.payload.raw(),
        })
    }

    /// Reads what [`Envelope::to_json`] wrote. Fields that it does not know are passed over.
    ///
    /// # Errors
    /// [`NotAnEnvelope`] says what is wrong.
    pub fn from_json(text: &str) -> Result<Self, NotAnEnvelope> {
        let wire: Incoming = serde_json::from_str(text)?;
        if wire.v != VERSION {
            return Err(NotAnEnvelope::Version(wire.v));
        }
        let field = |field| move |problem| NotAnEnvelope::Field { field, problem };
        let id = wire.id.parse().map_err(field("id"))?;
        let trace = wire.trace.map(|text| text.parse().map_err(field("trace"))).transpose()?;
        Ok(Self {
            id,
            tenant: wire.tenant.parse().map_err(field("tenant"))?,
            trace: trace.unwrap_or_else(|| Trace::of(id)),
            kind: wire.r#type.parse().map_err(field("type"))?,
            epoch: wire.epoch,
            attempt: wire.attempt,
            priority: wire.priority.parse().map_err(field("priority"))?,
            payload: Payload::restore(wire.payload.get().to_owned())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"v":1,"id":"01234567-89ab-8def-8123-456789abcdef","tenant":"acme","trace":"4bf92f3577b34da6a3ce929d0e0e4736","type":"email","epoch":2,"attempt":1,"priority":"high","payload":{"n":1.10}}"#;

    #[test]
    fn reads_what_it_writes() {
        let envelope = Envelope::from_json(TEXT).unwrap();
        assert_eq!(envelope.payload.get(), r#"{"n":1.10}"#);
        assert_eq!((envelope.epoch, envelope.attempt, envelope.priority), (2, 1, Priority::High));
        assert_eq!(envelope.to_json().unwrap(), TEXT);
    }

    #[test]
    fn does_without_a_trace() {
        let trace = r#""trace":"4bf92f3577b34da6a3ce929d0e0e4736","#;
        let envelope = Envelope::from_json(&TEXT.replacen(trace, "", 1)).unwrap();
        assert_eq!(envelope.trace, Trace::of(envelope.id));
    }

    #[test]
    fn says_what_is_wrong() {
        for (from, to, word) in [
            (r#""v":1"#, r#""v":2"#, "version 2"),
            ("high", "urgent", "priority must be"),
            ("4bf9", "4BF9", "trace must be"),
            ("0123", "zzzz", "id must be"),
            (r#""epoch":2,"#, "", "epoch"),
            (r#"{"n":1.10}}"#, "", "EOF"),
        ] {
            let error = Envelope::from_json(&TEXT.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
