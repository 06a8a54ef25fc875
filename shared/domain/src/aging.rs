use crate::{priority::Priority, time::Timestamp};
use std::time::Duration;

/// How long a message may wait in its class before it is raised to the next one, so that nothing starves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aging {
    /// For low ones; none leaves them where they are.
    pub low: Option<Duration>,
    /// For medium ones.
    pub medium: Option<Duration>,
    /// No message is raised beyond this.
    pub cap: Priority,
}

/// What happens to a message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise {
    /// The class that it gets.
    pub to: Priority,
    /// After how long a wait.
    pub after: Duration,
}

impl Aging {
    /// Nothing is ever raised.
    pub const OFF: Self = Self { low: None, medium: None, cap: Priority::High };

    /// What happens to a message of that class; none where it stays for ever.
    pub fn raise(&self, priority: Priority) -> Option<Raise> {
        let after = match priority {
            Priority::High => None,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        };
        let to = priority.raised().filter(|to| *to <= self.cap)?;
        Some(Raise { to, after: after? })
    }
}

impl Raise {
    /// When it happens to a message that waits since then.
    pub fn at(&self, waiting_since: Timestamp) -> Timestamp {
        waiting_since.plus(self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_own_wait_and_nothing_passes_the_cap() {
        let (low, medium) = (Duration::from_secs(900), Duration::from_secs(1_800));
        let aging = Aging { low: Some(low), medium: Some(medium), cap: Priority::High };
        let to_medium = Some(Raise { to: Priority::Medium, after: low });
        let to_high = Some(Raise { to: Priority::High, after: medium });
        assert_eq!(aging.raise(Priority::Low), to_medium);
        assert_eq!(aging.raise(Priority::Medium), to_high);
        assert_eq!(aging.raise(Priority::High), None);
        let capped = Aging { cap: Priority::Medium, ..aging };
        assert_eq!((capped.raise(Priority::Low), capped.raise(Priority::Medium)), (to_medium, None));
        assert_eq!(Priority::ALL.map(|priority| Aging::OFF.raise(priority)), [None; 3]);
    }
}
