//! How a message lies in the table.

use super::ttl;
use crate::ports::{DUE_SHARDS, Key, Position, StoreError, is_indexed};
use expedite_domain::{
    Fields, Fingerprint, Lease, MaxAttempts, Message, State, Tenant, Timeline, TimelineEntry, Timestamp,
    Trace,
};
use serde::{Deserialize, Serialize};
use std::{fmt::Display, str::FromStr, time::Duration};

/// Sort key of the message itself.
pub(super) const MESSAGE: &str = "message";
/// Sort key of its payload, an item of its own so that changes of state stay small.
pub(super) const PAYLOAD: &str = "payload";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageItem {
    pk: String,
    sk: String,
    tenant: String,
    id: String,
    r#type: String,
    priority: String,
    state: String,
    version: u64,
    epoch: u32,
    attempt: u32,
    max_attempts: u32,
    attempt_limit: u32,
    created_at: i64,
    deliver_at: i64,
    waiting_since: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_by: Option<i64>,
    bypassed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitter: Option<String>,
    /// Missing where an earlier version of this code wrote the item last.
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handover: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    /// Which part of the index over `due_at` it lies in; there as long as `due_at` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
    /// Sort key of the indexes `by_tenant` and `by_state`.
    created: String,
    /// Partition of the index `by_state`; there while somebody may still have something to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<String>,
    fingerprint: String,
    timeline: Vec<EntryItem>,
    timeline_dropped: u32,
    /// When DynamoDB removes it, in seconds since the epoch; there once it is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EntryItem {
    state: String,
    at: i64,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PayloadItem {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) payload: String,
}

pub(crate) fn pk(key: &Key) -> String {
    format!("{}#{}", key.tenant.as_str(), key.id)
}

/// The key in a `pk`. An id has no `#`, so the last one parts it from the tenant.
pub(super) fn key_in(pk: &str) -> Option<Key> {
    let (tenant, id) = pk.rsplit_once('#')?;
    Some(Key { tenant: tenant.parse().ok()?, id: id.parse().ok()? })
}

/// Sort key of the index `by_tenant`: milliseconds with leading zeros, so that text sorts as time does, and the id.
pub(super) fn created(position: &Position) -> String {
    format!("{:015}#{}", position.created_at.millis(), position.id)
}

/// The place in a sort key that [`created`] made.
pub(super) fn position_in(created: &str) -> Option<Position> {
    let (millis, id) = created.split_once('#')?;
    Some(Position { created_at: Timestamp::from_millis(millis.parse().ok()?), id: id.parse().ok()? })
}

/// A state of a tenant, as the index `by_state` names it. A state has no `#`, so no tenant reaches into another one's.
pub(super) fn open(tenant: &Tenant, state: State) -> String {
    format!("{}#{state}", tenant.as_str())
}

/// The part of the index over `due_at` that a message lies in, by the last byte of its id.
fn due_shard(fields: &Fields) -> String {
    let text = fields.id.to_string();
    let last = text.bytes().last().unwrap_or_default();
    (last % DUE_SHARDS).to_string()
}

impl MessageItem {
    pub(super) fn of(message: &Message, retention: Duration) -> Self {
        let ended =
            message.timeline.entries.last().filter(|_| message.state.is_final()).map(|entry| entry.at);
        Self {
            pk: pk(&Key::of(message)),
            sk: MESSAGE.to_owned(),
            tenant: message.tenant.as_str().to_owned(),
            id: message.id.to_string(),
            r#type: message.kind.as_str().to_owned(),
            priority: message.priority.as_str().to_owned(),
            state: message.state.as_str().to_owned(),
            version: message.version,
            epoch: message.epoch,
            attempt: message.attempt,
            max_attempts: message.max_attempts.get(),
            attempt_limit: message.attempt_limit,
            created_at: message.created_at.millis(),
            deliver_at: message.deliver_at.millis(),
            waiting_since: message.waiting_since.millis(),
            start_by: message.start_by.map(Timestamp::millis),
            bypassed: message.bypassed,
            submitter: message.submitter.as_ref().map(|subject| subject.as_str().to_owned()),
            trace: Some(message.trace.to_string()),
            handover: message.handover.map(|handover| handover.as_str().to_owned()),
            lease_owner: message.lease.map(|lease| lease.owner.to_string()),
            lease_until: message.lease.map(|lease| lease.until.millis()),
            due_at: message.due_at.map(Timestamp::millis),
            due_shard: message.due_at.map(|_| due_shard(message)),
            created: created(&Position { created_at: message.created_at, id: message.id }),
            open: is_indexed(message.state).then(|| open(&message.tenant, message.state)),
            fingerprint: hex::encode(message.fingerprint),
            timeline: message.timeline.entries.iter().map(EntryItem::of).collect(),
            timeline_dropped: message.timeline.dropped,
            expires_at: ended.map(|at| ttl(at.plus(retention))),
        }
    }

    fn into_message(self) -> Result<Message, StoreError> {
        let name = self.pk;
        let lease = match (self.lease_owner, self.lease_until) {
            (Some(owner), Some(until)) => Some(Lease {
                owner: read(&name, "lease_owner", &owner)?,
                until: Timestamp::from_millis(until),
            }),
            _ => None,
        };
        let mut fingerprint = Fingerprint::default();
        hex::decode_to_slice(&self.fingerprint, &mut fingerprint)
            .map_err(|error| corrupt(&name, "fingerprint", error))?;
        let entries =
            self.timeline.into_iter().map(|entry| entry.into_entry(&name)).collect::<Result<Vec<_>, _>>()?;
        let id = read(&name, "id", &self.id)?;
        let trace = self.trace.map(|text| read(&name, "trace", &text)).transpose()?;
        Ok(Message::restore(Fields {
            tenant: read(&name, "tenant", &self.tenant)?,
            id,
            kind: read(&name, "type", &self.r#type)?,
            priority: read(&name, "priority", &self.priority)?,
            state: read(&name, "state", &self.state)?,
            version: self.version,
            epoch: self.epoch,
            attempt: self.attempt,
            max_attempts: MaxAttempts::new(self.max_attempts.into())
                .map_err(|problem| corrupt(&name, "max_attempts", problem))?,
            attempt_limit: self.attempt_limit,
            created_at: Timestamp::from_millis(self.created_at),
            deliver_at: Timestamp::from_millis(self.deliver_at),
            waiting_since: Timestamp::from_millis(self.waiting_since),
            start_by: self.start_by.map(Timestamp::from_millis),
            bypassed: self.bypassed,
            submitter: self.submitter.map(|text| read(&name, "submitter", &text)).transpose()?,
            trace: trace.unwrap_or_else(|| Trace::of(id)),
            handover: self.handover.map(|text| read(&name, "handover", &text)).transpose()?,
            lease,
            due_at: self.due_at.map(Timestamp::from_millis),
            fingerprint,
            timeline: Timeline { entries, dropped: self.timeline_dropped },
        }))
    }
}

impl EntryItem {
    fn of(entry: &TimelineEntry) -> Self {
        Self {
            state: entry.state.as_str().to_owned(),
            at: entry.at.millis(),
            attempt: entry.attempt,
            detail: entry.detail.clone(),
        }
    }

    fn into_entry(self, name: &str) -> Result<TimelineEntry, StoreError> {
        Ok(TimelineEntry {
            state: read(name, "timeline.state", &self.state)?,
            at: Timestamp::from_millis(self.at),
            attempt: self.attempt,
            detail: self.detail,
        })
    }
}

/// Reads a message from an item of the table or of its stream.
///
/// # Errors
/// [`StoreError::Corrupt`] names the item and what is wrong with it.
pub fn message_from(item: impl Into<serde_dynamo::Item>) -> Result<Message, StoreError> {
    let item: serde_dynamo::Item = item.into();
    serde_dynamo::from_item::<_, MessageItem>(item)
        .map_err(|error| StoreError::Corrupt(error.to_string()))?
        .into_message()
}

/// The item of a message, as the table's stream shows it.
#[cfg(feature = "fakes")]
pub(crate) fn image(message: &Message) -> Result<serde_dynamo::Item, StoreError> {
    serde_dynamo::to_item(MessageItem::of(message, Duration::ZERO)).map_err(super::incomplete)
}

fn read<T: FromStr<Err: Display>>(item: &str, field: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error| corrupt(item, field, error))
}

fn corrupt(item: &str, field: &str, problem: impl Display) -> StoreError {
    StoreError::Corrupt(format!("{item}: {field} {problem}"))
}
