use crate::{
    aging::Aging,
    message::Message,
    priority::Priority,
    state::{Handover, State},
    time::Timestamp,
    window::{HANDOVER_WINDOW, no_later, within_window},
};
use std::time::Duration;

/// What must be done for a message now, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Give it to the broker, which holds it back for `delay`.
    HandOver {
        /// From now; zero means at once.
        delay: Duration,
        /// Whether its sender, or the stream, should have brought it there before.
        late: bool,
    },
    /// Give it to the broker once more: what the broker had was not delivered in time.
    HandOverAgain,
    /// Its lease ended and nobody recorded an outcome: apply [`Event::LeaseLapsed`](crate::Event::LeaseLapsed).
    Lapsed,
    /// It was not started by its caller's end: apply [`Event::Expired`](crate::Event::Expired).
    Expire,
    /// It has waited long enough in its class: apply [`Event::Aged`](crate::Event::Aged).
    Raise {
        /// The class that it gets.
        to: Priority,
    },
    /// Nothing before that moment.
    Later(Timestamp),
    /// Nothing, ever.
    Nothing,
}

/// What the relay owes `message` at `now`.
pub fn owed(message: &Message, aging: &Aging, now: Timestamp) -> Owed {
    let due = message.due_at.unwrap_or(now);
    match message.state {
        State::Completed | State::Failed | State::Cancelled | State::Expired => Owed::Nothing,
        State::Processing if due <= now => Owed::Lapsed,
        State::Processing => Owed::Later(due),
        _ if message.has_expired(now) => Owed::Expire,
        State::Queued if due <= now => match aging.raise(message.priority) {
            Some(raise) if raise.at(message.waiting_since) <= now => Owed::Raise { to: raise.to },
            _ => Owed::HandOverAgain,
        },
        State::Queued => Owed::Later(due),
        State::Accepted | State::Retrying => {
            let ingest_is_at_it = message.handover == Some(Handover::Ingest) && due > now;
            if ingest_is_at_it {
                Owed::Later(due)
            } else if within_window(message.deliver_at, now) {
                // What waits for its window to open is due then, and later by its grace alone.
                let late = due <= now && due > message.deliver_at.minus(HANDOVER_WINDOW);
                Owed::HandOver { delay: now.until(message.deliver_at), late }
            } else {
                Owed::Later(no_later(message.deliver_at.minus(HANDOVER_WINDOW), message.open_end()))
            }
        }
    }
}
