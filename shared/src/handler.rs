//! What runs the work of a message.

use crate::payload::Payload;
use expedite_domain::{MessageId, MessageType, Priority, Tenant, Timestamp, Trace};
use std::{future::Future, time::Duration};

/// One attempt on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The message's name. With `attempt` it is the handler's key for its own idempotency: an attempt whose result got
    /// lost may run again.
    pub id: MessageId,
    /// Its owner.
    pub tenant: Tenant,
    /// What it has in common with the request that brought it, for logs.
    pub trace: Trace,
    /// What kind of work.
    pub kind: MessageType,
    /// How urgent.
    pub priority: Priority,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The number of the last one that there may be.
    pub max_attempts: u32,
    /// When the attempt is given up.
    pub deadline: Timestamp,
    /// The caller's JSON.
    pub payload: Payload,
}

/// How an attempt ended, in the handler's words. A failure is a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The work is done.
    Done,
    /// It failed, and may succeed later.
    Retry {
        /// How long to wait; none leaves it to the backoff.
        after: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// It is not time yet. Counts no attempt.
    Snooze {
        /// How long to wait.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// It can never succeed.
    Discard {
        /// Why.
        reason: String,
    },
}

/// The work itself.
///
/// `process` runs it under a deadline, catches its panics, and counts the attempts. It may run more than once for one
/// message; its result is recorded once.
pub trait Handler: Send + Sync {
    /// Works on one message.
    fn handle(&self, job: Job) -> impl Future<Output = Verdict> + Send;
}
