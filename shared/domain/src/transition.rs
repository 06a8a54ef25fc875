use crate::{
    message::{Fields, Lease, Message, TimelineEntry},
    name::Owner,
    state::{Handover, State},
    time::Timestamp,
    window::{QUEUED_GRACE, RELAY_GRACE, handover_due},
};

/// The longest reason that a timeline keeps, in characters.
const DETAIL_LIMIT: usize = 500;

/// What can happen to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker confirmed a hand-over that was made with this epoch.
    HandedOver {
        /// The epoch in the envelope.
        epoch: u32,
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
            Self::NotApplicable(_) => "not_applicable",
        }
    }
}

/// The message after `event`, or why the event does not apply to it.
///
/// The only place that changes a state. The result's version is one higher; write it on the condition that the stored
/// version is still `message.version`.
///
/// # Errors
/// [`Refused`] says why nothing changes.
pub fn transition(message: &Message, event: Event, now: Timestamp) -> Result<Message, Refused> {
    if message.state.is_final() {
        return Err(Refused::Final(message.state));
    }
    let mut next = message.clone().into_fields();
    let detail = match event {
        Event::HandedOver { epoch } => handed_over(&mut next, epoch, now)?,
        Event::HandoverFailed { epoch, reason } => handover_failed(&mut next, epoch, reason, now)?,
        Event::Claimed { epoch, lease } => claimed(&mut next, epoch, lease, now)?,
        Event::GivenBack { epoch } => given_back(&mut next, epoch, now)?,
        Event::Finished { owner, outcome } => finished(&mut next, owner, outcome, now)?,
        Event::LeaseLapsed { retry_at } => lease_lapsed(&mut next, retry_at, now)?,
    };
    next.version += 1;
    let entry = TimelineEntry {
        state: next.state,
        at: now,
        attempt: next.attempt,
        detail: detail.map(|text| text.chars().take(DETAIL_LIMIT).collect()),
    };
    next.timeline.push(entry);
    Ok(Message::restore(next))
}

type Detail = Result<Option<String>, Refused>;

fn handed_over(next: &mut Fields, epoch: u32, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    let again = match next.state {
        State::Accepted | State::Retrying => false,
        State::Queued if next.due_at.is_some_and(|due| due <= now) => true,
        state => return Err(Refused::NotApplicable(state)),
    };
    next.state = State::Queued;
    next.handover = None;
    next.due_at = Some(next.deliver_at.max(now).plus(QUEUED_GRACE));
    Ok(again.then(|| "handed over again: it was not delivered in time".to_owned()))
}

fn handover_failed(next: &mut Fields, epoch: u32, reason: String, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    if next.state != State::Accepted || next.handover != Some(Handover::Ingest) {
        return Err(Refused::NotApplicable(next.state));
    }
    owe_handover(next, now);
    Ok(Some(reason))
}

/// Works from every state that a delivery can find: it may overtake the mark `queued`, and a lapsed lease is open.
fn claimed(next: &mut Fields, epoch: u32, lease: Lease, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    let lapsed = match next.state {
        State::Accepted | State::Queued | State::Retrying => false,
        State::Processing => {
            let until = next.lease.map_or(now, |held| held.until);
            if until > now {
                return Err(Refused::Leased { until });
            }
            if next.attempt >= next.max_attempts.get() {
                return Err(Refused::Exhausted);
            }
            true
        }
        State::Completed | State::Failed => return Err(Refused::Final(next.state)),
    };
    next.state = State::Processing;
    next.attempt += 1;
    next.handover = None;
    next.lease = Some(lease);
    next.due_at = Some(lease.until);
    Ok(lapsed.then(|| "claimed after the lease of the attempt before lapsed".to_owned()))
}

fn given_back(next: &mut Fields, epoch: u32, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    if !matches!(next.state, State::Accepted | State::Queued | State::Retrying) {
        return Err(Refused::NotApplicable(next.state));
    }
    next.state = State::Accepted;
    next.epoch += 1;
    next.deliver_at = next.deliver_at.min(now);
    owe_handover(next, now);
    Ok(Some("given back: no time was left to start it".to_owned()))
}

fn finished(next: &mut Fields, owner: Owner, outcome: Outcome, now: Timestamp) -> Detail {
    if next.state != State::Processing || next.lease.is_none_or(|held| held.owner != owner) {
        return Err(Refused::NotHolder);
    }
    match outcome {
        Outcome::Done => {
            end(next, State::Completed);
            Ok(None)
        }
        Outcome::Discard { reason } => {
            end(next, State::Failed);
            Ok(Some(reason))
        }
        Outcome::Snooze { until, reason } => {
            next.attempt -= 1;
            retry(next, until, now);
            Ok(Some(reason))
        }
        Outcome::Retry { at, reason } => Ok(Some(retry_or_fail(next, at, reason, now))),
    }
}

fn lease_lapsed(next: &mut Fields, retry_at: Timestamp, now: Timestamp) -> Detail {
    match next.lease {
        Some(held) if next.state == State::Processing && held.until <= now => {}
        Some(held) if next.state == State::Processing => return Err(Refused::Leased { until: held.until }),
        _ => return Err(Refused::NotApplicable(next.state)),
    }
    let reason = "the attempt ended without an outcome: its lease lapsed".to_owned();
    Ok(Some(retry_or_fail(next, retry_at, reason, now)))
}

fn retry_or_fail(next: &mut Fields, at: Timestamp, reason: String, now: Timestamp) -> String {
    if next.attempt < next.max_attempts.get() {
        retry(next, at, now);
        return reason;
    }
    end(next, State::Failed);
    format!("attempt {} of {} failed: {reason}", next.attempt, next.max_attempts.get())
}

fn retry(next: &mut Fields, at: Timestamp, now: Timestamp) {
    next.state = State::Retrying;
    next.epoch += 1;
    next.deliver_at = at.max(now);
    next.lease = None;
    owe_handover(next, now);
}

fn end(next: &mut Fields, state: State) {
    next.state = state;
    next.handover = None;
    next.lease = None;
    next.due_at = None;
}

fn owe_handover(next: &mut Fields, now: Timestamp) {
    next.handover = Some(Handover::Relay);
    next.due_at = Some(handover_due(next.deliver_at, now, RELAY_GRACE));
}

fn same_epoch(next: &Fields, epoch: u32) -> Result<(), Refused> {
    if next.epoch == epoch { Ok(()) } else { Err(Refused::StaleEpoch) }
}
