use crate::{Control, no_message};
use expedite::{
    about,
    body::Fields,
    caller,
    change::{Changed, change},
    domain::{Event, MAX_DELAY, Message, Priority, Refused, State, Tenant, Timestamp},
    metrics::{Meter, Metric},
    ports::{Clock, Entropy, MessageStore, StateIndex, StoreError, TenantIndex, Tickets},
    problem::{FieldError, Problem, json},
    view::{MessageView, rfc3339},
};
use lambda_http::{Body, Request, Response};

/// A command has a few short members.
pub(crate) const BODY_LIMIT: usize = 4 * 1024;

impl<S: MessageStore + TenantIndex + StateIndex, T: Tickets, C: Clock, E: Entropy, M: Meter>
    Control<S, T, C, E, M>
{
    /// `DELETE /v1/messages/{id}`: takes a message back that waits.
    pub(crate) async fn cancel(&self, request: &Request, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let message = self.find(request, tenant).await?;
        self.may_command(request, &message)?;
        self.command(message, Event::Cancelled).await
    }

    /// `PATCH /v1/messages/{id}` `{priority, deliver_at}`, one of them or both: for a message that waits.
    pub(crate) async fn amend(&self, request: &Request, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let mut fields = Fields::of(request, BODY_LIMIT)?;
        if !fields.has("priority") && !fields.has("deliver_at") {
            fields.fail::<()>("body", "must have priority, deliver_at or both");
        }
        let priority = fields.text::<Priority>("priority");
        let deliver_at = self.time(&mut fields);
        fields.end("priority, deliver_at")?;
        self.may_be(request, priority)?;
        let message = self.find(request, tenant).await?;
        self.may_command(request, &message)?;
        self.command(message, Event::Amended { priority, deliver_at }).await
    }

    /// `POST /v1/messages/{id}/redrive` `{priority}`, or without a body: tries a failed message again.
    pub(crate) async fn redrive_one(
        &self,
        request: &Request,
        tenant: Tenant,
    ) -> Result<Response<Body>, Problem> {
        let mut fields =
            if request.body().is_empty() { Fields::default() } else { Fields::of(request, BODY_LIMIT)? };
        let priority = fields.text::<Priority>("priority");
        fields.end("priority")?;
        self.may_be(request, priority)?;
        let message = self.find(request, tenant).await?;
        self.may_command(request, &message)?;
        self.command(message, Event::Redriven { priority, deliver_at: self.clock.now() }).await
    }

    /// Carries a command out on a message as it stands, whoever else changes it meanwhile.
    async fn command(&self, message: Message, event: Event) -> Result<Response<Body>, Problem> {
        let now = self.clock.now();
        match change(&self.messages, message, event.clone(), now).await.map_err(unwritable)? {
            Changed::To(message) => {
                self.commanded(&event, &message);
                Ok(json(200, &MessageView::of(&message, now)))
            }
            Changed::Refused(Refused::Unchanged, message) => Ok(json(200, &MessageView::of(&message, now))),
            Changed::Refused(Refused::BeyondEnd { end }, _) => {
                let must = format!("must be before the message's expires_at, {}", rfc3339(end));
                Err(Problem::invalid(vec![FieldError::new("deliver_at", must)]))
            }
            Changed::Refused(_, message) => Err(in_the_way(message.state)),
            // Its time to live has passed meanwhile.
            Changed::Missing => Err(no_message()),
        }
    }

    pub(crate) fn commanded(&self, event: &Event, message: &Message) {
        // The detail is ours: who did what.
        about!(info, message, state = %message.state, detail = message.reason(), "commanded");
        match event {
            Event::Cancelled => self.meter.count_one(Metric::MessagesCancelled, message.priority),
            Event::Redriven { .. } => self.meter.count_one(Metric::MessagesRedriven, message.priority),
            _ => (),
        }
    }

    fn time(&self, fields: &mut Fields) -> Option<Timestamp> {
        let at = fields.time("deliver_at")?;
        if at > self.clock.now().plus(MAX_DELAY) {
            return fields.fail("deliver_at", "must not be more than 30 days away");
        }
        Some(at)
    }

    pub(crate) fn may_be(&self, request: &Request, priority: Option<Priority>) -> Result<(), Problem> {
        let scope = &self.scopes.high_priority;
        if priority == Some(Priority::High) && !caller::has_scope(request, scope) {
            return Err(Problem::lacks_scope("priority", scope));
        }
        Ok(())
    }

    /// Whoever submitted a message may command it; for others' the token needs a scope, where one is set.
    fn may_command(&self, request: &Request, message: &Message) -> Result<(), Problem> {
        let own = message.submitter.is_some() && message.submitter == caller::subject(request);
        if own { Ok(()) } else { self.may_command_all(request) }
    }

    pub(crate) fn may_command_all(&self, request: &Request) -> Result<(), Problem> {
        let scope = &self.scopes.admin;
        if caller::has_scope(request, scope) {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "Messages that somebody else submitted need a token with the scope {scope}. Nothing was changed."
        )))
    }
}

/// Why a command does not apply, by the state that is in the way.
fn in_the_way(state: State) -> Problem {
    let detail = match state {
        State::Processing => {
            "The message is being worked on. Nothing was changed; ask again when it has ended."
        }
        State::Completed | State::Cancelled | State::Expired => "The message has ended. Nothing was changed.",
        State::Failed => "The message has failed. Nothing was changed; it can be redriven.",
        State::Accepted | State::Queued | State::Retrying => {
            "The message still waits: only a failed one can be redriven. Nothing was changed."
        }
    };
    Problem::conflict(state, detail)
}

pub(crate) fn unwritable(error: StoreError) -> Problem {
    tracing::error!(%error, "a command could not be written");
    Problem::unavailable(
        "The table can't be written. Whether the message was changed is unknown; read it, or send the command again.",
    )
}
