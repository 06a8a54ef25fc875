//! Hands over what is owed: what the stream brings, at once, and what is due, once a minute.
//!
//! Nothing here is lost by failing: a message that owes something keeps its `due_at` until that is done, and the next
//! sweep finds it. So the stream's part never fails the function, which would only hold the shard up.

mod sweep;

use expedite::{
    adapters::stream::changes,
    change::{Changed, change},
    domain::{Event, Message, Owed, Timestamp, backoff, owed},
    envelope::Envelope,
    ports::{Broker, Clock, DueIndex, Entropy, Key, MessageStore, SendError, StoreError},
};
use futures_util::{StreamExt, stream};
use lambda_runtime::Context;
use serde::Serialize;
use serde_json::Value;

/// How many hand-overs are under way at once, on one connection.
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
}

/// What became of the messages that were looked at, for the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Given to the broker.
    pub handed_over: usize,
    /// Attempts that ended without an outcome and were counted as failed.
    pub lapsed: usize,
    /// Nothing was owed, or not yet.
    pub not_due: usize,
    /// Could not be done now. They stay due.
    pub failed: usize,
    /// Index entries that name no message. They were passed over.
    pub unreadable: usize,
    /// Whether time ran out before all was looked at.
    pub cut_short: bool,
}

/// What became of one message.
enum Done {
    HandedOver,
    Lapsed,
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

/// When Lambda ends the call.
pub fn time_limit(context: &Context) -> Timestamp {
    Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX))
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

    async fn settle_all(&self, messages: Vec<Message>, report: &mut Report) {
        let mut settled =
            stream::iter(messages).map(|message| self.settle(message)).buffer_unordered(AT_ONCE);
        while let Some(done) = settled.next().await {
            match done {
                Done::HandedOver => report.handed_over += 1,
                Done::Lapsed => report.lapsed += 1,
                Done::NotDue => report.not_due += 1,
                Done::Failed => report.failed += 1,
            }
        }
    }

    /// Does what is owed for one message.
    async fn settle(&self, message: Message) -> Done {
        let id = message.id;
        let now = self.clock.now();
        let result = match owed(&message, now) {
            Owed::HandOver { delay } => self.hand_over(message, delay).await,
            Owed::Lapsed => self.lapse(message, now).await,
            Owed::Later(_) | Owed::Nothing => Ok(Done::NotDue),
        };
        result.unwrap_or_else(|error| {
            tracing::warn!(%id, %error, "what is owed could not be done and stays due");
            Done::Failed
        })
    }

    async fn hand_over(&self, message: Message, delay: std::time::Duration) -> Result<Done, Fault> {
        let epoch = message.epoch;
        let payload = self.store.read_payload(&Key::of(&message)).await?.ok_or(Fault::NoPayload)?;
        self.broker.send(&Envelope::of(&message, payload), delay).await?;
        match change(&self.store, message, Event::HandedOver { epoch }, self.clock.now()).await? {
            Changed::To(_) => Ok(Done::HandedOver),
            // The delivery was faster than the mark, or an older image came late: the epoch sorts both out.
            Changed::Refused(..) | Changed::Missing => Ok(Done::NotDue),
        }
    }

    async fn lapse(&self, message: Message, now: Timestamp) -> Result<Done, Fault> {
        let jitter = (self.entropy.bits() & u128::from(u64::MAX)).try_into().unwrap_or_default();
        let retry_at = now.plus(backoff(message.attempt, jitter));
        match change(&self.store, message, Event::LeaseLapsed { retry_at }, now).await? {
            Changed::To(_) => Ok(Done::Lapsed),
            Changed::Refused(..) | Changed::Missing => Ok(Done::NotDue),
        }
    }
}
