//! Reads messages, lists and counts them, carries out commands on them, issues WebSocket tickets.
//!
//! A command only writes the table. What the broker has already is made void by the epoch, and the relay hands over what
//! is owed from then on.

mod commands;
mod list;
mod query;
mod redrive;
mod stats;

use expedite::{
    caller,
    domain::{Message, MessageId, Tenant},
    metrics::Meter,
    ports::{Clock, Entropy, Key, MessageStore, StateIndex, StoreError, TenantIndex, Tickets},
    problem::{FieldError, Problem, json},
    ticket::{self, TICKET_LIFETIME},
    view::{MessageView, rfc3339},
};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::json;

/// The use case and the ports it stands on.
pub struct Control<S, T, C, E, M> {
    /// Where messages are kept.
    pub messages: S,
    /// Where tickets are kept.
    pub tickets: T,
    /// What time it is.
    pub clock: C,
    /// Where tickets come from.
    pub entropy: E,
    /// What takes the metrics.
    pub meter: M,
    /// The token's claim that names the tenant.
    pub tenant_claim: String,
    /// What tokens must grant.
    pub scopes: Scopes,
}

/// Scopes that a token must grant for some commands. An empty one is everybody's.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    /// To make a message high.
    pub high_priority: String,
    /// To command a message that somebody else of the tenant has submitted.
    pub admin: String,
}

impl<S: MessageStore + TenantIndex + StateIndex, T: Tickets, C: Clock, E: Entropy, M: Meter>
    Control<S, T, C, E, M>
{
    /// Answers every route of this function.
    pub async fn handle(&self, request: &Request) -> Response<Body> {
        let answer = self.dispatch(request).await.unwrap_or_else(Problem::into_response);
        self.meter.flush();
        answer
    }

    async fn dispatch(&self, request: &Request) -> Result<Response<Body>, Problem> {
        let tenant = caller::tenant(request, &self.tenant_claim)?;
        match caller::route(request).as_deref() {
            Some("GET /v1/messages/{id}") => self.read(request, tenant).await,
            Some("GET /v1/messages") => self.list(request, tenant).await,
            Some("DELETE /v1/messages/{id}") => self.cancel(request, tenant).await,
            Some("PATCH /v1/messages/{id}") => self.amend(request, tenant).await,
            Some("POST /v1/messages/{id}/redrive") => self.redrive_one(request, tenant).await,
            Some("POST /v1/redrive") => self.redrive_many(request, tenant).await,
            Some("GET /v1/stats") => self.stats(tenant).await,
            Some("POST /v1/tickets") => self.issue_ticket(tenant).await,
            _ => Err(Problem::not_found("There is no such route.")),
        }
    }

    /// The message that the path names. An unknown one, a foreign one and an impossible id give the same answer.
    async fn find(&self, request: &Request, tenant: Tenant) -> Result<Message, Problem> {
        let path = request.path_parameters();
        let id = path.first("id").and_then(|id| id.parse::<MessageId>().ok()).ok_or_else(no_message)?;
        let key = Key { tenant, id };
        self.messages.read(&key).await.map_err(unreadable)?.ok_or_else(no_message)
    }

    async fn read(&self, request: &Request, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let query = request.query_string_parameters();
        let mut errors = query::refused(&query, "payload");
        let with_payload = query.first("payload") == Some("true");
        if !matches!(query.first("payload"), None | Some("true" | "false")) {
            errors.push(FieldError::new("payload", "must be true or false"));
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let message = self.find(request, tenant).await?;
        let key = Key::of(&message);
        let mut view = MessageView::of(&message, self.clock.now()).with_timeline(&message);
        if with_payload && let Some(payload) = self.messages.read_payload(&key).await.map_err(unreadable)? {
            view = view.with_payload(&payload);
        }
        Ok(json(200, &view))
    }

    async fn issue_ticket(&self, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let ticket = ticket::draw(&self.entropy);
        let expires_at = self.clock.now().plus(TICKET_LIFETIME);
        self.tickets.issue(&ticket::hash(&ticket), &tenant, expires_at).await.map_err(|error| {
            tracing::error!(%error, "a ticket could not be stored");
            Problem::unavailable("No ticket could be issued. Ask again.")
        })?;
        Ok(json(201, &json!({"ticket": ticket, "expires_at": rfc3339(expires_at)})))
    }
}

fn no_message() -> Problem {
    Problem::not_found("There is no such message.")
}

fn unreadable(error: StoreError) -> Problem {
    tracing::error!(%error, "messages could not be read");
    Problem::unavailable("The table can't be read. Nothing was changed; ask again.")
}
