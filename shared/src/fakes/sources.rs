use super::locked;
use crate::ports::{Clock, Entropy};
use expedite_domain::Timestamp;
use std::{sync::Mutex, time::Duration};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    /// A clock at that time.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let mut now = locked(&self.0);
        *now = now.plus(by);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *locked(&self.0)
    }
}

impl Clock for &FakeClock {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// Bits that differ from call to call and are the same in every run.
#[derive(Debug, Default)]
pub struct FakeEntropy(Mutex<u128>);

impl Entropy for FakeEntropy {
    fn bits(&self) -> u128 {
        let mut state = locked(&self.0);
        *state += 1;
        // An odd multiplier spreads a counter over all bits and never repeats.
        state.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

impl Entropy for &FakeEntropy {
    fn bits(&self) -> u128 {
        (**self).bits()
    }
}
