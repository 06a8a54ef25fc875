use crate::envelope::Envelope;
use expedite_domain::Priority;
use std::str::FromStr;

/// A queue of the broker, with a mapping of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What every message takes that has no other.
    Standard,
    /// High ones alone, so that no batch of slow lower ones can hold one up.
    Express,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Express];

    /// The queue's name.
    pub const fn queue(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Express => "express",
        }
    }
}

/// Whether high messages have a lane of their own. Consumers read both lanes either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpressLane {
    /// High ones go to [`Lane::Express`].
    On,
    /// Everything goes to [`Lane::Standard`].
    Off,
}

impl ExpressLane {
    /// The lane of an envelope.
    pub fn lane(self, envelope: &Envelope) -> Lane {
        match (self, envelope.priority) {
            (Self::On, Priority::High) => Lane::Express,
            _ => Lane::Standard,
        }
    }

    /// The lanes that are sent to.
    pub const fn lanes(self) -> &'static [Lane] {
        match self {
            Self::On => &Lane::ALL,
            Self::Off => &[Lane::Standard],
        }
    }
}

/// The text is neither `on` nor `off`.
#[derive(Debug, thiserror::Error)]
#[error("must be on or off")]
pub struct NeitherOnNorOff;

impl FromStr for ExpressLane {
    type Err = NeitherOnNorOff;

    fn from_str(text: &str) -> Result<Self, NeitherOnNorOff> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(NeitherOnNorOff),
        }
    }
}
