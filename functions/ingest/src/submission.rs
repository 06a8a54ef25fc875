//! A message as a caller writes it, read into a [`Submission`]. Every bad field is named at once.

use crate::key::{IdempotencyKey, KEY_HEADER};
use expedite::{
    body::{self, Fields},
    domain::{
        Invalid, MAX_DELAY, MaxAttempts, MessageId, MessageType, Priority, Subject, Submission, Tenant,
        Timestamp, Trace,
    },
    payload::{PAYLOAD_LIMIT, Payload},
    ports::Entropy,
    problem::Problem,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The largest message: a payload and the fields around it.
pub const MESSAGE_LIMIT: usize = PAYLOAD_LIMIT + 4 * 1024;

const FIELDS: &str = "type, payload, priority, delay_seconds, deliver_at, expires_in_seconds, max_attempts";

const ITEM_FIELDS: &str =
    "type, payload, priority, delay_seconds, deliver_at, expires_in_seconds, max_attempts, idempotency_key";

/// Who submits, as the token says.
pub struct Submitter<'a> {
    /// The owner of what is submitted.
    pub tenant: Tenant,
    /// Whom the token speaks for.
    pub subject: Option<Subject>,
    /// What the request is part of, where it says.
    pub trace: Option<Trace>,
    /// The scope that a high message needs and the token lacks; none where nothing is in the way.
    pub high_needs: Option<&'a str>,
}

/// How a message comes in, which decides what its id follows from.
pub enum Arrival<'a> {
    /// By itself: from the request's idempotency key, where it has one.
    Alone(Option<Result<IdempotencyKey, Invalid>>),
    /// In a batch: from a key in a field of its own, or from the batch's key and the place in the batch.
    InBatch(Option<&'a IdempotencyKey>, usize),
}

/// Reads a message.
///
/// # Errors
/// 413, 400 or 403.
pub fn read(
    json: &[u8],
    arrival: Arrival<'_>,
    submitter: &Submitter<'_>,
    now: Timestamp,
    entropy: &impl Entropy,
) -> Result<(Submission, Payload), Problem> {
    body::check_size(json, MESSAGE_LIMIT)?;
    let mut fields = Fields::read(json)?;

    let kind = fields.required_text::<MessageType>("type");
    let priority = fields.text::<Priority>("priority").unwrap_or(Priority::Medium);
    let max_attempts = max_attempts(&mut fields);
    let deliver_at = deliver_at(&mut fields, now);
    let bypasses = priority == Priority::High;
    let start_by = start_by(&mut fields, now, deliver_at.filter(|_| !bypasses));
    let payload = payload(&mut fields);
    let known = match arrival {
        Arrival::Alone(_) => FIELDS,
        Arrival::InBatch(..) => ITEM_FIELDS,
    };
    let id = id(&mut fields, arrival, &submitter.tenant);
    fields.refuse_unknown(known);

    let (Some(kind), Some(payload), true) = (kind, payload, fields.errors.is_empty()) else {
        return Err(Problem::invalid(fields.errors));
    };
    if let Some(scope) = submitter.high_needs.filter(|_| priority == Priority::High) {
        return Err(Problem::lacks_scope("priority", scope));
    }
    let id = id.unwrap_or_else(|| MessageId::from_bits(entropy.bits()));
    let submission = Submission {
        tenant: submitter.tenant.clone(),
        id,
        kind,
        priority,
        deliver_at,
        max_attempts,
        start_by,
        submitter: submitter.subject.clone(),
        trace: submitter.trace.unwrap_or_else(|| Trace::of(id)),
        fingerprint: Sha256::digest(json).into(),
    };
    Ok((submission, payload))
}

fn max_attempts(fields: &mut Fields) -> MaxAttempts {
    let must = "must be a whole number from 1 to 20";
    let Some(count) = fields.take::<u64>("max_attempts", must) else {
        return MaxAttempts::default();
    };
    MaxAttempts::new(count).map_err(|invalid| fields.fail::<()>("max_attempts", invalid)).unwrap_or_default()
}

fn deliver_at(fields: &mut Fields, now: Timestamp) -> Option<Timestamp> {
    if fields.has("delay_seconds") && fields.has("deliver_at") {
        fields.fail::<()>("deliver_at", "can't stand beside delay_seconds: give one of the two");
    }
    let after_delay = fields.whole("delay_seconds", 0..=MAX_DELAY.as_secs());
    let after_delay = after_delay.map(|seconds| now.plus(Duration::from_secs(seconds)));
    let at_time = time(fields, now.plus(MAX_DELAY));
    after_delay.or(at_time)
}

/// A time that has passed means now: a replay of the same body has to be read as the first one was.
fn time(fields: &mut Fields, latest: Timestamp) -> Option<Timestamp> {
    let at = fields.time("deliver_at")?;
    if at > latest { fields.fail("deliver_at", "must not be more than 30 days away") } else { Some(at) }
}

/// The end that the caller sets, counted from now. It must lie behind the time that the message waits for.
fn start_by(fields: &mut Fields, now: Timestamp, deliver_at: Option<Timestamp>) -> Option<Timestamp> {
    let seconds = fields.whole("expires_in_seconds", 1..=MAX_DELAY.as_secs())?;
    let end = now.plus(Duration::from_secs(seconds));
    if deliver_at.is_some_and(|at| at >= end) {
        return fields.fail("expires_in_seconds", "must end later than the time that the message waits for");
    }
    Some(end)
}

fn payload(fields: &mut Fields) -> Option<Payload> {
    let raw = fields.raw("payload").or_else(|| RawValue::from_string("null".to_owned()).ok())?;
    match Payload::new(raw) {
        Ok(payload) => Some(payload),
        Err(unfit) => fields.fail("payload", unfit),
    }
}

/// The id that follows from a key; none where there is no key.
fn id(fields: &mut Fields, arrival: Arrival<'_>, tenant: &Tenant) -> Option<MessageId> {
    match arrival {
        Arrival::Alone(key) => match key? {
            Ok(key) => Some(key.id(tenant)),
            Err(invalid) => fields.fail(KEY_HEADER, invalid),
        },
        Arrival::InBatch(..) if fields.has("idempotency_key") => {
            fields.text::<IdempotencyKey>("idempotency_key").map(|key| key.id(tenant))
        }
        Arrival::InBatch(batch, index) => batch.map(|key| key.id_at(index, tenant)),
    }
}
