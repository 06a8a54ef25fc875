//! Works through a batch from the broker: claims each message, runs the handler, records the outcome.
//!
//! A failed message is a value, never an error of the function. The mapping knows no partial failure: an error brings
//! the whole batch back, and after some rounds to the dead-letter queue, innocent neighbours included. So the function
//! fails only when it could record nothing at all.

mod attempt;
mod demo;
mod starts;

pub use demo::DemoHandler;
pub use starts::Starts;

use attempt::outcome;
use expedite::{
    about,
    change::{Changed, change},
    domain::{Event, Lease, Message, Outcome, Owner, Refused, Timestamp},
    envelope::Envelope,
    handler::Handler,
    metrics::{Meter, Metric, count_change, count_dropped},
    mq_event::{Delivery, NotABatch, deliveries},
    ports::{Clock, Entropy, Key, MessageStore, StoreError},
    telemetry::About,
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::{cmp::Reverse, collections::HashMap, time::Duration};

/// What recording an outcome may take, on top of the handler's time.
const RECORDING: Duration = Duration::from_secs(3);

/// How much longer a lease lasts than its attempt: recording the outcome, and clocks that differ.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// The use case and the ports it stands on.
pub struct Process<S, H, C, E, M> {
    /// Where messages are kept.
    pub store: S,
    /// What does the work.
    pub handler: H,
    /// What time it is.
    pub clock: C,
    /// Where owners of leases and jitter come from.
    pub entropy: E,
    /// What takes the metrics.
    pub meter: M,
    /// How much at once, and for how long.
    pub limits: Limits,
    /// What this sandbox has started; a new one has started nothing.
    pub starts: Starts,
}

/// How the work is bounded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    concurrency: usize,
    handler_timeout: Duration,
}

impl Limits {
    /// Takes the number of messages that are handled at once, at least one, and the seconds that an attempt may take.
    pub fn new(concurrency: usize, handler_timeout_seconds: u64) -> Self {
        Self {
            concurrency: concurrency.max(1),
            handler_timeout: Duration::from_secs(handler_timeout_seconds),
        }
    }
}

/// What became of a batch, for the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Attempts whose outcome is recorded.
    pub recorded: usize,
    /// Messages that came too late to be started.
    pub expired: usize,
    /// Late, doubled and unknown deliveries.
    pub dropped: usize,
    /// Deliveries for which no time was left.
    pub given_back: usize,
    /// Messages that can't be read.
    pub unreadable: usize,
    /// Messages whose change could not be written. Their lease or their due time brings them back.
    pub unrecorded: usize,
}

/// The function fails: the broker redelivers the batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The event is something else.
    #[error(transparent)]
    NotABatch(#[from] NotABatch),
    /// Nothing of the batch could be recorded, so nothing is lost by doing all of it again.
    #[error("nothing of the batch could be recorded: {0}")]
    NothingRecorded(StoreError),
}

enum Ended {
    Recorded,
    Expired,
    Dropped,
    GivenBack,
    Unrecorded(StoreError),
}

/// A delivery that can be read, and the queue that it lay on.
struct Work {
    envelope: Envelope,
    queue: String,
}

impl<S: MessageStore, H: Handler, C: Clock, E: Entropy, M: Meter> Process<S, H, C, E, M> {
    /// Works through the batch in `event`, which must be done by `ends_at`.
    ///
    /// # Errors
    /// [`BatchError`]: the batch comes again.
    pub async fn run(&self, event: Value, ends_at: Timestamp) -> Result<Report, BatchError> {
        // Boxed, since the compiler lays out nested futures only so deep.
        let result = Box::pin(self.work(event, ends_at)).await;
        self.meter.flush();
        result
    }

    async fn work(&self, event: Value, ends_at: Timestamp) -> Result<Report, BatchError> {
        let mut report = Report::default();
        let mut batch = readable(deliveries(event)?, &mut report);
        self.meter.count(Metric::DeliveriesUnreadable, report.unreadable);
        batch.sort_by_key(|work| Reverse(work.envelope.priority));
        let seen = self.read(&batch).await.map_err(BatchError::NothingRecorded)?;

        let ended = stream::iter(batch)
            .map(|work| {
                let message = seen.get(&key(&work.envelope)).cloned();
                self.one(work, message, ends_at)
            })
            .buffer_unordered(self.limits.concurrency)
            .collect::<Vec<_>>()
            .await;

        let mut first_error = None;
        for end in ended {
            match end {
                Ended::Recorded => report.recorded += 1,
                Ended::Expired => report.expired += 1,
                Ended::Dropped => report.dropped += 1,
                Ended::GivenBack => report.given_back += 1,
                Ended::Unrecorded(error) => {
                    report.unrecorded += 1;
                    first_error.get_or_insert(error);
                }
            }
        }
        tracing::info!(
            recorded = report.recorded,
            expired = report.expired,
            dropped = report.dropped,
            given_back = report.given_back,
            unreadable = report.unreadable,
            unrecorded = report.unrecorded,
            "batch"
        );
        self.meter.count(Metric::ChangesUnrecorded, report.unrecorded);
        match first_error {
            Some(error) if report.recorded + report.expired + report.dropped + report.given_back == 0 => {
                Err(BatchError::NothingRecorded(error))
            }
            _ => Ok(report),
        }
    }

    async fn read(&self, batch: &[Work]) -> Result<HashMap<Key, Message>, StoreError> {
        if batch.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = batch.iter().map(|work| key(&work.envelope)).collect();
        let messages = self.store.read_many(&keys).await?;
        Ok(messages.into_iter().map(|message| (Key::of(&message), message)).collect())
    }

    async fn one(&self, work: Work, seen: Option<Message>, ends_at: Timestamp) -> Ended {
        let Some(seen) = seen else {
            about!(warn, work.envelope, "a delivery names a message that is not in the table");
            self.meter.count(Metric::DeliveriesUnreadable, 1);
            return Ended::Dropped;
        };
        let about = About::of(&seen);
        let ended = if self.has_time(ends_at) {
            self.attempt(work, seen).await
        } else {
            self.give_back(&work.envelope, seen).await
        };
        ended.unwrap_or_else(|error| {
            about!(error, about, %error, "a change could not be written; the message comes back by its due time");
            Ended::Unrecorded(error)
        })
    }

    /// Whether an attempt that starts now can end and be recorded before the function must.
    fn has_time(&self, ends_at: Timestamp) -> bool {
        self.clock.now().plus(self.limits.handler_timeout + RECORDING) <= ends_at
    }

    async fn attempt(&self, Work { envelope, queue }: Work, seen: Message) -> Result<Ended, StoreError> {
        let now = self.clock.now();
        let owner = Owner::from_bits(self.entropy.bits());
        let lease = Lease { owner, until: now.plus(self.limits.handler_timeout + LEASE_MARGIN) };
        let claim = Event::Claimed { epoch: envelope.epoch, lease };
        let message = match change(&self.store, seen, claim, now).await? {
            Changed::To(message) => message,
            Changed::Refused(Refused::Expired, message) => return self.expire(*message, now).await,
            refused => return Ok(self.dropped(&refused)),
        };
        about!(info, message, attempt = message.attempt, "attempt started");
        self.count_start(&message, queue);
        let started = self.clock.now();
        let verdict = self.handle(&message, envelope.payload).await;
        let now = self.clock.now();
        self.meter.time(Metric::HandlerTime, message.priority, started.until(now));
        let outcome = outcome(verdict, message.attempt, now, self.entropy.jitter());
        // Not the reason, which may quote the payload; the timeline has it.
        about!(info, message, attempt = message.attempt, outcome = word(&outcome), "attempt ended");
        let snoozed = matches!(outcome, Outcome::Snooze { .. });
        match change(&self.store, *message, Event::Finished { owner, outcome }, now).await? {
            Changed::To(message) if snoozed => {
                self.meter.count_one(Metric::MessagesSnoozed, message.priority);
                Ok(Ended::Recorded)
            }
            Changed::To(message) => {
                count_change(&self.meter, &message);
                Ok(Ended::Recorded)
            }
            refused => Ok(self.lost(&refused)),
        }
    }

    /// It came too late to be started: that is its outcome.
    async fn expire(&self, message: Message, now: Timestamp) -> Result<Ended, StoreError> {
        match change(&self.store, message, Event::Expired, now).await? {
            Changed::To(message) => {
                about!(info, message, "expired");
                count_change(&self.meter, &message);
                Ok(Ended::Expired)
            }
            refused => Ok(self.dropped(&refused)),
        }
    }

    async fn give_back(&self, envelope: &Envelope, seen: Message) -> Result<Ended, StoreError> {
        let event = Event::GivenBack { epoch: envelope.epoch };
        match change(&self.store, seen, event, self.clock.now()).await? {
            Changed::To(message) => {
                self.meter.count_one(Metric::DeliveriesGivenBack, message.priority);
                Ok(Ended::GivenBack)
            }
            refused => Ok(self.dropped(&refused)),
        }
    }

    fn count_start(&self, message: &Message, queue: String) {
        let Some(since) = message.startable_since() else {
            return;
        };
        let now = message.changed_at();
        self.meter.time(Metric::QueueWait, message.priority, since.until(now));
        if self.starts.overtaken(queue, message.priority, since, now) {
            self.meter.count_one(Metric::PriorityInversions, message.priority);
        }
    }

    /// A delivery that does not count any more. A live lease is no reason to hold it: if its holder dies, the lapsed lease
    /// brings the message back.
    fn dropped(&self, changed: &Changed) -> Ended {
        match changed {
            Changed::Refused(refused, message) => {
                count_dropped(&self.meter, *refused, message);
                about!(info, message, reason = refused.as_str(), "a delivery was dropped");
            }
            Changed::To(_) | Changed::Missing => self.meter.count(Metric::DeliveriesUnreadable, 1),
        }
        Ended::Dropped
    }

    /// An outcome that came when the message was somebody else's already.
    fn lost(&self, changed: &Changed) -> Ended {
        if let Changed::Refused(refused, message) = changed {
            self.meter.count_one(Metric::ResultsLost, message.priority);
            about!(warn, message, reason = refused.as_str(), "an outcome came too late and is lost");
        }
        Ended::Dropped
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Snooze { .. } => "snooze",
        Outcome::Discard { .. } => "discard",
    }
}

fn readable(deliveries: Vec<Delivery>, report: &mut Report) -> Vec<Work> {
    let mut batch = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match delivery.content {
            Ok(envelope) => batch.push(Work { envelope, queue: delivery.queue }),
            Err(error) => {
                // Redelivering would not make it readable. If it was one of ours, its due time brings it back.
                let (broker_id, problem) = (&delivery.message_id, error.as_str());
                tracing::error!(broker_id, problem, "a message on the queue can't be read");
                report.unreadable += 1;
            }
        }
    }
    batch
}

fn key(envelope: &Envelope) -> Key {
    Key { tenant: envelope.tenant.clone(), id: envelope.id }
}
