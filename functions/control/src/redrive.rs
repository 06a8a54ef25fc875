use crate::{
    Control,
    commands::{BODY_LIMIT, unwritable},
    list::{cursor, position},
    unreadable,
};
use expedite::{
    body::Fields,
    change::{Changed, change},
    domain::{Event, Message, MessageType, Priority, State, Tenant, Timestamp},
    metrics::Meter,
    ports::{Clock, Entropy, Key, MessageStore, Position, StateIndex, StoreError, TenantIndex, Tickets},
    problem::{Problem, json},
    view::rfc3339,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::json;
use std::{cmp::Reverse, collections::HashMap, time::Duration};

/// How many messages one call redrives at most, and how many where the caller names no limit.
const LIMIT: u64 = 500;
const DEFAULT_LIMIT: u64 = 100;

/// How many redriven messages come due in a second at most, and how many where the caller names no number: whatever made
/// them fail shall not meet all of them at once again.
const PER_SECOND: u64 = 100;
const DEFAULT_PER_SECOND: u64 = 10;

/// How many failed messages one call looks at. Behind that it gives a cursor, never a slow call.
const EXAMINED: usize = 2_000;

/// Messages on a page.
const PAGE: usize = 100;

/// How many are written at once.
const AT_ONCE: usize = 16;

const FIELDS: &str = "type, failed_since, priority, limit, per_second, cursor, dry_run";

struct Wanted {
    kind: Option<MessageType>,
    failed_since: Option<Timestamp>,
    priority: Option<Priority>,
    limit: usize,
    per_second: u32,
    after: Option<Position>,
    dry_run: bool,
}

/// One message of the answer.
#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    r#type: String,
    priority: &'static str,
    /// When it comes due again.
    deliver_at: String,
    /// Whether it was redriven; not in a dry run, and not where somebody else was faster.
    redriven: bool,
}

impl<S: MessageStore + TenantIndex + StateIndex, T: Tickets, C: Clock, E: Entropy, M: Meter>
    Control<S, T, C, E, M>
{
    /// `POST /v1/redrive`: tries failed messages again, the newest ones first where there are more than the limit, and
    /// spreads them over time, higher priorities before lower ones.
    pub(crate) async fn redrive_many(
        &self,
        request: &Request,
        tenant: Tenant,
    ) -> Result<Response<Body>, Problem> {
        let wanted = Wanted::read(request)?;
        self.may_command_all(request)?;
        self.may_be(request, wanted.priority)?;
        let (mut found, next) = self.failed(&tenant, &wanted).await.map_err(unreadable)?;
        found.sort_by_key(|message| (Reverse(message.priority), message.created_at));
        let now = self.clock.now();
        let gap = Duration::from_secs(1) / wanted.per_second;
        let entries: Vec<Entry> = stream::iter(found.into_iter().zip(0_u32..))
            .map(|(message, number)| self.redrive(message, &wanted, now.plus(gap * number)))
            .buffered(AT_ONCE)
            .try_collect()
            .await
            .map_err(unwritable)?;
        let redriven = entries.iter().filter(|entry| entry.redriven).count();
        tracing::info!(matched = entries.len(), redriven, dry_run = wanted.dry_run, "redriven");
        Ok(json(
            200,
            &json!({
                "dry_run": wanted.dry_run,
                "matched": entries.len(),
                "redriven": redriven,
                "messages": entries,
                "next_cursor": next.map(cursor),
            }),
        ))
    }

    /// The failed messages that are wanted, and from where to look on.
    async fn failed(
        &self,
        tenant: &Tenant,
        wanted: &Wanted,
    ) -> Result<(Vec<Message>, Option<Position>), StoreError> {
        let mut found = Vec::new();
        let mut after = wanted.after;
        let mut examined = 0;
        loop {
            let page = self.messages.in_state(tenant, State::Failed, after, PAGE).await?;
            let positions: Vec<_> = page.standings.iter().map(|standing| standing.position).collect();
            let keys: Vec<_> = positions.iter().map(|at| Key { tenant: tenant.clone(), id: at.id }).collect();
            let messages = self.messages.read_many(&keys).await?;
            let mut messages: HashMap<_, _> =
                messages.into_iter().map(|message| (message.id, message)).collect();
            for (index, position) in positions.iter().enumerate() {
                after = Some(*position);
                examined += 1;
                found.extend(messages.remove(&position.id).filter(|message| wanted.takes(message)));
                if found.len() == wanted.limit {
                    let more = page.more || index + 1 < positions.len();
                    return Ok((found, after.filter(|_| more)));
                }
            }
            if !page.more {
                return Ok((found, None));
            }
            if examined >= EXAMINED {
                return Ok((found, after));
            }
        }
    }

    async fn redrive(
        &self,
        message: Message,
        wanted: &Wanted,
        deliver_at: Timestamp,
    ) -> Result<Entry, StoreError> {
        let mut entry = Entry {
            id: message.id.to_string(),
            r#type: message.kind.as_str().to_owned(),
            priority: wanted.priority.unwrap_or(message.priority).as_str(),
            deliver_at: rfc3339(deliver_at),
            redriven: false,
        };
        if !wanted.dry_run {
            let event = Event::Redriven { priority: wanted.priority, deliver_at };
            let changed = change(&self.messages, message, event.clone(), self.clock.now()).await?;
            if let Changed::To(message) = changed {
                self.commanded(&event, &message);
                entry.redriven = true;
            }
        }
        Ok(entry)
    }
}

impl Wanted {
    fn read(request: &Request) -> Result<Self, Problem> {
        let mut fields = Fields::of(request, BODY_LIMIT)?;
        let limit = fields.whole("limit", 1..=LIMIT).unwrap_or(DEFAULT_LIMIT);
        let per_second = fields.whole("per_second", 1..=PER_SECOND).unwrap_or(DEFAULT_PER_SECOND);
        let wanted = Self {
            kind: fields.text("type"),
            failed_since: fields.time("failed_since"),
            priority: fields.text("priority"),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            per_second: u32::try_from(per_second).unwrap_or(1),
            after: fields.take::<String>("cursor", "must be a string").and_then(|text| {
                position(&text)
                    .or_else(|| fields.fail("cursor", "must be the next_cursor of an earlier answer"))
            }),
            dry_run: fields.take("dry_run", "must be true or false").unwrap_or_default(),
        };
        fields.end(FIELDS)?;
        Ok(wanted)
    }

    fn takes(&self, message: &Message) -> bool {
        let failed_at = message.timeline.entries.last().map(|entry| entry.at);
        message.state == State::Failed
            && self.kind.as_ref().is_none_or(|kind| *kind == message.kind)
            && self.failed_since.is_none_or(|since| failed_at.is_some_and(|at| at >= since))
    }
}
