use crate::{
    name::{MaxAttempts, MessageId, MessageType, Owner, Subject, Tenant, Trace},
    priority::Priority,
    state::{Handover, State},
    time::Timestamp,
    window::{INGEST_GRACE, handover_due, no_later, within_window},
};
use std::{ops::Deref, time::Duration};

/// The longest delay that a caller can ask for: 30 days.
pub const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many steps of its life a message remembers: 20 attempts of three steps each, and a few more.
pub const TIMELINE_LIMIT: usize = 64;

/// SHA-256 of the request that made a message: tells a replay from a different message under the same key.
pub type Fingerprint = [u8; 32];

/// A message's claim on one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub owner: Owner,
    /// From here on somebody else may claim the message.
    pub until: Timestamp,
}

/// One step in the life of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The state that the step led to.
    pub state: State,
    /// When.
    pub at: Timestamp,
    /// Attempts counted by then.
    pub attempt: u32,
    /// Why, where there is something to say.
    pub detail: Option<String>,
}

/// What happened to a message, oldest first: at most [`TIMELINE_LIMIT`] entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The entries that are kept: the first and the newest.
    pub entries: Vec<TimelineEntry>,
    /// How many were left out behind the first one.
    pub dropped: u32,
}

impl Timeline {
    pub(crate) fn push(&mut self, entry: TimelineEntry) {
        if self.entries.len() >= TIMELINE_LIMIT {
            self.entries.remove(1);
            self.dropped += 1;
        }
        self.entries.push(entry);
    }
}

/// All that the table keeps of a message, but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The owner.
    pub tenant: Tenant,
    /// The name, unique within the tenant.
    pub id: MessageId,
    /// What kind of work it asks for.
    pub kind: MessageType,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// Raised by one with every change; what subscribers order updates by.
    pub version: u64,
    /// Raised by whoever makes an earlier hand-over void; a delivery with an older one is dropped.
    pub epoch: u32,
    /// Attempts counted so far, the running one included.
    pub attempt: u32,
    /// How many the caller asked for; a redrive adds as many again.
    pub max_attempts: MaxAttempts,
    /// The number of the last attempt that there may be.
    pub attempt_limit: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not to be started earlier than this.
    pub deliver_at: Timestamp,
    /// Since when it waits in its class: from `deliver_at` on, or from when its priority changed.
    pub waiting_since: Timestamp,
    /// Not to be started for the first time later than this, where its caller set an end.
    pub start_by: Option<Timestamp>,
    /// Whether it had a delay that its priority made void.
    pub bypassed: bool,
    /// Who owes its hand-over to the broker, where it is owed.
    pub handover: Option<Handover>,
    /// Who runs it, while it is processing.
    pub lease: Option<Lease>,
    /// When somebody must look at it if nothing happens; none once it is final.
    pub due_at: Option<Timestamp>,
    /// Who submitted it, where the token said.
    pub submitter: Option<Subject>,
    /// What it has in common with the request that brought it, for logs.
    pub trace: Trace,
    /// What it was made from.
    pub fingerprint: Fingerprint,
    /// What happened to it.
    pub timeline: Timeline,
}

impl Fields {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.attempt == 0 && self.start_by.is_some_and(|end| end <= now)
    }

    /// The end that the caller set, as long as it still matters.
    pub(crate) fn open_end(&self) -> Option<Timestamp> {
        self.start_by.filter(|_| self.attempt == 0)
    }
}

/// A message. Its fields can be read by all and are changed by [`transition`](crate::transition()) alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Fields);

impl Deref for Message {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

/// What a caller asks for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The owner.
    pub tenant: Tenant,
    /// The name that it gets.
    pub id: MessageId,
    /// What kind of work.
    pub kind: MessageType,
    /// How urgent.
    pub priority: Priority,
    /// When to deliver it, where the caller named a delay or a time.
    pub deliver_at: Option<Timestamp>,
    /// How many attempts it may have.
    pub max_attempts: MaxAttempts,
    /// When it is too late to start it, where the caller set an end.
    pub start_by: Option<Timestamp>,
    /// Who submitted it, where the token said.
    pub submitter: Option<Subject>,
    /// What it has in common with the request that brings it, for logs.
    pub trace: Trace,
    /// What it was made from.
    pub fingerprint: Fingerprint,
}

impl Message {
    /// A new message, accepted at `now`.
    ///
    /// A high one bypasses its delay. A time that has passed means now. One whose time is further off than the broker
    /// is trusted with (15 minutes) waits in the table for the relay, any other one is
    /// `ingest`'s to hand over.
    pub fn accept(submission: Submission, now: Timestamp) -> Self {
        let asked = submission.deliver_at.unwrap_or(now).max(now);
        let bypassed = submission.priority == Priority::High && asked > now;
        let deliver_at = if bypassed { now } else { asked };
        let handover = if within_window(deliver_at, now) { Handover::Ingest } else { Handover::Relay };
        let mut timeline = Timeline::default();
        timeline.push(TimelineEntry {
            state: State::Accepted,
            at: now,
            attempt: 0,
            detail: bypassed.then(|| "high priority: the delay was bypassed".to_owned()),
        });
        Self(Fields {
            tenant: submission.tenant,
            id: submission.id,
            kind: submission.kind,
            priority: submission.priority,
            state: State::Accepted,
            version: 1,
            epoch: 1,
            attempt: 0,
            max_attempts: submission.max_attempts,
            attempt_limit: submission.max_attempts.get(),
            created_at: now,
            deliver_at,
            waiting_since: deliver_at,
            start_by: submission.start_by,
            bypassed,
            handover: Some(handover),
            lease: None,
            due_at: Some(no_later(handover_due(deliver_at, now, INGEST_GRACE), submission.start_by)),
            submitter: submission.submitter,
            trace: submission.trace,
            fingerprint: submission.fingerprint,
            timeline,
        })
    }

    /// A message as a store kept it. For store adapters: everybody else gets messages from a store or from
    /// [`transition`](crate::transition()).
    pub fn restore(fields: Fields) -> Self {
        Self(fields)
    }

    /// Whether it is too late to start it: its caller's end has come, and no attempt was ever counted.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.0.has_expired(now)
    }

    /// Why the message stands where it stands, where its last step gave a reason.
    pub fn reason(&self) -> Option<&str> {
        self.timeline.entries.last().and_then(|entry| entry.detail.as_deref())
    }

    pub(crate) fn into_fields(self) -> Fields {
        self.0
    }
}
