use crate::{aging::Raise, message::Lease, name::Owner, priority::Priority, state::State, time::Timestamp};

/// What can happen to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker confirmed a hand-over that was made with this epoch.
    HandedOver {
        /// The epoch in the envelope.
        epoch: u32,
        /// What happens to the message if it waits too long in its class, by [`Aging`](crate::Aging).
        raise: Option<Raise>,
    },
    /// `ingest` could not hand over; the relay owes it from now on.
    HandoverFailed {
        /// The epoch that was tried.
        epoch: u32,
        /// What went wrong.
        reason: String,
    },
    /// A delivery arrived and an attempt wants to start.
    Claimed {
        /// The epoch in the envelope.
        epoch: u32,
        /// Who claims, and until when.
        lease: Lease,
    },
    /// A delivery arrived and there is no time left to start it. Counts no attempt.
    GivenBack {
        /// The epoch in the envelope.
        epoch: u32,
    },
    /// The attempt that `owner` holds has ended.
    Finished {
        /// The holder of the lease.
        owner: Owner,
        /// How it ended.
        outcome: Outcome,
    },
    /// The lease ended with no outcome: the attempt is counted, and the next one is due at `retry_at`.
    LeaseLapsed {
        /// When to try again, if attempts are left.
        retry_at: Timestamp,
    },
    /// The broker gave a hand-over up, after redelivering it in vain: the attempt is counted, as if it had started.
    GivenUp {
        /// The epoch in the envelope.
        epoch: u32,
        /// When to try again, if attempts are left.
        retry_at: Timestamp,
        /// What the broker says.
        reason: String,
    },
    /// It was not started by the end that its caller had set.
    Expired,
    /// It has waited long enough in its class.
    Aged {
        /// The class that it gets.
        to: Priority,
    },
    /// A caller takes it back.
    Cancelled,
    /// A caller wants it at another time or with another priority. A high one bypasses the time, as a new one does.
    Amended {
        /// The new class, where it changes.
        priority: Option<Priority>,
        /// The new time, where it changes.
        deliver_at: Option<Timestamp>,
    },
    /// A caller wants a failed one tried again, with as many attempts as at first.
    Redriven {
        /// The new class, where it changes.
        priority: Option<Priority>,
        /// When.
        deliver_at: Timestamp,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// It failed; try again at `at` if attempts are left.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It is not time yet; come back at `until`, no attempt counted.
    Snooze {
        /// When.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// It can never succeed.
    Discard {
        /// Why.
        reason: String,
    },
}

/// Why an event does not apply. Late and doubled events end here: they are counted, and are no errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The event belongs to an earlier hand-over than the one that counts.
    StaleEpoch,
    /// The message has ended.
    Final(State),
    /// A live lease holds the message.
    Leased {
        /// Its end.
        until: Timestamp,
    },
    /// Whoever reports an outcome does not hold the lease any more.
    NotHolder,
    /// The lease lapsed on the last attempt; there is none left to claim.
    Exhausted,
    /// It is too late to start it: apply [`Event::Expired`].
    Expired,
    /// The new time lies behind the end that the caller had set.
    BeyondEnd {
        /// The end.
        end: Timestamp,
    },
    /// Nothing would change.
    Unchanged,
    /// The message is not in a state in which the event means something.
    NotApplicable(State),
}

impl Refused {
    /// A short word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaleEpoch => "stale_epoch",
            Self::Final(_) => "final",
            Self::Leased { .. } => "leased",
            Self::NotHolder => "not_holder",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::BeyondEnd { .. } => "beyond_end",
            Self::Unchanged => "unchanged",
            Self::NotApplicable(_) => "not_applicable",
        }
    }
}
