//! How long a message has waited, by what it remembers of itself.

use crate::{
    message::Message,
    state::{Handover, State},
    time::Timestamp,
    window::HANDOVER_WINDOW,
};
use std::time::Duration;

impl Message {
    /// Since when the message, whose attempt has just started, could have been started: it was in the queue, and its time
    /// had come. Copies that were handed over again do not count, since the first one was there.
    ///
    /// None where no attempt has just started, and where one took the message over from an attempt that had lost it.
    pub fn startable_since(&self) -> Option<Timestamp> {
        let (start, before) = self.timeline.entries.split_last()?;
        if start.state != State::Processing {
            return None;
        }
        let last = before.last().filter(|entry| entry.state != State::Processing)?;
        let queued = before.iter().rev().take_while(|entry| entry.state == State::Queued).last();
        Some(queued.unwrap_or(last).at.max(self.deliver_at))
    }

    /// Since when the relay could have handed it over; none where it owes nothing.
    pub fn owed_since(&self) -> Option<Timestamp> {
        self.handover.filter(|by| *by == Handover::Relay)?;
        Some(self.changed_at().max(self.deliver_at.minus(HANDOVER_WINDOW)))
    }

    /// When its last change was made.
    pub fn changed_at(&self) -> Timestamp {
        self.timeline.entries.last().map_or(self.created_at, |entry| entry.at)
    }

    /// The time from its acceptance to its last change.
    pub fn age(&self) -> Duration {
        self.created_at.until(self.changed_at())
    }
}
