use crate::name::Invalid;
use std::{fmt, str::FromStr};

/// How urgent a message is. Ordered: `Low < Medium < High`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Runs after everything else.
    Low,
    /// What a message gets that names none.
    Medium,
    /// Ignores its delay: it goes to the broker at once.
    High,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The JMS priority. KahaDB keeps three bands, below 4, 4 and above 4, so these three stay apart.
    pub const fn jms(self) -> u8 {
        match self {
            Self::High => 9,
            Self::Medium => 4,
            Self::Low => 0,
        }
    }

    /// The next more urgent class; none above the top.
    pub const fn raised(self) -> Option<Self> {
        match self {
            Self::High => None,
            Self::Medium => Some(Self::High),
            Self::Low => Some(Self::Medium),
        }
    }

    /// The word that callers use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = Invalid;

    /// Case does not matter; anything but the three words is an error, never a default.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|priority| text.eq_ignore_ascii_case(priority.as_str()))
            .ok_or(Invalid("must be high, medium or low"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_nothing_else_passes() {
        for (text, expected) in [
            ("high", Some(Priority::High)),
            ("HIGH", Some(Priority::High)),
            ("Medium", Some(Priority::Medium)),
            ("lOw", Some(Priority::Low)),
            ("", None),
            ("urgent", None),
            (" high", None),
            ("9", None),
        ] {
            assert_eq!(text.parse::<Priority>().ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_three_fall_into_three_bands_of_the_broker() {
        assert_eq!(Priority::ALL.map(Priority::jms), [9, 4, 0]);
        assert!(Priority::High > Priority::Medium && Priority::Medium > Priority::Low);
    }
}
