//! Answers what a subscriber sends: `subscribe`, `unsubscribe`, `ping`.
//!
//! A topic holds no tenant. The tenant is the connection's, from its ticket, so nobody can name a foreign one.

use aws_lambda_events::{
    apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest},
    encodings::Body,
};
use expedite::{
    domain::Topic,
    ports::{Clock, Connection, ConnectionId, Connections, StoreError},
    problem::FieldError,
    view::rfc3339,
};
use serde::{Deserialize, Serialize};

/// How many topics one connection may subscribe to. DynamoDB writes up to 100 items in a transaction.
pub const TOPIC_LIMIT: usize = 50;

/// The use case and the ports it stands on.
pub struct Messages<T, C> {
    /// The open connections.
    pub connections: T,
    /// What time it is.
    pub clock: C,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    action: String,
    topics: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Answer {
    Subscribed { topics: Vec<String> },
    Unsubscribed { topics: Vec<String> },
    Pong { at: String },
    Error { errors: Vec<FieldError> },
}

impl<T: Connections, C: Clock> Messages<T, C> {
    /// `$default`. The answer goes back to the socket that asked.
    pub async fn handle(&self, request: &ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        let id = ConnectionId(request.request_context.connection_id.clone().unwrap_or_default());
        let answer =
            self.answer(id, request.body.as_deref().unwrap_or_default()).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a subscriber's message could not be carried out");
                fault("action", "could not be carried out; nothing is known to have changed, send it again")
            });
        let mut response = ApiGatewayProxyResponse::default();
        response.status_code = 200;
        response.body = serde_json::to_string(&answer).ok().map(Body::Text);
        response
    }

    async fn answer(&self, id: ConnectionId, body: &str) -> Result<Answer, StoreError> {
        let request: Request = match serde_json::from_str(body) {
            Ok(request) => request,
            Err(error) => return Ok(fault("body", format!("must be a JSON object with an action: {error}"))),
        };
        match request.action.as_str() {
            "ping" => Ok(Answer::Pong { at: rfc3339(self.clock.now()) }),
            "subscribe" | "unsubscribe" => {
                let topics = match topics(request.topics) {
                    Ok(topics) => topics,
                    Err(errors) => return Ok(Answer::Error { errors }),
                };
                let Some(connection) = self.connections.find(&id).await? else {
                    return Ok(unknown_connection());
                };
                if request.action == "subscribe" {
                    self.subscribe(connection, topics).await
                } else {
                    self.connections.unsubscribe(&connection, &topics).await?;
                    Ok(Answer::Unsubscribed { topics: texts(&topics) })
                }
            }
            _ => Ok(fault("action", "must be subscribe, unsubscribe or ping")),
        }
    }

    async fn subscribe(&self, connection: Connection, topics: Vec<Topic>) -> Result<Answer, StoreError> {
        let added = topics.iter().filter(|topic| !connection.topics.contains(topic)).count();
        if connection.topics.len() + added > TOPIC_LIMIT {
            return Ok(fault("topics", format!("would be more than {TOPIC_LIMIT} on this connection")));
        }
        if self.connections.subscribe(&connection, &topics).await? {
            Ok(Answer::Subscribed { topics: texts(&topics) })
        } else {
            Ok(unknown_connection())
        }
    }
}

/// The topics of a request, each once. Every bad one is named.
fn topics(given: Option<Vec<String>>) -> Result<Vec<Topic>, Vec<FieldError>> {
    let given = given.unwrap_or_default();
    if given.is_empty() || given.len() > TOPIC_LIMIT {
        return Err(vec![FieldError::new("topics", format!("must be a list of 1 to {TOPIC_LIMIT} topics"))]);
    }
    let mut topics = Vec::new();
    let mut errors = Vec::new();
    for (at, text) in given.iter().enumerate() {
        match text.parse() {
            Ok(topic) => topics.push(topic),
            Err(invalid) => errors.push(FieldError::new(format!("topics[{at}]"), invalid)),
        }
    }
    topics.sort();
    topics.dedup();
    if errors.is_empty() { Ok(topics) } else { Err(errors) }
}

fn texts(topics: &[Topic]) -> Vec<String> {
    topics.iter().map(ToString::to_string).collect()
}

fn fault(field: &str, message: impl ToString) -> Answer {
    Answer::Error { errors: vec![FieldError::new(field, message)] }
}

fn unknown_connection() -> Answer {
    fault("connection", "is not known any more: open a new one")
}
