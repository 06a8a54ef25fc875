//! Requests as API Gateway's HTTP API sends them, and answers as callers see them.

use crate::events::event;
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};

/// The request in an event file.
pub fn request(name: &str) -> Request {
    changed(name, |_| ())
}

/// The request in an event file, after a change.
pub fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Request {
    let mut event = event(name);
    change(&mut event);
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

/// Another tenant's request.
pub fn from_tenant(name: &str, tenant: &str) -> Request {
    changed(name, |event| event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = json!(tenant))
}

/// A request with these query parameters.
pub fn with_query(name: &str, parameters: &[(&str, &str)]) -> Request {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    // The runtime's crate reads the raw form alone.
    changed(name, |event| event["rawQueryString"] = json!(pairs.join("&")))
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        plain if plain.is_ascii_alphanumeric() => char::from(plain).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    response: Response<Body>,
}

impl Answer {
    /// Reads an answer, which must be JSON of the kind that its status asks for.
    pub fn of(response: Response<Body>) -> Self {
        let status = response.status().as_u16();
        let body = serde_json::from_slice(response.body()).unwrap();
        let answer = Self { status, body, response };
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(kind));
        if status >= 400 {
            assert_eq!(answer.body["status"], status, "the body repeats the status");
            assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The body to the letter.
    pub fn text(&self) -> &str {
        str::from_utf8(self.response.body()).unwrap()
    }

    /// The fields that the answer complains about, sorted.
    pub fn bad_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert!(errors.iter().all(|error| !error["message"].as_str().unwrap().is_empty()));
        fields.sort_unstable();
        fields
    }
}
