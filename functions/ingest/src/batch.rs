//! Many messages in one request. Each gets the answer that it would have got by itself, and none harms another.

mod view;

use crate::{
    Ingest, Taken,
    key::{IdempotencyKey, KEY_HEADER},
    not_stored,
    submission::{self, Arrival, Submitter},
};
use expedite::{
    body::{self, Fields},
    caller,
    domain::{Handover, Message, Timestamp},
    envelope::Envelope,
    metrics::Meter,
    payload::Payload,
    ports::{Broker, Clock, Entropy, MessageStore, Parcel, SEND_LIMIT},
    problem::{Problem, json},
};
use futures_util::{StreamExt, stream};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::value::RawValue;
use std::{cmp::Reverse, collections::HashSet, time::Duration};
use tokio::time::{Instant, timeout_at};
use view::BatchView;

/// The largest batch: 1 MiB.
const BATCH_LIMIT: usize = 1024 * 1024;

/// The most messages in a batch.
const MESSAGES_LIMIT: usize = 500;

/// How many writes to the table are under way at once.
const AT_ONCE: usize = 32;

/// How long API Gateway waits for an answer.
const INTEGRATION_LIMIT: Duration = Duration::from_secs(30);

/// What of the time is kept for answering.
const ANSWERING: Duration = Duration::from_secs(1);

/// What of the time is kept for marking what was handed over.
const MARKING: Duration = Duration::from_secs(4);

/// What was asked for, checked; or why not.
type Read = Result<(Message, Payload), Problem>;

/// The status and the message as it stands; or why it was refused.
type Settled = Result<(u16, Message), Problem>;

impl<S: MessageStore, B: Broker, C: Clock, E: Entropy, M: Meter> Ingest<S, B, C, E, M> {
    /// `POST /v1/messages/batch`.
    pub(crate) async fn submit_batch(
        &self,
        request: &Request,
        submitter: &Submitter<'_>,
    ) -> Result<Response<Body>, Problem> {
        let now = self.clock.now();
        let answer_by = time_limit(request, now).minus(ANSWERING);
        let (items, key) = items(request)?;
        let read = items.iter().enumerate().map(|(index, item)| -> Read {
            let arrival = Arrival::InBatch(key.as_ref(), index);
            let (submission, payload) =
                submission::read(item.get().as_bytes(), arrival, submitter, now, &self.entropy)?;
            Ok((Message::accept(submission, now), payload))
        });
        let taken = self.store_all(read.collect(), answer_by.minus(MARKING + SEND_LIMIT)).await;
        self.count(&taken, request);
        let settled = self.hand_over_all(taken, answer_by).await;
        let view = BatchView::of(&settled, self.clock.now());
        let (accepted, replayed, rejected) = (view.accepted, view.replayed, view.rejected);
        tracing::info!(accepted, replayed, rejected, request = caller::request_id(request), "batch");
        Ok(json(200, &view))
    }

    /// Stores what can be stored until then. Where a key stands twice, the first one in the batch is the first one.
    async fn store_all(&self, read: Vec<Read>, until: Timestamp) -> Vec<Result<Taken, Problem>> {
        let mut taken = Vec::with_capacity(read.len());
        let (mut first, mut again) = (Vec::new(), Vec::new());
        let mut ids = HashSet::new();
        for (index, one) in read.into_iter().enumerate() {
            taken.push(Err(match one {
                Ok((message, payload)) => {
                    let turn = if ids.insert(message.id) { &mut first } else { &mut again };
                    turn.push((index, message, payload));
                    not_stored()
                }
                Err(problem) => problem,
            }));
        }
        for turn in [first, again] {
            let stored = turn
                .into_iter()
                .map(|(index, message, payload)| async move { (index, self.store(message, payload).await) });
            for (index, one) in self.all_by(until, stored).await {
                taken[index] = one;
            }
        }
        taken
    }

    fn count(&self, taken: &[Result<Taken, Problem>], request: &Request) {
        for one in taken {
            match one {
                Ok(Taken::New(message, _)) => self.accepted(message, request),
                Ok(Taken::Before(first)) => self.replayed(first, request),
                Err(problem) => self.count_refused(problem),
            }
        }
    }

    /// Hands over what is for `ingest` to hand over, higher priorities first, and marks what can be marked until then. The
    /// sweep sees to the rest.
    async fn hand_over_all(&self, taken: Vec<Result<Taken, Problem>>, until: Timestamp) -> Vec<Settled> {
        let mut owed = Vec::new();
        let mut settled: Vec<Settled> = Vec::with_capacity(taken.len());
        for (index, one) in taken.into_iter().enumerate() {
            settled.push(one.map(|taken| match taken {
                Taken::Before(first) => (200, *first),
                Taken::New(message, payload) => {
                    if message.handover == Some(Handover::Ingest) {
                        owed.push((index, (*message).clone(), payload));
                    }
                    (202, *message)
                }
            }));
        }
        owed.sort_by_key(|(_, message, _)| Reverse(message.priority));
        let now = self.clock.now();
        let (places, parcels): (Vec<_>, Vec<_>) = owed
            .into_iter()
            .map(|(index, message, payload)| {
                let delay = now.until(message.deliver_at);
                let parcel = Parcel { envelope: Envelope::of(&message, payload), delay };
                ((index, message), parcel)
            })
            .unzip();
        let sent = self.broker.send_all(&parcels).await;
        let took = now.until(self.clock.now());
        let marked = places
            .into_iter()
            .zip(sent)
            .map(|((index, message), sent)| async move { (index, self.mark(message, sent, took).await) });
        for (index, message) in self.all_by(until, marked).await {
            settled[index] = Ok((202, message));
        }
        settled
    }

    /// Does all of it, up to [`AT_ONCE`] at once. What is not done by `until` is given up.
    async fn all_by<T>(&self, until: Timestamp, works: impl Iterator<Item: Future<Output = T>>) -> Vec<T> {
        let left = self.clock.now().until(until);
        let mut done = Vec::new();
        if left.is_zero() {
            return done;
        }
        let deadline = Instant::now() + left;
        let mut works = stream::iter(works).buffer_unordered(AT_ONCE);
        while let Ok(Some(one)) = timeout_at(deadline, works.next()).await {
            done.push(one);
        }
        done
    }
}

/// When Lambda ends the call, or API Gateway stops waiting.
fn time_limit(request: &Request, now: Timestamp) -> Timestamp {
    let gateway = now.plus(INTEGRATION_LIMIT);
    let deadline = request.lambda_context_ref().and_then(|context| i64::try_from(context.deadline).ok());
    deadline.map_or(gateway, |deadline| gateway.min(Timestamp::from_millis(deadline)))
}

/// The batch's messages, each still in its own letters, and the key that names the batch.
fn items(request: &Request) -> Result<(Vec<Box<RawValue>>, Option<IdempotencyKey>), Problem> {
    let mut fields = Fields::read(body::json(request, BATCH_LIMIT)?)?;
    let key = match IdempotencyKey::of(request) {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(invalid)) => fields.fail(KEY_HEADER, invalid),
    };
    let must = format!("must be a list of 1 to {MESSAGES_LIMIT} messages");
    let messages: Option<Vec<_>> = if fields.has("messages") {
        fields.take("messages", &must)
    } else {
        fields.fail("messages", "is missing")
    };
    if messages.as_ref().is_some_and(|list| !(1..=MESSAGES_LIMIT).contains(&list.len())) {
        fields.fail::<()>("messages", must);
    }
    fields.refuse_unknown("messages");
    match messages {
        Some(messages) if fields.errors.is_empty() => Ok((messages, key)),
        _ => Err(Problem::invalid(fields.errors)),
    }
}
