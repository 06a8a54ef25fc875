//! Faults at random, one after the other, while a load runs.

use crate::{
    Result,
    fault::{self, Outage},
    launcher::System,
};
use fastrand::Rng;
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    sync::oneshot,
    task::block_in_place,
    time::{sleep, timeout},
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The broker is killed, and comes back with what is on its disk.
    BrokerKilled,
    /// The broker is silent, its connections open.
    BrokerFrozen,
    /// Nothing takes messages from the broker.
    PollerStopped,
    /// One queue's mapping is disabled.
    MappingOff,
    /// What runs a function is killed, in the middle of its work.
    FunctionKilled,
    /// What runs `process` stands still, past its leases.
    ProcessPaused,
    /// A function's invocations fail before it sees them.
    FunctionFails,
    /// Writes to the table of messages are throttled.
    WritesRefused,
    /// Writes to the table of messages are carried out, and answered with an error.
    AnswersLost,
}

const FUNCTIONS: [&str; 4] = ["ingest", "process", "relay", "fanout"];

/// The ways in which the functions write messages.
const WRITES: [&str; 2] = ["PutItem", "TransactWriteItems"];

/// How many calls a fault hits at most that is counted in calls.
const CALLS: u32 = 40;

impl Fault {
    const ALL: [Self; 9] = [
        Self::BrokerKilled,
        Self::BrokerFrozen,
        Self::PollerStopped,
        Self::MappingOff,
        Self::FunctionKilled,
        Self::ProcessPaused,
        Self::FunctionFails,
        Self::WritesRefused,
        Self::AnswersLost,
    ];

    /// How long it lasts at most, in milliseconds.
    const fn longest(self) -> u64 {
        match self {
            Self::BrokerFrozen | Self::ProcessPaused => 20_000,
            _ => 10_000,
        }
    }

    /// None where it is over as soon as it has come.
    fn begin<'a>(self, system: &'a System, random: &mut Rng) -> Result<Option<Outage<'a>>> {
        let function = random.choice(FUNCTIONS).unwrap_or_default();
        let write = random.choice(WRITES).unwrap_or_default();
        let queue = random.choice(["standard", "express"]).unwrap_or_default();
        let calls = random.u32(1..=CALLS);
        match self {
            Self::BrokerKilled => fault::kill_broker(system),
            Self::BrokerFrozen => fault::freeze_broker(system),
            Self::PollerStopped => fault::stop_poller(system),
            Self::MappingOff => fault::disable_mapping(system, queue),
            Self::FunctionKilled => return fault::kill_function(system, function).map(|_| None),
            // Where nothing runs it there is nothing to pause.
            Self::ProcessPaused => return Ok(fault::pause_function(system, "process").ok()),
            Self::FunctionFails => fault::fail_function(system, function, calls),
            Self::WritesRefused => fault::refuse(system, "MessagesTable", write, calls),
            Self::AnswersLost => fault::lose_answers(system, "MessagesTable", write, calls),
        }
        .map(Some)
    }
}

/// How often a fault was there, and how many calls it has hit: of those that are counted in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inflicted {
    /// How often it came.
    pub times: usize,
    /// How many calls it hit.
    pub hits: u64,
}

/// Inflicts about so many faults a minute, of every kind and length, until it is stopped. Each has ended when this
/// returns. `said` is called with each that begins.
///
/// # Errors
/// A fault can't be inflicted or mended.
pub async fn inflict(
    system: &System,
    per_minute: u32,
    mut random: Rng,
    mut stop: oneshot::Receiver<()>,
    said: impl Fn(Fault, Duration),
) -> Result<BTreeMap<Fault, Inflicted>> {
    let mut counts = BTreeMap::<_, Inflicted>::new();
    if per_minute == 0 {
        return Ok(counts);
    }
    let mean = 60_000 / u64::from(per_minute);
    let mut due = Vec::new();
    loop {
        let pause = Duration::from_millis(random.u64(mean / 2..=mean + mean / 2));
        if timeout(pause, &mut stop).await.is_ok() {
            return Ok(counts);
        }
        // Every kind comes before one comes again.
        if due.is_empty() {
            due.extend(Fault::ALL);
            random.shuffle(&mut due);
        }
        let Some(fault) = due.pop() else { continue };
        let lasts = Duration::from_millis(random.u64(100..=fault.longest()));
        said(fault, lasts);
        let outage = block_in_place(|| fault.begin(system, &mut random))?;
        let inflicted = counts.entry(fault).or_default();
        inflicted.times += 1;
        if let Some(outage) = outage {
            sleep(lasts).await;
            inflicted.hits += block_in_place(|| outage.end())?;
        }
    }
}
