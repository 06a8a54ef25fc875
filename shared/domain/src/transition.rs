use crate::{
    aging::Raise,
    event::{Event, Outcome, Refused},
    message::{Fields, Lease, Message, TimelineEntry},
    name::Owner,
    priority::Priority,
    state::{Handover, State},
    time::Timestamp,
    window::{QUEUED_GRACE, RELAY_GRACE, SCHEDULED_GRACE, handover_due, no_later},
};

/// The longest reason that a timeline keeps, in characters.
const DETAIL_LIMIT: usize = 500;

/// The message after `event`, or why the event does not apply to it.
///
/// The only place that changes a state. The result's version is one higher; write it on the condition that the stored
/// version is still `message.version`.
///
/// # Errors
/// [`Refused`] says why nothing changes.
pub fn transition(message: &Message, event: Event, now: Timestamp) -> Result<Message, Refused> {
    let revives = message.state == State::Failed && matches!(event, Event::Redriven { .. });
    if message.state.is_final() && !revives {
        return Err(Refused::Final(message.state));
    }
    let mut next = message.clone().into_fields();
    let detail = match event {
        Event::HandedOver { epoch, raise } => handed_over(&mut next, epoch, raise, now)?,
        Event::HandoverFailed { epoch, reason } => handover_failed(&mut next, epoch, reason, now)?,
        Event::Claimed { epoch, lease } => claimed(&mut next, epoch, lease, now)?,
        Event::GivenBack { epoch } => given_back(&mut next, epoch, now)?,
        Event::Finished { owner, outcome } => finished(&mut next, owner, outcome, now)?,
        Event::LeaseLapsed { retry_at } => lease_lapsed(&mut next, retry_at, now)?,
        Event::GivenUp { epoch, retry_at, reason } => given_up(&mut next, epoch, retry_at, reason, now)?,
        Event::Expired => expired(&mut next, now)?,
        Event::Aged { to } => aged(&mut next, to, now)?,
        Event::Cancelled => cancelled(&mut next)?,
        Event::Amended { priority, deliver_at } => amended(&mut next, priority, deliver_at, now)?,
        Event::Redriven { priority, deliver_at } => redriven(&mut next, priority, deliver_at, now)?,
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

fn handed_over(next: &mut Fields, epoch: u32, raise: Option<Raise>, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    let again = match next.state {
        State::Accepted | State::Retrying => false,
        State::Queued if next.due_at.is_some_and(|due| due <= now) => true,
        state => return Err(Refused::NotApplicable(state)),
    };
    next.state = State::Queued;
    next.handover = None;
    let overdue =
        if next.deliver_at > now { next.deliver_at.plus(SCHEDULED_GRACE) } else { now.plus(QUEUED_GRACE) };
    let raised = raise.map(|raise| raise.at(next.waiting_since));
    next.due_at = Some(no_later(no_later(overdue, raised), next.open_end()));
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
        State::Accepted | State::Queued | State::Retrying if next.has_expired(now) => {
            return Err(Refused::Expired);
        }
        State::Accepted | State::Queued | State::Retrying => false,
        State::Processing => {
            let until = next.lease.map_or(now, |held| held.until);
            if until > now {
                return Err(Refused::Leased { until });
            }
            if next.attempt >= next.attempt_limit {
                return Err(Refused::Exhausted);
            }
            true
        }
        state => return Err(Refused::Final(state)),
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
    waits(next)?;
    next.deliver_at = next.deliver_at.min(now);
    next.waiting_since = next.waiting_since.min(now);
    ask_again(next, State::Accepted, now);
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
    no_live_lease(next, now)?;
    let reason = "the attempt ended without an outcome: its lease lapsed".to_owned();
    Ok(Some(retry_or_fail(next, retry_at, reason, now)))
}

/// An attempt that holds a lease is counted already; one that never got that far is counted here.
fn given_up(next: &mut Fields, epoch: u32, retry_at: Timestamp, reason: String, now: Timestamp) -> Detail {
    same_epoch(next, epoch)?;
    if next.state == State::Processing {
        no_live_lease(next, now)?;
    } else if next.has_expired(now) {
        return Err(Refused::Expired);
    } else {
        next.attempt += 1;
    }
    Ok(Some(retry_or_fail(next, retry_at, format!("the broker gave it up: {reason}"), now)))
}

fn expired(next: &mut Fields, now: Timestamp) -> Detail {
    waits(next)?;
    if !next.has_expired(now) {
        return Err(Refused::NotApplicable(next.state));
    }
    end(next, State::Expired);
    Ok(Some("it was not started by the end that its caller had set".to_owned()))
}

/// The copy in the broker has the old class, so it is made void and another one is owed.
fn aged(next: &mut Fields, to: Priority, now: Timestamp) -> Detail {
    if next.state != State::Queued || to <= next.priority {
        return Err(Refused::NotApplicable(next.state));
    }
    let waited = next.waiting_since.until(now).as_secs();
    let from = std::mem::replace(&mut next.priority, to);
    next.waiting_since = now;
    ask_again(next, State::Accepted, now);
    Ok(Some(format!("raised from {from} to {to}: it has waited for {waited} s")))
}

fn cancelled(next: &mut Fields) -> Detail {
    waits(next)?;
    next.epoch += 1;
    end(next, State::Cancelled);
    Ok(Some("cancelled by its caller".to_owned()))
}

fn amended(
    next: &mut Fields,
    priority: Option<Priority>,
    deliver_at: Option<Timestamp>,
    now: Timestamp,
) -> Detail {
    waits(next)?;
    let (old_priority, old_time) = (next.priority, next.deliver_at);
    next.priority = priority.unwrap_or(old_priority);
    let asked = deliver_at.unwrap_or(old_time).max(now);
    let bypasses = next.priority == Priority::High && asked > now;
    let time = if bypasses { now } else { asked };
    if let Some(end) = next.open_end().filter(|end| *end <= time) {
        return Err(Refused::BeyondEnd { end });
    }
    if next.priority == old_priority && time == old_time.max(now) {
        return Err(Refused::Unchanged);
    }
    next.bypassed |= bypasses;
    next.deliver_at = time;
    next.waiting_since = time;
    // A message whose attempt failed still says so.
    let state = if next.state == State::Retrying { State::Retrying } else { State::Accepted };
    ask_again(next, state, now);
    let class = (next.priority != old_priority)
        .then(|| format!("priority {} instead of {old_priority}", next.priority));
    let moved = (time != old_time).then_some("another time");
    let bypass = bypasses.then_some("the delay was bypassed");
    let words: Vec<_> = [class.as_deref(), moved, bypass].into_iter().flatten().collect();
    Ok(Some(format!("changed by its caller: {}", words.join(", "))))
}

fn redriven(next: &mut Fields, priority: Option<Priority>, deliver_at: Timestamp, now: Timestamp) -> Detail {
    if next.state != State::Failed {
        return Err(Refused::NotApplicable(next.state));
    }
    next.priority = priority.unwrap_or(next.priority);
    next.attempt_limit = next.attempt + next.max_attempts.get();
    next.deliver_at = deliver_at.max(now);
    next.waiting_since = next.deliver_at;
    ask_again(next, State::Accepted, now);
    Ok(Some("redriven by its caller".to_owned()))
}

fn retry_or_fail(next: &mut Fields, at: Timestamp, reason: String, now: Timestamp) -> String {
    if next.attempt < next.attempt_limit {
        retry(next, at, now);
        return reason;
    }
    end(next, State::Failed);
    format!("attempt {} of {} failed: {reason}", next.attempt, next.attempt_limit)
}

fn retry(next: &mut Fields, at: Timestamp, now: Timestamp) {
    next.deliver_at = at.max(now);
    next.waiting_since = next.deliver_at;
    next.lease = None;
    ask_again(next, State::Retrying, now);
}

/// Makes what the broker has void and leaves another hand-over to the relay.
fn ask_again(next: &mut Fields, state: State, now: Timestamp) {
    next.state = state;
    next.epoch += 1;
    owe_handover(next, now);
}

/// In the states in which nobody works on it and a delivery may be under way.
fn waits(next: &Fields) -> Result<(), Refused> {
    match next.state {
        State::Accepted | State::Queued | State::Retrying => Ok(()),
        state => Err(Refused::NotApplicable(state)),
    }
}

fn no_live_lease(next: &Fields, now: Timestamp) -> Result<(), Refused> {
    match next.lease {
        Some(held) if held.until > now => Err(Refused::Leased { until: held.until }),
        Some(_) => Ok(()),
        None => Err(Refused::NotApplicable(next.state)),
    }
}

fn end(next: &mut Fields, state: State) {
    next.state = state;
    next.handover = None;
    next.lease = None;
    next.due_at = None;
}

fn owe_handover(next: &mut Fields, now: Timestamp) {
    next.handover = Some(Handover::Relay);
    next.due_at = Some(no_later(handover_due(next.deliver_at, now, RELAY_GRACE), next.open_end()));
}

fn same_epoch(next: &Fields, epoch: u32) -> Result<(), Refused> {
    if next.epoch == epoch { Ok(()) } else { Err(Refused::StaleEpoch) }
}
