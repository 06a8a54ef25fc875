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

/// The members of a JSON object that were not taken yet, and what was wrong with those that were.
#[derive(Debug, Default)]
pub struct Fields {
    members: BTreeMap<String, Box<RawValue>>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The body of a request, which must be a JSON object of at most `limit` bytes.
    ///
    /// # Errors
    /// 415, 413 or 400.
    pub fn of(request: &Request, limit: usize) -> Result<Self, Problem> {
        check_content_type(request)?;
        let body: &[u8] = request.body().as_ref();
        if body.len() > limit {
            let detail = format!("The body has {} bytes; {limit} are allowed.", body.len());
            return Err(Problem::too_large("body", detail));
        }
        Self::read(body).map_err(|error| Problem::invalid(vec![FieldError::new("body", error)]))
    }

    /// The members of a JSON object.
    ///
    /// # Errors
    /// A sentence that can follow the name of what was read.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let Members(members) =
            serde_json::from_slice(json).map_err(|error| format!("must be a JSON object: {error}"))?;
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

    /// Takes a member out, in its own letters.
    pub fn raw(&mut self, field: &str) -> Option<Box<RawValue>> {
        self.members.remove(field)
    }

    /// Takes a member out. None where it is missing, and where it is wrong, which is noted.
    pub fn take<T: DeserializeOwned>(&mut self, field: &str, must: &str) -> Option<T> {
        let raw = self.members.remove(field)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(_) => self.fail(field, must),
        }
    }

    /// Takes a string out and reads it as something.
    pub fn text<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let text: String = self.take(field, "must be a string")?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fail(field, error),
        }
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
    /// Everything that was wrong.
    pub fn end(mut self, known: &str) -> Result<(), Vec<FieldError>> {
        for name in std::mem::take(&mut self.members).into_keys() {
            self.fail::<()>(&name, format!("is not a field; there are {known}"));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
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
