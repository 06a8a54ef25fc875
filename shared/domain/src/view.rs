use crate::{
    message::Fields,
    name::Invalid,
    state::{Handover, State},
    time::Timestamp,
    window::HANDOVER_WINDOW,
};
use std::str::FromStr;

/// A state as readers see it: a queued message whose time has not come is `scheduled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything is in hand, and its time has not come.
    Scheduled,
    /// As stored.
    Is(State),
}

impl View {
    /// How a message looks at `now`. One that waits in the table for a far-off time counts as scheduled too.
    pub fn of(message: &Fields, now: Timestamp) -> Self {
        let waits_in_broker = message.state == State::Queued && message.deliver_at > now;
        let waits_in_table = message.state == State::Accepted
            && message.handover == Some(Handover::Relay)
            && message.deliver_at.minus(HANDOVER_WINDOW) > now;
        if waits_in_broker || waits_in_table { Self::Scheduled } else { Self::Is(message.state) }
    }

    /// The word that callers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Is(state) => state.as_str(),
        }
    }
}

impl FromStr for View {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == Self::Scheduled.as_str() {
            return Ok(Self::Scheduled);
        }
        text.parse().map(Self::Is).map_err(|_| {
            Invalid("must be accepted, scheduled, queued, processing, retrying, completed, failed, cancelled or expired")
        })
    }
}
