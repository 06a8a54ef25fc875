//! Works through a batch from the broker: claims each message, runs the handler, records the outcome.
//!
//! A failed message is a value, never an error of the function. The mapping knows no partial failure: an error brings
//! the whole batch back, and after some rounds to the dead-letter queue, innocent neighbours included. So the function
//! fails only when it could record nothing at all.

mod attempt;
mod demo;

pub use demo::DemoHandler;

use attempt::outcome;
use expedite::{
    change::{Changed, change},
    domain::{Event, Lease, Message, Owner, Refused, Timestamp},
    envelope::Envelope,
    handler::Handler,
    metrics::{self, Metric},
    mq_event::{Delivery, NotABatch, deliveries},
    ports::{Clock, Entropy, Key, MessageStore, StoreError},
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
pub struct Process<S, H, C, E> {
    /// Where messages are kept.
    pub store: S,
    /// What does the work.
    pub handler: H,
    /// What time it is.
    pub clock: C,
    /// Where owners of leases and jitter come from.
    pub entropy: E,
    /// How much at once, and for how long.
    pub limits: Limits,
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

impl<S: MessageStore, H: Handler, C: Clock, E: Entropy> Process<S, H, C, E> {
    /// Works through the batch in `event`, which must be done by `ends_at`.
    ///
    /// # Errors
    /// [`BatchError`]: the batch comes again.
    pub async fn run(&self, event: Value, ends_at: Timestamp) -> Result<Report, BatchError> {
        let mut report = Report::default();
        let mut envelopes = readable(deliveries(event)?, &mut report);
        envelopes.sort_by_key(|envelope| Reverse(envelope.priority));
        let seen = self.read(&envelopes).await.map_err(BatchError::NothingRecorded)?;

        let ended = stream::iter(envelopes)
            .map(|envelope| {
                let message = seen.get(&key(&envelope)).cloned();
                self.one(envelope, message, ends_at)
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
        tracing::info!(?report, "batch");
        metrics::count("process", self.clock.now(), &[(Metric::MessagesExpired, report.expired)]);
        match first_error {
            Some(error) if report.recorded + report.expired + report.dropped + report.given_back == 0 => {
                Err(BatchError::NothingRecorded(error))
            }
            _ => Ok(report),
        }
    }

    async fn read(&self, envelopes: &[Envelope]) -> Result<HashMap<Key, Message>, StoreError> {
        if envelopes.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = envelopes.iter().map(key).collect();
        let messages = self.store.read_many(&keys).await?;
        Ok(messages.into_iter().map(|message| (Key::of(&message), message)).collect())
    }

    async fn one(&self, envelope: Envelope, seen: Option<Message>, ends_at: Timestamp) -> Ended {
        let id = envelope.id;
        let Some(seen) = seen else {
            tracing::warn!(%id, "a delivery names a message that is not in the table");
            return Ended::Dropped;
        };
        let ended = if self.has_time(ends_at) {
            self.attempt(envelope, seen).await
        } else {
            self.give_back(envelope, seen).await
        };
        ended.unwrap_or_else(|error| {
            tracing::error!(%id, %error, "a change could not be written; the message comes back by its due time");
            Ended::Unrecorded(error)
        })
    }

    /// Whether an attempt that starts now can end and be recorded before the function must.
    fn has_time(&self, ends_at: Timestamp) -> bool {
        self.clock.now().plus(self.limits.handler_timeout + RECORDING) <= ends_at
    }

    async fn attempt(&self, envelope: Envelope, seen: Message) -> Result<Ended, StoreError> {
        let now = self.clock.now();
        let owner = Owner::from_bits(self.entropy.bits());
        let lease = Lease { owner, until: now.plus(self.limits.handler_timeout + LEASE_MARGIN) };
        let claim = Event::Claimed { epoch: envelope.epoch, lease };
        let message = match change(&self.store, seen, claim, now).await? {
            Changed::To(message) => message,
            Changed::Refused(Refused::Expired, message) => return self.expire(*message, now).await,
            refused => return Ok(dropped(&refused)),
        };
        let verdict = self.handle(&message, envelope.payload).await;
        let now = self.clock.now();
        let outcome = outcome(verdict, message.attempt, now, self.entropy.jitter());
        tracing::info!(id = %message.id, attempt = message.attempt, ?outcome, "attempt ended");
        match change(&self.store, *message, Event::Finished { owner, outcome }, now).await? {
            Changed::To(_) => Ok(Ended::Recorded),
            refused => Ok(dropped(&refused)),
        }
    }

    /// It came too late to be started: that is its outcome.
    async fn expire(&self, message: Message, now: Timestamp) -> Result<Ended, StoreError> {
        match change(&self.store, message, Event::Expired, now).await? {
            Changed::To(message) => {
                tracing::info!(id = %message.id, "expired");
                Ok(Ended::Expired)
            }
            refused => Ok(dropped(&refused)),
        }
    }

    async fn give_back(&self, envelope: Envelope, seen: Message) -> Result<Ended, StoreError> {
        let event = Event::GivenBack { epoch: envelope.epoch };
        match change(&self.store, seen, event, self.clock.now()).await? {
            Changed::To(_) => Ok(Ended::GivenBack),
            refused => Ok(dropped(&refused)),
        }
    }
}

fn readable(deliveries: Vec<Delivery>, report: &mut Report) -> Vec<Envelope> {
    let mut envelopes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match delivery.content {
            Ok(envelope) => envelopes.push(envelope),
            Err(error) => {
                // Redelivering would not make it readable. If it was one of ours, its due time brings it back.
                tracing::error!(broker_id = delivery.message_id, %error, "a message on the queue can't be read");
                report.unreadable += 1;
            }
        }
    }
    envelopes
}

fn key(envelope: &Envelope) -> Key {
    Key { tenant: envelope.tenant.clone(), id: envelope.id }
}

fn dropped(changed: &Changed) -> Ended {
    if let Changed::Refused(refused, message) = changed {
        // A live lease is no reason to hold the delivery: if its holder dies, the lapsed lease brings the message back.
        let lost_result = *refused == Refused::NotHolder;
        tracing::info!(id = %message.id, reason = refused.as_str(), lost_result, "a delivery was dropped");
    }
    Ended::Dropped
}
