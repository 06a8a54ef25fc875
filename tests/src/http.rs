//! A caller of the HTTP API.

use crate::Result;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A caller with a token.
#[derive(Clone, Debug)]
pub struct Caller {
    client: reqwest::Client,
    url: String,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Content-Type`.
    pub content_type: String,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Caller {
    /// Calls the API at `url`, `http://…/stage`, with a token.
    pub fn new(url: &str, token: String) -> Self {
        Self { client: reqwest::Client::new(), url: url.to_owned(), token }
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A request with the token in it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (location, retry_after) = (header("location"), header("retry-after"));
        let content_type = header("content-type").unwrap_or_default();
        let status = response.status();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, location, retry_after, content_type, body })
    }

    /// `POST /v1/messages`.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(&self, message: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, "/v1/messages").json(message)).await
    }

    /// `POST /v1/messages` with an idempotency key.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post_with_key(&self, key: &str, message: &Value) -> Result<Answer> {
        let request = self.request(Method::POST, "/v1/messages").header("idempotency-key", key);
        self.send(request.json(message)).await
    }

    /// Submits a message that must be accepted, and returns its id.
    ///
    /// # Errors
    /// It is not accepted.
    pub async fn submit(&self, message: &Value) -> Result<String> {
        let answer = self.post(message).await?;
        match answer.body["id"].as_str() {
            Some(id) if answer.status == StatusCode::ACCEPTED => Ok(id.to_owned()),
            _ => Err(format!("not accepted: {answer:?}").into()),
        }
    }

    /// `GET` of a path.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Reads a message with its timeline.
    ///
    /// # Errors
    /// There is no such message.
    pub async fn message(&self, id: &str) -> Result<Value> {
        let answer = self.get(&format!("/v1/messages/{id}")).await?;
        if answer.status == StatusCode::OK { Ok(answer.body) } else { Err(format!("{answer:?}").into()) }
    }

    /// Waits until a message is in one of these states, and returns it.
    ///
    /// # Errors
    /// It is in none of them after `limit`.
    pub async fn wait_for(&self, id: &str, states: &[&str], limit: Duration) -> Result<Value> {
        let started = Instant::now();
        loop {
            let message = self.message(id).await?;
            if states.iter().any(|state| message["state"] == *state) {
                return Ok(message);
            }
            if started.elapsed() > limit {
                return Err(format!("{id} is not {states:?} after {limit:?}: {message}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All messages of the tenant, page by page.
    ///
    /// # Errors
    /// A page can't be read.
    pub async fn list(&self, filter: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let after = cursor.as_str().map(|text| format!("&cursor={text}")).unwrap_or_default();
            let mut page = self.get(&format!("/v1/messages?limit=100{filter}{after}")).await?;
            let Some(messages) = page.body["messages"].as_array_mut() else {
                return Err(format!("no page: {page:?}").into());
            };
            all.append(messages);
            cursor = page.body["next_cursor"].take();
            if cursor.is_null() {
                return Ok(all);
            }
        }
    }

    /// A ticket for the WebSocket.
    ///
    /// # Errors
    /// None is issued.
    pub async fn ticket(&self) -> Result<String> {
        let answer = self.send(self.request(Method::POST, "/v1/tickets").json(&json!({}))).await?;
        match answer.body["ticket"].as_str() {
            Some(ticket) if answer.status == StatusCode::CREATED => Ok(ticket.to_owned()),
            _ => Err(format!("no ticket: {answer:?}").into()),
        }
    }
}
