//! Hands over what is owed: what the stream brings, at once, and what is due, once a minute.
//!
//! Nothing here is lost by failing: a message that owes something keeps its `due_at` until that is done, and the next
//! sweep finds it. So the stream's part never fails the function, which would only hold the shard up.

mod handover;
mod sweep;

use expedite::{
    adapters::stream::changes,
    change::{Changed, change},
    domain::{Aging, Event, Message, MessageId, Owed, Priority, Timestamp, backoff, owed},
    metrics::{self, Metric},
    ports::{Broker, Clock, DueIndex, Entropy, MessageStore, SendError, StoreError},
};
use futures_util::{StreamExt, stream};
use handover::Owing;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// How many reads and writes of the table are under way at once.
const AT_ONCE: usize = 32;

/// The use case and the ports it stands on.
pub struct Relay<S, B, C, E> {
    /// Where messages are kept, and where what is due is found.
    pub store: S,
    /// Where messages are handed to.
    pub broker: B,
    /// What time it is.
    pub clock: C,
    /// Where jitter comes from.
    pub entropy: E,
    /// When what waits is raised.
    pub aging: Aging,
}

/// What became of the messages that were looked at, for the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Given to the broker.
    pub handed_over: usize,
    /// Of these, those that their sender or the stream should have brought there.
    pub late: usize,
    /// Of these, those that the broker had not delivered in time and got once more.
    pub overdue: usize,
    /// Attempts that ended without an outcome and were counted as failed.
    pub lapsed: usize,
    /// Raised to the next class after a long wait.
    pub raised: usize,
    /// Not started by the end that their caller had set.
    pub expired: usize,
    /// Nothing was owed, or not yet.
    pub not_due: usize,
    /// Could not be done now. They stay due.
    pub failed: usize,
    /// Index entries that name no message. They were passed over.
    pub unreadable: usize,
    /// Whether time ran out before all was looked at.
    pub cut_short: bool,
}

impl Report {
    /// What nobody did in time, and was found.
    const fn counts(&self) -> [(Metric, usize); 5] {
        [
            (Metric::HandoversOverdue, self.late),
            (Metric::DeliveriesOverdue, self.overdue),
            (Metric::LeasesLapsed, self.lapsed),
            (Metric::MessagesAged, self.raised),
            (Metric::MessagesExpired, self.expired),
        ]
    }

    fn count(&mut self, done: Done) {
        match done {
            Done::HandedOver => self.handed_over += 1,
            Done::Late => {
                self.handed_over += 1;
                self.late += 1;
            }
            Done::Overdue => {
                self.handed_over += 1;
                self.overdue += 1;
            }
            Done::Lapsed => self.lapsed += 1,
            Done::Raised => self.raised += 1,
            Done::Expired => self.expired += 1,
            Done::NotDue => self.not_due += 1,
            Done::Failed => self.failed += 1,
        }
    }
}

/// What became of one message.
enum Done {
    HandedOver,
    Late,
    Overdue,
    Lapsed,
    Raised,
    Expired,
    NotDue,
    Failed,
}

/// Why a message stays due.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("its payload is missing")]
    NoPayload,
}

impl<S: MessageStore + DueIndex, B: Broker, C: Clock, E: Entropy> Relay<S, B, C, E> {
    /// Handles a batch of the stream, or sweeps where the event is anything else, as the schedule's is.
    ///
    /// # Errors
    /// A sweep whose index can't be read. The next one comes in a minute.
    pub async fn run(&self, event: Value, ends_at: Timestamp) -> Result<Report, StoreError> {
        let report = match serde_json::from_value(event) {
            Ok(batch) => self.relay(batch).await,
            Err(_) => self.sweep(ends_at).await?,
        };
        tracing::info!(?report, "relayed");
        metrics::count("relay", self.clock.now(), &report.counts());
        Ok(report)
    }

    async fn relay(&self, batch: aws_lambda_events::dynamodb::Event) -> Report {
        let mut messages = Vec::new();
        let mut report = Report::default();
        for change in changes(batch) {
            match change.message {
                Ok(message) => messages.push(message),
                Err(error) => {
                    tracing::error!(sequence = change.sequence_number, %error, "a change can't be read");
                    report.unreadable += 1;
                }
            }
        }
        self.settle_all(messages, &mut report).await;
        report
    }

    /// Does what is owed for each of them.
    async fn settle_all(&self, messages: Vec<Message>, report: &mut Report) {
        let now = self.clock.now();
        let (mut owing, mut others) = (Vec::new(), Vec::new());
        for message in messages {
            match owed(&message, &self.aging, now) {
                Owed::HandOver { delay, late } => {
                    let done = if late { Done::Late } else { Done::HandedOver };
                    owing.push(Owing { message, delay, done });
                }
                Owed::HandOverAgain => {
                    owing.push(Owing { message, delay: Duration::ZERO, done: Done::Overdue });
                }
                owed => others.push((message, owed)),
            }
        }
        let mut settled = stream::iter(others)
            .map(|(message, owed)| self.settle(message, owed, now))
            .buffer_unordered(AT_ONCE);
        while let Some(done) = settled.next().await {
            report.count(done);
        }
        // Last, so that a broker that does not answer holds nothing else up.
        for done in self.hand_over(owing).await {
            report.count(done);
        }
    }

    /// Does what is owed for one message, where it is no hand-over.
    async fn settle(&self, message: Message, owed: Owed, now: Timestamp) -> Done {
        let id = message.id;
        let result = match owed {
            Owed::Lapsed => self.lapse(message, now).await,
            Owed::Expire => self.apply(message, Event::Expired, now, Done::Expired).await,
            Owed::Raise { to } => self.raise(message, to, now).await,
            Owed::HandOver { .. } | Owed::HandOverAgain | Owed::Later(_) | Owed::Nothing => Ok(Done::NotDue),
        };
        result.unwrap_or_else(|fault| stays_due(id, &fault))
    }

    async fn lapse(&self, message: Message, now: Timestamp) -> Result<Done, Fault> {
        let retry_at = now.plus(backoff(message.attempt, self.entropy.jitter()));
        self.apply(message, Event::LeaseLapsed { retry_at }, now, Done::Lapsed).await
    }

    /// The new copy is owed from here on: the stream brings it back at once, as it brings everything that the relay owes.
    async fn raise(&self, message: Message, to: Priority, now: Timestamp) -> Result<Done, Fault> {
        tracing::info!(id = %message.id, from = %message.priority, %to, "raised after a long wait");
        self.apply(message, Event::Aged { to }, now, Done::Raised).await
    }

    async fn apply(&self, message: Message, event: Event, now: Timestamp, done: Done) -> Result<Done, Fault> {
        match change(&self.store, message, event, now).await? {
            Changed::To(_) => Ok(done),
            // A delivery was faster than the mark, or an older image came late: version and epoch sort both out.
            Changed::Refused(..) | Changed::Missing => Ok(Done::NotDue),
        }
    }
}

fn stays_due(id: MessageId, fault: &Fault) -> Done {
    tracing::warn!(%id, error = %fault, "what is owed could not be done and stays due");
    Done::Failed
}
