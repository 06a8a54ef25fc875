//! A message as callers and subscribers see it, and times as they are written for them.

use crate::payload::Payload;
use expedite_domain::{Message, TimelineEntry, Timestamp, View};
use serde::Serialize;
use serde_json::value::RawValue;

/// RFC 3339 in UTC with milliseconds, `2026-01-31T08:15:00.000Z`.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis())
        .map_or_else(|_| at.millis().to_string(), |time| format!("{time:.3}"))
}

/// Reads RFC 3339 with any offset.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

/// A message in an answer over HTTP.
#[derive(Debug, Serialize)]
pub struct MessageView {
    id: String,
    r#type: String,
    priority: &'static str,
    state: &'static str,
    version: u64,
    attempt: u32,
    max_attempts: u32,
    created_at: String,
    deliver_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    bypassed: bool,
    trace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<EntryView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline_dropped: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct EntryView {
    state: &'static str,
    at: String,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl MessageView {
    /// The message as it looks at `now`, without timeline and payload.
    pub fn of(message: &Message, now: Timestamp) -> Self {
        Self {
            id: message.id.to_string(),
            r#type: message.kind.as_str().to_owned(),
            priority: message.priority.as_str(),
            state: View::of(message, now).as_str(),
            version: message.version,
            attempt: message.attempt,
            max_attempts: message.attempt_limit,
            created_at: rfc3339(message.created_at),
            deliver_at: rfc3339(message.deliver_at),
            expires_at: message.start_by.map(rfc3339),
            bypassed: message.bypassed,
            trace: message.trace.to_string(),
            reason: message.reason().map(str::to_owned),
            timeline: None,
            timeline_dropped: None,
            payload: None,
        }
    }

    /// With what happened to it.
    #[must_use]
    pub fn with_timeline(mut self, message: &Message) -> Self {
        self.timeline = Some(message.timeline.entries.iter().map(entry).collect());
        self.timeline_dropped = Some(message.timeline.dropped).filter(|dropped| *dropped > 0);
        self
    }

    /// With the caller's JSON.
    #[must_use]
    pub fn with_payload(mut self, payload: &Payload) -> Self {
        self.payload = Some(payload.raw().to_owned());
        self
    }
}

fn entry(entry: &TimelineEntry) -> EntryView {
    EntryView {
        state: entry.state.as_str(),
        at: rfc3339(entry.at),
        attempt: entry.attempt,
        detail: entry.detail.clone(),
    }
}

/// A change of a message, as it is pushed to subscribers.
#[derive(Clone, Debug, Serialize)]
pub struct Update {
    id: String,
    r#type: String,
    priority: &'static str,
    state: &'static str,
    version: u64,
    attempt: u32,
    max_attempts: u32,
    created_at: String,
    deliver_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    bypassed: bool,
    trace: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Update {
    /// The change that led to `message`. `at` is when it was made.
    pub fn of(message: &Message) -> Self {
        let at = message.changed_at();
        Self {
            id: message.id.to_string(),
            r#type: message.kind.as_str().to_owned(),
            priority: message.priority.as_str(),
            state: View::of(message, at).as_str(),
            version: message.version,
            attempt: message.attempt,
            max_attempts: message.attempt_limit,
            created_at: rfc3339(message.created_at),
            deliver_at: rfc3339(message.deliver_at),
            expires_at: message.start_by.map(rfc3339),
            bypassed: message.bypassed,
            trace: message.trace.to_string(),
            at: rfc3339(at),
            reason: message.reason().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_utc() {
        let at = Timestamp::from_millis(1_769_847_300_000);
        assert_eq!(rfc3339(at), "2026-01-31T08:15:00.000Z");
        assert_eq!(parse_rfc3339("2026-01-31T09:15:00+01:00"), Some(at));
        assert_eq!(parse_rfc3339("2026-01-31T08:15:00.000Z"), Some(at));
        for text in ["", "2026-01-31", "2026-01-31T08:15:00", "tomorrow", "1769847300"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
