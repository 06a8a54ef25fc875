//! One message in each state, each reached by the events that lead there.

use expedite_domain::{
    Event, Lease, MaxAttempts, Message, MessageId, Outcome, Owner, Priority, Submission, Timestamp, Trace,
    transition,
};
use std::time::Duration;

/// When every sample is accepted and moved on.
pub const NOON: Timestamp = Timestamp::from_millis(1_769_860_800_000);

/// How long a sample's lease lasts.
pub const LEASE: Duration = Duration::from_secs(40);

/// How far ahead of its time a message goes to the broker.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// How long after its confirmation a message that waits in the queue is handed over again.
pub const OVERDUE: Duration = WINDOW;

/// How long after its time a message that the broker held back is handed over again.
pub const HELD_BACK: Duration = Duration::from_secs(60);

/// How many attempts a sample has.
pub const ATTEMPTS: u64 = 2;

pub fn after(wait: Duration) -> Timestamp {
    NOON.plus(wait)
}

pub fn seconds(count: u64) -> Timestamp {
    after(Duration::from_secs(count))
}

/// Who holds the lease in the samples.
pub fn holder() -> Owner {
    Owner::from_bits(1)
}

pub fn submission(priority: Priority, deliver_at: Option<Timestamp>) -> Submission {
    Submission {
        tenant: "acme".parse().unwrap(),
        id: MessageId::from_bits(1),
        kind: "demo".parse().unwrap(),
        priority,
        deliver_at,
        max_attempts: MaxAttempts::new(ATTEMPTS).unwrap(),
        start_by: None,
        submitter: None,
        trace: Trace::of(MessageId::from_bits(1)),
        fingerprint: [0; 32],
    }
}

/// The message after an event that must apply.
pub fn then(message: &Message, event: Event, now: Timestamp) -> Message {
    transition(message, event.clone(), now)
        .unwrap_or_else(|refused| panic!("{event:?} on {:?} was refused: {refused:?}", message.state))
}

pub fn handed_over(message: &Message) -> Event {
    Event::HandedOver { epoch: message.epoch, raise: None }
}

pub fn handover_failed(message: &Message) -> Event {
    Event::HandoverFailed { epoch: message.epoch, reason: "no answer".to_owned() }
}

pub fn claimed(message: &Message, now: Timestamp) -> Event {
    Event::Claimed { epoch: message.epoch, lease: Lease { owner: holder(), until: now.plus(LEASE) } }
}

pub fn given_back(message: &Message) -> Event {
    Event::GivenBack { epoch: message.epoch }
}

pub fn given_up(message: &Message, retry_at: Timestamp) -> Event {
    Event::GivenUp { epoch: message.epoch, retry_at, reason: "delivered seven times".to_owned() }
}

pub fn aged(to: Priority) -> Event {
    Event::Aged { to }
}

pub fn amended(priority: Option<Priority>, deliver_at: Option<Timestamp>) -> Event {
    Event::Amended { priority, deliver_at }
}

pub fn redriven(deliver_at: Timestamp) -> Event {
    Event::Redriven { priority: None, deliver_at }
}

pub fn finished(outcome: Outcome) -> Event {
    Event::Finished { owner: holder(), outcome }
}

pub fn retry(at: Timestamp) -> Outcome {
    Outcome::Retry { at, reason: "it rained".to_owned() }
}

pub fn snooze(until: Timestamp) -> Outcome {
    Outcome::Snooze { until, reason: "too early".to_owned() }
}

pub fn discard() -> Outcome {
    Outcome::Discard { reason: "no such address".to_owned() }
}

pub fn accepted() -> Message {
    Message::accept(submission(Priority::Medium, None), NOON)
}

/// Its hand-over failed, and is the relay's.
pub fn left_to_the_relay() -> Message {
    then(&accepted(), handover_failed(&accepted()), NOON)
}

pub fn queued() -> Message {
    then(&accepted(), handed_over(&accepted()), NOON)
}

pub fn processing() -> Message {
    then(&queued(), claimed(&queued(), NOON), NOON)
}

pub fn retrying() -> Message {
    then(&processing(), finished(retry(NOON)), NOON)
}

/// In its last attempt.
pub fn processing_for_the_last_time() -> Message {
    let message = then(&retrying(), handed_over(&retrying()), NOON);
    then(&message, claimed(&message, NOON), NOON)
}

pub fn completed() -> Message {
    then(&processing(), finished(Outcome::Done), NOON)
}

pub fn failed() -> Message {
    then(&processing(), finished(discard()), NOON)
}

pub fn cancelled() -> Message {
    then(&queued(), Event::Cancelled, NOON)
}

/// To be started within a minute, or never.
pub fn urgent() -> Message {
    let submission = Submission { start_by: Some(seconds(60)), ..submission(Priority::Medium, None) };
    Message::accept(submission, NOON)
}

pub fn expired() -> Message {
    then(&urgent(), Event::Expired, seconds(60))
}
