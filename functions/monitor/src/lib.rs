//! Looks at what nothing else counts: the broker, the event source mappings, and what is not finished; and says what it
//! sees as metrics.
//!
//! What one part of a look can't see costs the others nothing. Its metrics are left out then, never made up, and the
//! failure is counted.

mod backlog;
mod report;

pub use backlog::{Class, Sight};
pub use report::measured;

use expedite::{
    domain::Timestamp,
    metrics::{Meter, Metric},
    ports::{Backlog, BrokerStatus, BrokerWatch, Clock, MappingStatus, MappingWatch},
};
use futures_util::{future::join_all, join};
use serde_json::Value;

/// The use case and the ports it stands on.
pub struct Monitor<Q, M, B, C, E> {
    /// Where the broker's state is asked for.
    pub broker: Q,
    /// Where the mappings' states are asked for.
    pub mappings: M,
    /// Where what is not finished is found.
    pub backlog: B,
    /// What time it is.
    pub clock: C,
    /// Where what it sees goes.
    pub meter: E,
    /// The mappings to look at.
    pub watched: Vec<Watched>,
}

/// An event source mapping of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// What operators call it: its queue, or the function that a stream's mapping feeds.
    pub name: String,
    /// Lambda's id for it.
    pub id: String,
    /// What says whether it works.
    pub works: Metric,
}

impl Watched {
    /// The mapping that is called `name`.
    ///
    /// # Errors
    /// There is no metric for it.
    pub fn new((name, id): (String, String)) -> Result<Self, UnknownMapping> {
        let works = match name.as_str() {
            "standard" => Metric::StandardMappingWorks,
            "express" => Metric::ExpressMappingWorks,
            "DLQ.standard" => Metric::DeadLetterMappingWorks,
            "DLQ.express" => Metric::ExpressDeadLetterMappingWorks,
            "relay" => Metric::RelayMappingWorks,
            "fanout" => Metric::FanoutMappingWorks,
            _ => return Err(UnknownMapping(name)),
        };
        Ok(Self { name, id, works })
    }
}

/// The template names a mapping that has no metric. The function can't start; one of the two must be mended.
#[derive(Debug, thiserror::Error)]
#[error("no metric says whether the mapping {0} works")]
pub struct UnknownMapping(String);

/// What one look saw.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    /// The broker; none where it could not be asked for.
    pub broker: Option<BrokerStatus>,
    /// Each mapping; none where it could not be asked for.
    pub mappings: Vec<(Watched, Option<MappingStatus>)>,
    /// What is not finished; none where the index could not be read.
    pub backlog: Option<Sight>,
}

impl<Q: BrokerWatch, M: MappingWatch, B: Backlog, C: Clock, E: Meter> Monitor<Q, M, B, C, E> {
    /// Looks once, and says what it saw: each metric by its name, and by priority where it has one. Stops reading in time
    /// before `ends_at`.
    pub async fn run(&self, ends_at: Timestamp) -> Value {
        let now = self.clock.now();
        let look = self.look(now, ends_at).await;
        report::log(&look);
        let measured = measured(&look);
        measured.iter().for_each(|sample| self.meter.take(*sample));
        self.meter.flush();
        report::answer(&measured)
    }

    /// Looks at everything at once.
    pub async fn look(&self, now: Timestamp, ends_at: Timestamp) -> Look {
        let (broker, mappings, backlog) = join!(
            self.broker.status(),
            join_all(self.watched.iter().map(|watched| self.mappings.status(&watched.id))),
            self.sight(now, ends_at),
        );
        let mappings = self.watched.iter().zip(mappings);
        Look {
            broker: seen("the broker", broker),
            mappings: mappings
                .map(|(watched, status)| (watched.clone(), seen(&watched.name, status)))
                .collect(),
            backlog: seen("what is not finished", backlog),
        }
    }
}

/// What was seen, if anything; why not is for the log.
fn seen<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Option<T> {
    result.inspect_err(|error| tracing::error!(what, %error, "it could not be looked at")).ok()
}
