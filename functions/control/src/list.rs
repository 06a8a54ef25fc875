use crate::{Control, query::refused, unreadable};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use expedite::{
    domain::{Message, MessageType, Priority, Tenant, Timestamp, View},
    metrics::Meter,
    ports::{
        Clock, Entropy, Key, KeyPage, MessageStore, Position, StateIndex, StoreError, TenantIndex, Tickets,
        is_indexed,
    },
    problem::{FieldError, Problem, json},
    view::MessageView,
};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::json;
use std::{collections::HashMap, fmt::Display, str::FromStr};

/// How many messages a page has at most, and how many where the caller names no limit.
const LIMIT: usize = 100;
const DEFAULT_LIMIT: usize = 50;

/// How many messages one call looks at. A rare filter gives short or empty pages with a cursor, never a slow call.
const EXAMINED: usize = 1_000;

const PARAMETERS: &str = "state, priority, type, limit, cursor";

struct Query {
    state: Option<View>,
    priority: Option<Priority>,
    kind: Option<MessageType>,
    limit: usize,
    after: Option<Position>,
}

impl<S: MessageStore + TenantIndex + StateIndex, T: Tickets, C: Clock, E: Entropy, M: Meter>
    Control<S, T, C, E, M>
{
    /// The index says which messages there are, the table how they stand: a list never shows a state that is older than
    /// one that was pushed before it.
    pub(crate) async fn list(&self, request: &Request, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let query = Query::read(request)?;
        let now = self.clock.now();
        let mut found = Vec::new();
        let mut after = query.after;
        let mut examined = 0;
        let mut more = true;
        while more && found.len() < query.limit && examined < EXAMINED {
            let page = self.page(&tenant, query.state, after).await.map_err(unreadable)?;
            let keys: Vec<_> =
                page.positions.iter().map(|at| Key { tenant: tenant.clone(), id: at.id }).collect();
            let messages = self.messages.read_many(&keys).await.map_err(unreadable)?;
            let mut messages: HashMap<_, _> =
                messages.into_iter().map(|message| (message.id, message)).collect();
            more = page.more;
            for (index, position) in page.positions.iter().enumerate() {
                after = Some(*position);
                examined += 1;
                found.extend(messages.remove(&position.id).filter(|message| query.takes(message, now)));
                if found.len() == query.limit {
                    more = page.more || index + 1 < page.positions.len();
                    break;
                }
            }
        }
        let messages: Vec<_> = found.iter().map(|message| MessageView::of(message, now)).collect();
        let next = after.filter(|_| more).map(cursor);
        Ok(json(200, &json!({"messages": messages, "next_cursor": next})))
    }

    /// A page of what may be wanted. Of a state that has an index of its own no other messages are looked at.
    async fn page(
        &self,
        tenant: &Tenant,
        state: Option<View>,
        after: Option<Position>,
    ) -> Result<KeyPage, StoreError> {
        match state {
            Some(View::Is(state)) if is_indexed(state) => {
                let page = self.messages.in_state(tenant, state, after, LIMIT).await?;
                let positions = page.standings.into_iter().map(|standing| standing.position).collect();
                Ok(KeyPage { positions, more: page.more })
            }
            _ => self.messages.page(tenant, after, LIMIT).await,
        }
    }
}

impl Query {
    fn read(request: &Request) -> Result<Self, Problem> {
        let given = request.query_string_parameters();
        let mut errors = refused(&given, PARAMETERS);
        let text = |name| given.first(name);
        let query = Self {
            state: parse("state", text("state"), &mut errors),
            priority: parse("priority", text("priority"), &mut errors),
            kind: parse("type", text("type"), &mut errors),
            limit: limit(text("limit"), &mut errors),
            after: text("cursor").and_then(|text| {
                position(text).or_else(|| {
                    errors.push(FieldError::new("cursor", "must be the next_cursor of an earlier page"));
                    None
                })
            }),
        };
        if errors.is_empty() { Ok(query) } else { Err(Problem::invalid(errors)) }
    }

    fn takes(&self, message: &Message, now: Timestamp) -> bool {
        self.state.is_none_or(|state| state == View::of(message, now))
            && self.priority.is_none_or(|priority| priority == message.priority)
            && self.kind.as_ref().is_none_or(|kind| *kind == message.kind)
    }
}

fn parse<T: FromStr<Err: Display>>(
    field: &str,
    text: Option<&str>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    match text?.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            errors.push(FieldError::new(field, error));
            None
        }
    }
}

fn limit(text: Option<&str>, errors: &mut Vec<FieldError>) -> usize {
    match text.map(str::parse) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit @ 1..=LIMIT)) => limit,
        Some(_) => {
            errors.push(FieldError::new("limit", format!("must be a whole number from 1 to {LIMIT}")));
            DEFAULT_LIMIT
        }
    }
}

/// Opaque to callers. It holds no tenant: that is the token's, so a cursor from elsewhere opens nothing.
pub(crate) fn cursor(position: Position) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", position.created_at.millis(), position.id))
}

pub(crate) fn position(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (millis, id) = text.split_once('.')?;
    let millis: i64 = millis.parse().ok()?;
    (0..=999_999_999_999_999)
        .contains(&millis)
        .then_some(Position { created_at: Timestamp::from_millis(millis), id: id.parse().ok()? })
}
