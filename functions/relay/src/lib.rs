//! Hands over what is owed: what the stream brings, at once, and what is due, once a minute.
//!
//! Nothing here is lost by failing: a message that owes something keeps its `due_at` until that is done, and the next
//! sweep finds it. So the stream's part never fails the function, which would only hold the shard up.

mod handover;
mod sweep;

use expedite::{
    about,
    adapters::stream::changes,
    change::{Changed, change},
    domain::{Aging, Event, Message, Owed, Priority, Timestamp, backoff, owed},
    metrics::{Meter, Metric, count_change, stream_lag},
    ports::{Broker, Clock, DueIndex, Entropy, MessageStore, SendError, StoreError},
    telemetry::About,
};
use futures_util::{StreamExt, stream};
use handover::Owing;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// How many reads and writes of the table are under way at once.
const AT_ONCE: usize = 32;

/// The use case and the ports it stands on.
pub struct Relay<S, B, C, E, M> {
    /// Where messages are kept, and where what is due is found.
    pub store: S,
    /// Where messages are handed to.
    pub broker: B,
    /// What time it is.
    pub clock: C,
    /// Where jitter comes from.
    pub entropy: E,
    /// What takes the metrics.
    pub meter: M,
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

impl Done {
    /// What a log says of it.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::HandedOver => "handed over",
            Self::Late => "handed over late",
            Self::Overdue => "handed over again",
            Self::Lapsed => "its lease has lapsed",
            Self::Raised => "raised after a long wait",
            Self::Expired => "expired",
            Self::NotDue => "nothing was owed",
            Self::Failed => "it stays due",
        }
    }
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

impl<S: MessageStore + DueIndex, B: Broker, C: Clock, E: Entropy, M: Meter> Relay<S, B, C, E, M> {
    /// Handles a batch of the stream, or sweeps where the event is anything else, as the schedule's is.
    ///
    /// # Errors
    /// A sweep whose index can't be read. The next one comes in a minute.
    pub async fn run(&self, event: Value, ends_at: Timestamp) -> Result<Report, StoreError> {
        let result = match serde_json::from_value(event) {
            Ok(batch) => Ok(self.relay(batch).await),
            Err(_) => self.sweep(ends_at).await,
        };
        if let Ok(report) = &result {
            tracing::info!(
                handed_over = report.handed_over,
                late = report.late,
                overdue = report.overdue,
                lapsed = report.lapsed,
                raised = report.raised,
                expired = report.expired,
                not_due = report.not_due,
                failed = report.failed,
                unreadable = report.unreadable,
                cut_short = report.cut_short,
                "relayed"
            );
            self.count(report);
        }
        self.meter.flush();
        result
    }

    /// What nobody did in time and was found, and what could not be done.
    fn count(&self, report: &Report) {
        self.meter.count(Metric::HandoversOverdue, report.late);
        self.meter.count(Metric::DeliveriesOverdue, report.overdue);
        self.meter.count(Metric::LeasesLapsed, report.lapsed);
        self.meter.count(Metric::RelayFailures, report.failed + report.unreadable);
    }

    async fn relay(&self, batch: aws_lambda_events::dynamodb::Event) -> Report {
        let mut messages: Vec<Message> = Vec::new();
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
        stream_lag(&self.meter, &messages, self.clock.now());
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
        let about = About::of(&message);
        let result = match owed {
            Owed::Lapsed => self.lapse(message, now).await,
            Owed::Expire => self.apply(message, Event::Expired, now, Done::Expired).await,
            Owed::Raise { to } => self.raise(message, to, now).await,
            Owed::HandOver { .. } | Owed::HandOverAgain | Owed::Later(_) | Owed::Nothing => Ok(Done::NotDue),
        };
        result.unwrap_or_else(|fault| stays_due(&about, &fault))
    }

    async fn lapse(&self, message: Message, now: Timestamp) -> Result<Done, Fault> {
        let retry_at = now.plus(backoff(message.attempt, self.entropy.jitter()));
        self.apply(message, Event::LeaseLapsed { retry_at }, now, Done::Lapsed).await
    }

    /// The new copy is owed from here on: the stream brings it back at once, as it brings everything that the relay owes.
    async fn raise(&self, message: Message, to: Priority, now: Timestamp) -> Result<Done, Fault> {
        let from = message.priority;
        let done = self.apply(message, Event::Aged { to }, now, Done::Raised).await?;
        if let Done::Raised = done {
            self.meter.count_one(Metric::MessagesAged, from);
        }
        Ok(done)
    }

    async fn apply(&self, message: Message, event: Event, now: Timestamp, done: Done) -> Result<Done, Fault> {
        match change(&self.store, message, event, now).await? {
            Changed::To(message) => {
                about!(info, message, state = %message.state, priority = %message.priority, "{}", done.as_str());
                count_change(&self.meter, &message);
                Ok(done)
            }
            // A delivery was faster than the mark, or an older image came late: version and epoch sort both out.
            Changed::Refused(..) | Changed::Missing => Ok(Done::NotDue),
        }
    }
}

fn stays_due(about: &About, fault: &Fault) -> Done {
    about!(warn, about, error = %fault, "what is owed could not be done and stays due");
    Done::Failed
}
