//! Takes what the broker gave up on: each delivery becomes a counted attempt of its message, tried again or failed with
//! the broker's reason. What belongs to no message is kept as a stray, and said.
//!
//! The broker puts what this function gives up in turn on a queue that nobody reads (`docs/decisions.md`). So nothing is
//! given up lightly: while the table can't be reached the function tries again until its time is nearly over, and only
//! then fails. Doing all of a batch again is harmless: what was taken carries an older epoch by then, and a stray that is
//! kept already stays as it is.

use expedite::{
    about,
    change::{Changed, change},
    domain::{Event, Message, Refused, State, Timestamp, backoff},
    envelope::Envelope,
    metrics::{Meter, Metric, count_change, count_dropped},
    mq_event::{Delivery, NotABatch, deliveries},
    ports::{Clock, Entropy, Key, MessageStore, StoreError, Stray, Strays},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, sleep};

/// How many messages are taken at once.
const AT_ONCE: usize = 16;

/// The first wait for a table that can't be reached; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What one round may take, the SDK's own retries included. None starts later than this before the end.
const ROUND: Duration = Duration::from_secs(10);

/// What stands in a timeline where the broker says nothing: somebody put the message there by hand.
const NO_REASON: &str = "it does not say why";

/// The use case and the ports it stands on.
pub struct DeadLetter<S, C, E, M> {
    /// Where messages are kept, and strays.
    pub store: S,
    /// What time it is.
    pub clock: C,
    /// Where jitter comes from.
    pub entropy: E,
    /// What takes the metrics.
    pub meter: M,
}

/// What became of a batch, for the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Attempts that are counted.
    pub counted: usize,
    /// Messages that were never started, and now never will be.
    pub expired: usize,
    /// Late and doubled deliveries, and those of messages that somebody runs.
    pub dropped: usize,
    /// Deliveries that belong to no message. They are kept.
    pub strays: usize,
    /// How often the table was tried again.
    pub retries: usize,
}

/// The function fails: the broker redelivers the batch, and in the end puts it where nobody reads.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The event is something else.
    #[error(transparent)]
    NotABatch(#[from] NotABatch),
    /// The table could not be reached for as long as there was time.
    #[error("{left} of the batch could not be taken: {error}")]
    TimeIsUp {
        /// How many deliveries.
        left: usize,
        /// What the last one met.
        error: StoreError,
    },
}

/// What became of one delivery.
enum Taken {
    Counted,
    Expired,
    Dropped,
    Stray,
}

/// What the table did not let through.
struct Rest {
    deliveries: Vec<Delivery>,
    error: StoreError,
}

impl<S: MessageStore + Strays, C: Clock, E: Entropy, M: Meter> DeadLetter<S, C, E, M> {
    /// Takes the batch in `event`, which must be done by `ends_at`.
    ///
    /// # Errors
    /// [`BatchError`]: the batch comes again.
    pub async fn run(&self, event: Value, ends_at: Timestamp) -> Result<Report, BatchError> {
        // Boxed, since the compiler lays out nested futures only so deep.
        let result = Box::pin(self.take(event, ends_at)).await;
        self.meter.flush();
        result
    }

    async fn take(&self, event: Value, ends_at: Timestamp) -> Result<Report, BatchError> {
        let mut report = Report::default();
        let last_start = Instant::now() + self.clock.now().until(ends_at).saturating_sub(ROUND);
        let mut open = deliveries(event)?;
        let mut pause = FIRST_PAUSE;
        while let Some(Rest { deliveries, error }) = self.round(open, &mut report).await {
            let left = deliveries.len();
            if Instant::now() + pause > last_start {
                tracing::error!(left, %error, "the time is up");
                return Err(BatchError::TimeIsUp { left, error });
            }
            tracing::warn!(left, %error, ?pause, "the table will be tried again");
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            report.retries += 1;
            open = deliveries;
        }
        tracing::info!(
            counted = report.counted,
            expired = report.expired,
            dropped = report.dropped,
            strays = report.strays,
            retries = report.retries,
            "batch"
        );
        Ok(report)
    }

    /// Takes what can be taken now, and gives the rest back.
    async fn round(&self, open: Vec<Delivery>, report: &mut Report) -> Option<Rest> {
        let seen = match self.read(&open).await {
            Ok(seen) => seen,
            Err(error) => return Some(Rest { deliveries: open, error }),
        };
        let seen = &seen;
        let mut rest: Option<Rest> = None;
        let mut taken = stream::iter(open)
            .map(|delivery| async move { (self.one(&delivery, seen).await, delivery) })
            .buffer_unordered(AT_ONCE);
        while let Some((taken, delivery)) = taken.next().await {
            match taken {
                Ok(Taken::Counted) => {
                    self.meter.count(Metric::DeadLetters, 1);
                    report.counted += 1;
                }
                Ok(Taken::Expired) => report.expired += 1,
                Ok(Taken::Dropped) => report.dropped += 1,
                Ok(Taken::Stray) => {
                    self.meter.count(Metric::Strays, 1);
                    report.strays += 1;
                }
                Err(error) => match &mut rest {
                    Some(rest) => rest.deliveries.push(delivery),
                    None => rest = Some(Rest { deliveries: vec![delivery], error }),
                },
            }
        }
        rest
    }

    async fn read(&self, open: &[Delivery]) -> Result<HashMap<Key, Message>, StoreError> {
        let keys: Vec<_> = open.iter().filter_map(|it| it.content.as_ref().ok()).map(key).collect();
        let messages = if keys.is_empty() { Vec::new() } else { self.store.read_many(&keys).await? };
        Ok(messages.into_iter().map(|message| (Key::of(&message), message)).collect())
    }

    async fn one(&self, delivery: &Delivery, seen: &HashMap<Key, Message>) -> Result<Taken, StoreError> {
        let envelope = match &delivery.content {
            Ok(envelope) => envelope,
            Err(error) => return self.keep(delivery, error.to_string()).await,
        };
        let Some(seen) = seen.get(&key(envelope)) else {
            return self.keep(delivery, unknown(envelope)).await;
        };
        self.count(delivery, envelope, seen).await
    }

    async fn count(
        &self,
        delivery: &Delivery,
        envelope: &Envelope,
        seen: &Message,
    ) -> Result<Taken, StoreError> {
        let now = self.clock.now();
        // A lapsed attempt was counted when it started.
        let attempt = if seen.state == State::Processing { seen.attempt } else { seen.attempt + 1 };
        let given_up = Event::GivenUp {
            epoch: envelope.epoch,
            retry_at: now.plus(backoff(attempt, self.entropy.jitter())),
            reason: delivery.given_up.clone().unwrap_or_else(|| NO_REASON.to_owned()),
        };
        let changed = match change(&self.store, seen.clone(), given_up, now).await? {
            // It came too late to be started: that is its outcome.
            Changed::Refused(Refused::Expired, message) => {
                change(&self.store, *message, Event::Expired, now).await?
            }
            changed => changed,
        };
        match changed {
            Changed::To(message) => {
                count_change(&self.meter, &message);
                let (state, attempt) = (message.state, message.attempt);
                about!(warn, message, %state, attempt, broker_id = delivery.message_id, "the broker gave up on it");
                Ok(if state == State::Expired { Taken::Expired } else { Taken::Counted })
            }
            Changed::Refused(refused, message) => {
                count_dropped(&self.meter, refused, &message);
                // A live lease is no reason to hold it: if its holder dies, the lapsed lease brings the message back.
                about!(info, message, reason = refused.as_str(), "a dead letter was dropped");
                Ok(Taken::Dropped)
            }
            Changed::Missing => self.keep(delivery, unknown(envelope)).await,
        }
    }

    async fn keep(&self, delivery: &Delivery, reason: String) -> Result<Taken, StoreError> {
        let stray = Stray {
            broker_id: delivery.message_id.clone(),
            queue: delivery.queue.clone(),
            queued_at: delivery.queued_at,
            found_at: self.clock.now(),
            reason,
            given_up: delivery.given_up.clone(),
            data: delivery.data.clone(),
        };
        self.store.keep(&stray).await?;
        // Not the reason, which may quote the data.
        let (broker_id, queue, name) = (&stray.broker_id, &stray.queue, stray.name());
        tracing::error!(broker_id, queue, name, "a dead letter belongs to no message; it is kept as a stray");
        Ok(Taken::Stray)
    }
}

fn key(envelope: &Envelope) -> Key {
    Key { tenant: envelope.tenant.clone(), id: envelope.id }
}

fn unknown(envelope: &Envelope) -> String {
    format!(
        "its message, {} of {}, is not in the table or can't be read",
        envelope.id,
        envelope.tenant.as_str()
    )
}
