use crate::name::Invalid;
use std::{fmt, str::FromStr};

/// Where a message stands. `docs/state-machine.md` draws the ways between the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Stored; the hand-over to the broker is still owed. A crash leaves it to the relay.
    Accepted,
    /// The broker holds it, or holds it back until `deliver_at`. `process` moves it on by claiming it; the broker
    /// redelivers if that one dies.
    Queued,
    /// One attempt owns it until its lease ends. If that one dies the relay finds the lapsed lease.
    Processing,
    /// An attempt failed or asked for more time; the next hand-over is owed at `deliver_at`. The relay moves it on.
    Retrying,
    /// Final: the handler is done.
    Completed,
    /// The handler gave up, or the attempts are used up. Final, but for a redrive.
    Failed,
    /// Final: a caller took it back before it ran.
    Cancelled,
    /// Final: it was not started by the time that its caller had set.
    Expired,
}

impl State {
    /// All states, in the order in which a message meets them.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Queued,
        Self::Processing,
        Self::Retrying,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The word that callers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing moves a message on from here by itself. Only a redrive leaves one of these, `Failed`.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(Invalid("is not a state"))
    }
}

/// Who hands a message over that is not with the broker yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handover {
    /// `ingest`, straight after it stored the message.
    Ingest,
    /// `relay`, from the table's stream or by its sweep.
    Relay,
}

impl Handover {
    /// The word in the table; the relay's stream filter names `relay`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Relay => "relay",
        }
    }
}

impl FromStr for Handover {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Ingest, Self::Relay]
            .into_iter()
            .find(|handover| handover.as_str() == text)
            .ok_or(Invalid("must be ingest or relay"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words stand in the table, in answers and in the stream's filters.
    #[test]
    fn each_word_is_read_as_what_wrote_it() {
        for state in State::ALL {
            assert_eq!(
                (state.to_string().parse(), state.to_string()),
                (Ok(state), state.as_str().to_owned())
            );
        }
        for (handover, word) in [(Handover::Ingest, "ingest"), (Handover::Relay, "relay")] {
            assert_eq!((handover.as_str(), word.parse()), (word, Ok(handover)));
        }
        assert!("".parse::<State>().is_err() && "Queued".parse::<State>().is_err());
        assert!("".parse::<Handover>().is_err() && "process".parse::<Handover>().is_err());
    }
}
