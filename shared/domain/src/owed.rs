use crate::{
    message::Message,
    state::{Handover, State},
    time::Timestamp,
};
use std::time::Duration;

/// How near its time a message goes to the broker, which then holds it back.
///
/// Further off it stays in the table: cancelling and moving it is free there, and the broker's scheduler store,
/// which blocks senders for ever once it is full, stays small.
pub(crate) const HANDOVER_WINDOW: Duration = Duration::from_secs(15 * 60);

/// How long `ingest` has for its hand-over before the relay takes it: more than the function's time limit.
pub(crate) const INGEST_GRACE: Duration = Duration::from_secs(30);

/// How long the stream has to bring an owed hand-over to the relay before the sweep takes it. The stream's p99 is
/// about half a second; the rest is for its retries.
pub(crate) const RELAY_GRACE: Duration = Duration::from_secs(30);

/// How long a message may wait in the broker beyond its time before it is handed over again.
///
/// The broker can lose one: its scheduler forgets a job whose hand-over to the queue throws. A second copy is harmless,
/// since both carry the same epoch and only one can claim.
pub(crate) const QUEUED_GRACE: Duration = Duration::from_secs(15 * 60);

/// What must be done for a message now, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Give it to the broker, which holds it back for `delay`.
    HandOver {
        /// From now; zero means at once.
        delay: Duration,
    },
    /// Its lease ended and nobody recorded an outcome: apply [`Event::LeaseLapsed`](crate::Event::LeaseLapsed).
    Lapsed,
    /// Nothing before that moment.
    Later(Timestamp),
    /// Nothing, ever.
    Nothing,
}

/// What the relay owes `message` at `now`.
pub fn owed(message: &Message, now: Timestamp) -> Owed {
    let due = message.due_at.unwrap_or(now);
    let hand_over = Owed::HandOver { delay: now.until(message.deliver_at) };
    match message.state {
        State::Completed | State::Failed => Owed::Nothing,
        State::Processing if due <= now => Owed::Lapsed,
        State::Processing => Owed::Later(due),
        State::Queued if due <= now => hand_over,
        State::Queued => Owed::Later(due),
        State::Accepted | State::Retrying => {
            let ingest_is_at_it = message.handover == Some(Handover::Ingest) && due > now;
            if ingest_is_at_it {
                Owed::Later(due)
            } else if within_window(message.deliver_at, now) {
                hand_over
            } else {
                Owed::Later(message.deliver_at.minus(HANDOVER_WINDOW))
            }
        }
    }
}

/// Whether the broker may hold a message until `deliver_at`.
pub(crate) fn within_window(deliver_at: Timestamp, now: Timestamp) -> bool {
    deliver_at.minus(HANDOVER_WINDOW) <= now
}

/// When the sweep has to look at a hand-over that is owed from `now` on: after `grace`, or when its window opens.
pub(crate) fn handover_due(deliver_at: Timestamp, now: Timestamp, grace: Duration) -> Timestamp {
    now.plus(grace).max(deliver_at.minus(HANDOVER_WINDOW))
}
