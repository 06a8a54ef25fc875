//! Faults at random, one after the other, while a load runs.

use crate::{Result, launcher::System};
use fastrand::Rng;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::oneshot, task::block_in_place, time::sleep};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The broker is killed, and comes back with what is on its disk.
    BrokerKilled,
    /// The broker is silent for a while, its connections open.
    BrokerFrozen,
    /// Nothing takes messages from the broker for a while.
    PollerStopped,
}

impl Fault {
    const ALL: [Self; 3] = [Self::BrokerKilled, Self::BrokerFrozen, Self::PollerStopped];

    /// How long it lasts at most, in milliseconds.
    const fn longest(self) -> u64 {
        match self {
            Self::BrokerKilled | Self::PollerStopped => 10_000,
            Self::BrokerFrozen => 20_000,
        }
    }

    fn begin(self, system: &System) -> Result<()> {
        let order = match self {
            Self::BrokerKilled => "broker kill",
            Self::BrokerFrozen => "broker freeze",
            Self::PollerStopped => "poller stop",
        };
        block_in_place(|| system.order(order)).map(drop)
    }

    fn end(self, system: &System) -> Result<()> {
        let order = match self {
            Self::BrokerKilled => "broker start",
            Self::BrokerFrozen => "broker thaw",
            Self::PollerStopped => "poller start",
        };
        block_in_place(|| system.order(order)).map(drop)
    }
}

/// Inflicts so many faults a minute, of every kind and length, until it is stopped. Each has ended when this returns, and
/// so often each was there. `said` is called with each that begins.
///
/// # Errors
/// A fault can't be inflicted or mended.
pub async fn inflict(
    system: &System,
    per_minute: u32,
    mut random: Rng,
    mut stop: oneshot::Receiver<()>,
    said: impl Fn(Fault, Duration),
) -> Result<BTreeMap<Fault, usize>> {
    let mut counts = BTreeMap::new();
    if per_minute == 0 {
        return Ok(counts);
    }
    let mean = 60_000 / u64::from(per_minute);
    loop {
        let pause = Duration::from_millis(random.u64(mean / 2..=mean + mean / 2));
        if tokio::time::timeout(pause, &mut stop).await.is_ok() {
            return Ok(counts);
        }
        let Some(fault) = random.choice(Fault::ALL) else { return Ok(counts) };
        let lasts = Duration::from_millis(random.u64(100..=fault.longest()));
        said(fault, lasts);
        fault.begin(system)?;
        sleep(lasts).await;
        fault.end(system)?;
        *counts.entry(fault).or_default() += 1;
    }
}
