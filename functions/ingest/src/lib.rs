//! Takes a message: validates it, stores it, hands it to the broker, answers 202.
//!
//! Once the message is stored it can't get lost any more: a hand-over that fails, or that nobody survives to make, is
//! the relay's.

mod submission;

use expedite::{
    caller,
    change::{Changed, change},
    domain::{Aging, Event, Handover, Message},
    envelope::Envelope,
    payload::Payload,
    ports::{Broker, Clock, Created, Entropy, MessageStore},
    problem::{Problem, json},
    view::MessageView,
};
use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, header},
};
use submission::Submitter;

/// The use case and the ports it stands on.
pub struct Ingest<S, B, C, E> {
    /// Where messages are kept.
    pub store: S,
    /// Where they are handed to.
    pub broker: B,
    /// What time it is.
    pub clock: C,
    /// Where ids come from.
    pub entropy: E,
    /// When what waits is raised.
    pub aging: Aging,
    /// The token's claim that names the tenant.
    pub tenant_claim: String,
    /// The scope that a token needs for a high message; empty where every caller may send one.
    pub high_priority_scope: String,
}

impl<S: MessageStore, B: Broker, C: Clock, E: Entropy> Ingest<S, B, C, E> {
    /// `POST /v1/messages`.
    pub async fn handle(&self, request: &Request) -> Response<Body> {
        self.submit(request).await.unwrap_or_else(Problem::into_response)
    }

    async fn submit(&self, request: &Request) -> Result<Response<Body>, Problem> {
        let submitter = self.submitter(request)?;
        let now = self.clock.now();
        let (submission, payload) = submission::read(request, submitter, now, &self.entropy)?;
        let message = Message::accept(submission, now);
        let created = self.store.create(&message, &payload).await.map_err(|error| {
            tracing::error!(%error, "a message could not be stored");
            Problem::unavailable(
                "The message could not be stored. Send it again, with the same Idempotency-Key if it has one.",
            )
        })?;
        match created {
            Created::New => {
                let message = self.hand_over(message, payload).await;
                tracing::info!(id = %message.id, priority = %message.priority, state = %message.state, "accepted");
                Ok(self.answer(202, &message))
            }
            Created::Exists(first) if first.fingerprint == message.fingerprint => {
                Ok(self.answer(200, &first))
            }
            Created::Exists(_) => Err(Problem::key_reused()),
        }
    }

    fn submitter<'a>(&'a self, request: &Request) -> Result<Submitter<'a>, Problem> {
        Ok(Submitter {
            tenant: caller::tenant(request, &self.tenant_claim)?,
            subject: caller::subject(request),
            high_needs: Some(self.high_priority_scope.as_str())
                .filter(|scope| !caller::has_scope(request, scope)),
        })
    }

    /// Hands the message over where that is for `ingest` to do, and returns it as it stands then.
    async fn hand_over(&self, message: Message, payload: Payload) -> Message {
        if message.handover != Some(Handover::Ingest) {
            return message;
        }
        let epoch = message.epoch;
        let delay = self.clock.now().until(message.deliver_at);
        let event = match self.broker.send(&Envelope::of(&message, payload), delay).await {
            Ok(()) => Event::HandedOver { epoch, raise: self.aging.raise(message.priority) },
            Err(error) => {
                tracing::warn!(id = %message.id, %error, "the hand-over failed and is left to the relay");
                Event::HandoverFailed { epoch, reason: error.to_string() }
            }
        };
        match change(&self.store, message.clone(), event, self.clock.now()).await {
            Ok(Changed::To(message) | Changed::Refused(_, message)) => *message,
            // Refused means that the delivery was faster than the mark, and that is as it should be.
            Ok(Changed::Missing) => message,
            Err(error) => {
                tracing::warn!(id = %message.id, %error, "the hand-over could not be marked; the sweep will see to it");
                message
            }
        }
    }

    fn answer(&self, status: u16, message: &Message) -> Response<Body> {
        let mut response = json(status, &MessageView::of(message, self.clock.now()));
        if let Ok(location) = HeaderValue::from_str(&format!("/v1/messages/{}", message.id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}
