//! A request's body, read member by member, so that every bad one is named at once.

use crate::{
    problem::{FieldError, Problem},
    view::parse_rfc3339,
};
use expedite_domain::Timestamp;
use lambda_http::{Request, http::header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

/// The body of a request that brings JSON.
///
/// # Errors
/// 415 for another content type, 413 beyond `limit` bytes.
pub fn json(request: &Request, limit: usize) -> Result<&[u8], Problem> {
    check_content_type(request)?;
    let body: &[u8] = request.body().as_ref();
    check_size(body, limit)?;
    Ok(body)
}

/// Refuses what is larger than `limit` bytes.
///
/// # Errors
/// 413.
pub fn check_size(body: &[u8], limit: usize) -> Result<(), Problem> {
    if body.len() <= limit {
        return Ok(());
    }
    Err(Problem::too_large("body", format!("The body has {} bytes; {limit} are allowed.", body.len())))
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

/// The members of a JSON object that were not taken yet, and what was wrong with those that were.
#[derive(Debug, Default)]
pub struct Fields {
    members: BTreeMap<String, Box<RawValue>>,
    /// What was wrong so far.
    pub errors: Vec<FieldError>,
}

impl Fields {
    /// The body of a request, which must be a JSON object of at most `limit` bytes.
    ///
    /// # Errors
    /// 415, 413 or 400.
    pub fn of(request: &Request, limit: usize) -> Result<Self, Problem> {
        Self::read(json(request, limit)?)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// 400: it is something else.
    pub fn read(json: &[u8]) -> Result<Self, Problem> {
        let Members(members) = serde_json::from_slice(json).map_err(|error| {
            Problem::invalid(vec![FieldError::new("body", format!("must be a JSON object: {error}"))])
        })?;
        Ok(Self { members, errors: Vec::new() })
    }

    /// Whether that member is there and was not taken yet.
    pub fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// Notes that a field is wrong.
    pub fn fail<T>(&mut self, field: &str, message: impl ToString) -> Option<T> {
        self.errors.push(FieldError::new(field, message));
        None
    }

    /// Takes a field out of the object, in its own letters.
    pub fn raw(&mut self, field: &str) -> Option<Box<RawValue>> {
        self.members.remove(field)
    }

    /// Takes a field out of the object. None where it is missing, and where it is wrong, which is noted.
    pub fn take<T: DeserializeOwned>(&mut self, field: &str, must: &str) -> Option<T> {
        let raw = self.raw(field)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(_) => self.fail(field, must),
        }
    }

    /// Takes a string out of the object and reads it as something.
    pub fn text<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let text: String = self.take(field, "must be a string")?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fail(field, error),
        }
    }

    /// The same for a field that must be there.
    pub fn required_text<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        if self.has(field) { self.text(field) } else { self.fail(field, "is missing") }
    }

    /// Takes a whole number out.
    pub fn whole(&mut self, field: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let must = format!("must be a whole number from {} to {}", range.start(), range.end());
        let value = self.take(field, &must)?;
        if range.contains(&value) { Some(value) } else { self.fail(field, must) }
    }

    /// Takes a time out, RFC 3339 with any offset.
    pub fn time(&mut self, field: &str) -> Option<Timestamp> {
        let must = "must be a time as in RFC 3339, 2026-01-31T08:15:00Z";
        let text: String = self.take(field, must)?;
        parse_rfc3339(&text).or_else(|| self.fail(field, must))
    }

    /// Everything was taken: what is left is none of `known`, the names with commas between them.
    ///
    /// # Errors
    /// 400 with everything that was wrong.
    pub fn end(mut self, known: &str) -> Result<(), Problem> {
        self.refuse_unknown(known);
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// Notes what is left in the object: it is none of the `known` fields.
    pub fn refuse_unknown(&mut self, known: &str) {
        for name in std::mem::take(&mut self.members).into_keys() {
            self.fail::<()>(&name, format!("is not a field; there are {known}"));
        }
    }
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
