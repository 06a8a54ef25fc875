use crate::{
    message::Message,
    state::{Handover, State},
    time::Timestamp,
    window::{HANDOVER_WINDOW, within_window},
};
use std::time::Duration;

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
