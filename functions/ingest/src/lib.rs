//! Takes messages: validates them, stores them, hands them to the broker, answers.
//!
//! Once a message is stored it can't get lost any more: a hand-over that fails, or that nobody survives to make, is the
//! relay's.

mod batch;
mod key;
mod submission;

use expedite::{
    about, body, caller,
    change::{Changed, change},
    domain::{Aging, Event, Handover, Message},
    envelope::Envelope,
    metrics::{Meter, Metric},
    payload::Payload,
    ports::{Broker, Clock, Created, Entropy, MessageStore, SendError},
    problem::{Problem, json},
    view::MessageView,
};
use key::IdempotencyKey;
use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, header},
};
use std::time::Duration;
use submission::{Arrival, MESSAGE_LIMIT, Submitter};

/// The use case and the ports it stands on.
pub struct Ingest<S, B, C, E, M> {
    /// Where messages are kept.
    pub store: S,
    /// Where they are handed to.
    pub broker: B,
    /// What time it is.
    pub clock: C,
    /// Where ids come from.
    pub entropy: E,
    /// What takes the metrics.
    pub meter: M,
    /// When what waits is raised.
    pub aging: Aging,
    /// The token's claim that names the tenant.
    pub tenant_claim: String,
    /// The scope that a token needs for a high message; empty where every caller may send one.
    pub high_priority_scope: String,
}

/// A message that was not refused.
enum Taken {
    /// It is stored, and its hand-over is still to be made.
    New(Box<Message>, Payload),
    /// It was stored by an earlier request with the same key.
    Before(Box<Message>),
}

impl<S: MessageStore, B: Broker, C: Clock, E: Entropy, M: Meter> Ingest<S, B, C, E, M> {
    /// Answers every route of this function.
    pub async fn handle(&self, request: &Request) -> Response<Body> {
        let answer = self.dispatch(request).await.unwrap_or_else(|problem| {
            self.count_refused(&problem);
            tracing::info!(status = problem.status(), request = caller::request_id(request), "refused");
            problem.into_response()
        });
        self.meter.flush();
        answer
    }

    async fn dispatch(&self, request: &Request) -> Result<Response<Body>, Problem> {
        let submitter = self.submitter(request)?;
        match caller::route(request).as_deref() {
            Some("POST /v1/messages") => self.submit(request, &submitter).await,
            Some("POST /v1/messages/batch") => self.submit_batch(request, &submitter).await,
            _ => Err(Problem::not_found("There is no such route.")),
        }
    }

    fn submitter<'a>(&'a self, request: &Request) -> Result<Submitter<'a>, Problem> {
        Ok(Submitter {
            tenant: caller::tenant(request, &self.tenant_claim)?,
            subject: caller::subject(request),
            trace: caller::trace(request),
            high_needs: Some(self.high_priority_scope.as_str())
                .filter(|scope| !caller::has_scope(request, scope)),
        })
    }

    async fn submit(&self, request: &Request, submitter: &Submitter<'_>) -> Result<Response<Body>, Problem> {
        let body = body::json(request, MESSAGE_LIMIT)?;
        let arrival = Arrival::Alone(IdempotencyKey::of(request));
        let now = self.clock.now();
        let (submission, payload) = submission::read(body, arrival, submitter, now, &self.entropy)?;
        match self.store(Message::accept(submission, now), payload).await? {
            Taken::New(message, payload) => {
                self.accepted(&message, request);
                let message = self.hand_over(*message, payload).await;
                Ok(self.answer(202, &message))
            }
            Taken::Before(first) => {
                self.replayed(&first, request);
                Ok(self.answer(200, &first))
            }
        }
    }

    fn accepted(&self, message: &Message, request: &Request) {
        let (priority, request) = (message.priority, caller::request_id(request));
        about!(info, message, %priority, request, "accepted");
        self.meter.count_one(Metric::MessagesAccepted, priority);
    }

    fn replayed(&self, first: &Message, request: &Request) {
        about!(info, first, request = caller::request_id(request), "replayed");
        self.meter.count_one(Metric::MessagesReplayed, first.priority);
    }

    async fn store(&self, message: Message, payload: Payload) -> Result<Taken, Problem> {
        let created = self.store.create(&message, &payload).await.map_err(|error| {
            about!(error, message, %error, "a message could not be stored");
            not_stored()
        })?;
        match created {
            Created::New => Ok(Taken::New(Box::new(message), payload)),
            Created::Exists(first) if first.fingerprint == message.fingerprint => Ok(Taken::Before(first)),
            Created::Exists(_) => Err(Problem::key_reused()),
        }
    }

    /// Hands the message over where that is for `ingest` to do, and returns it as it stands then.
    async fn hand_over(&self, message: Message, payload: Payload) -> Message {
        if message.handover != Some(Handover::Ingest) {
            return message;
        }
        let start = self.clock.now();
        let delay = start.until(message.deliver_at);
        let sent = self.broker.send(&Envelope::of(&message, payload), delay).await;
        self.mark(message, sent, start.until(self.clock.now())).await
    }

    /// Writes down what came of a hand-over, which took so long, and returns the message as it stands then.
    async fn mark(&self, message: Message, sent: Result<(), SendError>, took: Duration) -> Message {
        let epoch = message.epoch;
        let event = match sent {
            Ok(()) => {
                self.meter.time(Metric::HandoverTime, message.priority, took);
                Event::HandedOver { epoch, raise: self.aging.raise(message.priority) }
            }
            Err(error) => {
                self.meter.count_one(Metric::HandoversFailed, message.priority);
                about!(warn, message, %error, "the hand-over failed and is left to the relay");
                Event::HandoverFailed { epoch, reason: error.to_string() }
            }
        };
        match change(&self.store, message.clone(), event, self.clock.now()).await {
            Ok(Changed::To(message) | Changed::Refused(_, message)) => *message,
            // Refused means that the delivery was faster than the mark, and that is as it should be.
            Ok(Changed::Missing) => message,
            Err(error) => {
                about!(warn, message, %error, "the hand-over could not be marked; the sweep will see to it");
                message
            }
        }
    }

    fn count_refused(&self, problem: &Problem) {
        let metric = match problem.status() {
            403 => Metric::RejectedForbidden,
            422 => Metric::RejectedKeyReused,
            503 => Metric::RejectedUnavailable,
            // No route of ours, so it was no message.
            404 => return,
            _ => Metric::RejectedInvalid,
        };
        self.meter.count(metric, 1);
    }

    fn answer(&self, status: u16, message: &Message) -> Response<Body> {
        let mut response = json(status, &MessageView::of(message, self.clock.now()));
        if let Ok(location) = HeaderValue::from_str(&format!("/v1/messages/{}", message.id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// Whether it was is not known: the answer may have got lost.
fn not_stored() -> Problem {
    Problem::unavailable(
        "The message could not be stored. Send it again, with the same Idempotency-Key if it has one.",
    )
}
