//! Answers over HTTP: JSON, and errors as RFC 9457 problem details.

use expedite_domain::State;
use lambda_http::{Body, Response, http::header};
use serde::Serialize;

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field of the body, the header or the query parameter.
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl FieldError {
    /// Says what is wrong with `field`.
    pub fn new(field: impl Into<String>, message: impl ToString) -> Self {
        Self { field: field.into(), message: message.to_string() }
    }
}

/// An error for the caller. `type` is `about:blank`, as RFC 9457 has it where status and title say it all.
#[derive(Debug, Serialize)]
pub struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            state: None,
            retry_after: None,
        }
    }

    /// 400: the request is wrong in these fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail =
            "The request was refused and nothing was stored. Correct the fields in errors and send it again.";
        Self { errors, ..Self::new(400, "Bad Request", detail) }
    }

    /// 403: the token is good, and names no usable tenant.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", detail)
    }

    /// 403: the token lacks the scope that the value of this field needs.
    pub fn lacks_scope(field: &str, scope: &str) -> Self {
        let detail = format!("The token lacks the scope {scope}. Nothing was stored or changed.");
        let errors = vec![FieldError::new(field, format!("needs the scope {scope}"))];
        Self { errors, ..Self::forbidden(detail) }
    }

    /// 404: no such thing, or somebody else's.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "Not Found", detail)
    }

    /// 409: the message is in a state in which this can't be done to it. The answer names it.
    pub fn conflict(state: State, detail: impl Into<String>) -> Self {
        Self { state: Some(state.as_str()), ..Self::new(409, "Conflict", detail) }
    }

    /// 413: the body is too large.
    pub fn too_large(field: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let errors = vec![FieldError::new(field, &detail)];
        Self { errors, ..Self::new(413, "Content Too Large", detail) }
    }

    /// 415: the body is not what the content type must say.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let errors = vec![FieldError::new("Content-Type", &detail)];
        Self { errors, ..Self::new(415, "Unsupported Media Type", detail) }
    }

    /// 422: the idempotency key was used for something else.
    pub fn key_reused() -> Self {
        let detail = "This key belongs to a message with another body. The first message stands unchanged; \
                      use a new key for a new message.";
        let errors = vec![FieldError::new("Idempotency-Key", "was used with another body")];
        Self { errors, ..Self::new(422, "Unprocessable Content", detail) }
    }

    /// 503: the table can't be reached.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(2), ..Self::new(503, "Service Unavailable", detail) }
    }

    /// The status code.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The status in words.
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// What happened, and what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The answer.
    pub fn into_response(self) -> Response<Body> {
        let mut response = respond(self.status, "application/problem+json", &self);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A JSON answer.
pub fn json(status: u16, body: &impl Serialize) -> Response<Body> {
    respond(status, "application/json", body)
}

fn respond(status: u16, content_type: &'static str, body: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = lambda_http::http::StatusCode::from_u16(status)
        .unwrap_or(lambda_http::http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
