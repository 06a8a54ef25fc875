//! The request's body and headers, read into a [`Submission`]. Every bad field is named at once.

use expedite::{
    domain::{
        MAX_DELAY, MaxAttempts, MessageId, MessageType, Priority, Subject, Submission, Tenant, Timestamp,
    },
    payload::{PAYLOAD_LIMIT, Payload},
    ports::Entropy,
    problem::{FieldError, Problem},
    view::parse_rfc3339,
};
use lambda_http::{Request, http::header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, time::Duration};

/// A payload and the fields around it.
const BODY_LIMIT: usize = PAYLOAD_LIMIT + 4 * 1024;

const FIELDS: &str = "type, payload, priority, delay_seconds, deliver_at, expires_in_seconds, max_attempts";

/// Who submits, as the token says.
pub struct Submitter<'a> {
    /// The owner of what is submitted.
    pub tenant: Tenant,
    /// Whom the token speaks for.
    pub subject: Option<Subject>,
    /// The scope that a high message needs and the token lacks; none where nothing is in the way.
    pub high_needs: Option<&'a str>,
}

/// Reads a request.
///
/// # Errors
/// 415, 413, 400 or 403. Nothing was stored.
pub fn read(
    request: &Request,
    submitter: Submitter<'_>,
    now: Timestamp,
    entropy: &impl Entropy,
) -> Result<(Submission, Payload), Problem> {
    check_content_type(request)?;
    let body: &[u8] = request.body().as_ref();
    if body.len() > BODY_LIMIT {
        let detail = format!("The body has {} bytes; {BODY_LIMIT} are allowed.", body.len());
        return Err(Problem::too_large("body", detail));
    }
    let Members(members) = serde_json::from_slice(body).map_err(|error| {
        Problem::invalid(vec![FieldError::new("body", format!("must be a JSON object: {error}"))])
    })?;
    let mut fields = Fields { members, errors: Vec::new() };

    let kind = fields.required_text::<MessageType>("type");
    let priority = fields.text::<Priority>("priority").unwrap_or(Priority::Medium);
    let max_attempts = fields.max_attempts();
    let deliver_at = fields.deliver_at(now);
    let bypasses = priority == Priority::High;
    let start_by = fields.start_by(now, deliver_at.filter(|_| !bypasses));
    let payload = fields.payload();
    let key = fields.idempotency_key(request);
    fields.refuse_unknown();

    let (Some(kind), Some(payload), true) = (kind, payload, fields.errors.is_empty()) else {
        return Err(Problem::invalid(fields.errors));
    };
    if let Some(scope) = submitter.high_needs.filter(|_| priority == Priority::High) {
        return Err(Problem::lacks_scope("priority", scope));
    }
    let tenant = submitter.tenant;
    let id = key.map_or_else(|| MessageId::from_bits(entropy.bits()), |key| derived_id(&tenant, &key));
    let fingerprint = Sha256::digest(body).into();
    Ok((
        Submission {
            tenant,
            id,
            kind,
            priority,
            deliver_at,
            max_attempts,
            start_by,
            submitter: submitter.subject,
            fingerprint,
        },
        payload,
    ))
}

fn check_content_type(request: &Request) -> Result<(), Problem> {
    let given =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if json && utf8 {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type("The body must be application/json in UTF-8."))
    }
}

/// Of one tenant and key always the same id, so that one conditional put is the whole idempotency. The length parts the
/// two, so that no other pair reads the same.
fn derived_id(tenant: &Tenant, key: &str) -> MessageId {
    let mut hash = Sha256::new();
    hash.update((tenant.as_str().len() as u64).to_be_bytes());
    hash.update(tenant.as_str());
    hash.update(key);
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_at(16);
    MessageId::from_bits(first.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
}

/// The members of a JSON object, each value still in its own letters. A name that stands twice is an error: readers
/// disagree about which one counts.
struct Members(BTreeMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if members.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("{name:?} stands twice")));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

struct Fields {
    members: BTreeMap<String, Box<RawValue>>,
    errors: Vec<FieldError>,
}

impl Fields {
    fn fail<T>(&mut self, field: &str, message: impl ToString) -> Option<T> {
        self.errors.push(FieldError::new(field, message));
        None
    }

    /// Takes a field out of the object. None where it is missing, and where it is wrong, which is noted.
    fn take<T: DeserializeOwned>(&mut self, field: &str, must: &str) -> Option<T> {
        let raw = self.members.remove(field)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(_) => self.fail(field, must),
        }
    }

    fn text<T: std::str::FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let text: String = self.take(field, "must be a string")?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fail(field, error),
        }
    }

    fn required_text<T: std::str::FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        if !self.members.contains_key(field) {
            return self.fail(field, "is missing");
        }
        self.text(field)
    }

    fn max_attempts(&mut self) -> MaxAttempts {
        let must = "must be a whole number from 1 to 20";
        let Some(count) = self.take::<u64>("max_attempts", must) else {
            return MaxAttempts::default();
        };
        MaxAttempts::new(count)
            .map_err(|invalid| self.fail::<()>("max_attempts", invalid))
            .unwrap_or_default()
    }

    fn deliver_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.members.contains_key("delay_seconds") && self.members.contains_key("deliver_at") {
            self.fail::<()>("deliver_at", "can't stand beside delay_seconds: give one of the two");
        }
        let after_delay = self.delay().map(|delay| now.plus(delay));
        let at_time = self.time(now.plus(MAX_DELAY));
        after_delay.or(at_time)
    }

    fn delay(&mut self) -> Option<Duration> {
        let must = format!("must be a whole number of seconds from 0 to {}", MAX_DELAY.as_secs());
        let delay = Duration::from_secs(self.take("delay_seconds", &must)?);
        if delay > MAX_DELAY { self.fail("delay_seconds", must) } else { Some(delay) }
    }

    /// A time that has passed means now: a replay of the same body has to be read as the first one was.
    fn time(&mut self, latest: Timestamp) -> Option<Timestamp> {
        let must = "must be a time as in RFC 3339, 2026-01-31T08:15:00Z";
        let text: String = self.take("deliver_at", must)?;
        match parse_rfc3339(&text) {
            None => self.fail("deliver_at", must),
            Some(at) if at > latest => self.fail("deliver_at", "must not be more than 30 days away"),
            Some(at) => Some(at),
        }
    }

    /// The end that the caller sets, counted from now. It must lie behind the time that the message waits for.
    fn start_by(&mut self, now: Timestamp, deliver_at: Option<Timestamp>) -> Option<Timestamp> {
        let must = format!("must be a whole number of seconds from 1 to {}", MAX_DELAY.as_secs());
        let wait = Duration::from_secs(self.take("expires_in_seconds", &must)?);
        let end = now.plus(wait);
        if wait.is_zero() || wait > MAX_DELAY {
            self.fail("expires_in_seconds", must)
        } else if deliver_at.is_some_and(|at| at >= end) {
            self.fail("expires_in_seconds", "must end later than the time that the message waits for")
        } else {
            Some(end)
        }
    }

    fn payload(&mut self) -> Option<Payload> {
        let raw = self.members.remove("payload").or_else(|| RawValue::from_string("null".to_owned()).ok())?;
        match Payload::new(raw) {
            Ok(payload) => Some(payload),
            Err(unfit) => self.fail("payload", unfit),
        }
    }

    fn idempotency_key(&mut self, request: &Request) -> Option<String> {
        let header = request.headers().get("idempotency-key")?;
        match header.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) => Some(key.to_owned()),
            _ => self.fail("Idempotency-Key", "must be 1 to 255 printable ASCII characters"),
        }
    }

    fn refuse_unknown(&mut self) {
        for name in std::mem::take(&mut self.members).into_keys() {
            self.fail::<()>(&name, format!("is not a field; there are {FIELDS}"));
        }
    }
}
