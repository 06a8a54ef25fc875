use super::{Rig, changed, id};
use crate::events::typed;
use aws_lambda_events::{apigw::ApiGatewayWebsocketProxyRequest, encodings::Body};
use expedite::{
    conformance::{NOON, tenant},
    domain::{MessageId, Tenant, Topic},
    fakes::Fault,
    ports::{Connection, ConnectionId, Connections, Subscribers},
};
use serde_json::{Value, json};
use ws_message::{Messages, TOPIC_LIMIT};

impl Rig {
    /// With the event files' connection, of tenant acme.
    async fn connected() -> Self {
        let rig = Self::new();
        let connection =
            Connection { id: id(), tenant: tenant("acme"), topics: Vec::new(), expires_at: NOON };
        (&rig.connections).open(&connection).await.unwrap();
        rig
    }

    async fn answer(&self, request: &ApiGatewayWebsocketProxyRequest) -> Value {
        let messages = Messages { connections: &self.connections, clock: &self.clock };
        let response = messages.handle(request).await;
        assert_eq!(response.status_code, 200, "anything else would reach the socket as an error of the API");
        let Some(Body::Text(body)) = response.body else { panic!("every message is answered") };
        serde_json::from_str(&body).unwrap()
    }

    async fn send(&self, body: &str) -> Value {
        self.answer(&changed("websocket/ping", |event| event["body"] = json!(body))).await
    }

    async fn subscribers(&self, tenant: &Tenant, topic: &Topic) -> Vec<ConnectionId> {
        (&self.connections).page(tenant, topic, None).await.unwrap().connections
    }
}

/// What the event files' connection hears when it sends this.
pub async fn answer_to(body: &str) -> Value {
    Rig::connected().await.send(body).await
}

/// The fields that an error names.
fn fields(answer: &Value) -> Vec<&str> {
    assert_eq!(answer["kind"], "error", "{answer}");
    let errors = answer["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| !error["message"].as_str().unwrap().is_empty()));
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

fn numbered(number: usize) -> String {
    format!("type:t{number:02}")
}

fn subscribe(topics: impl IntoIterator<Item = String>) -> String {
    json!({"action": "subscribe", "topics": topics.into_iter().collect::<Vec<_>>()}).to_string()
}

#[tokio::test]
async fn subscribing_and_unsubscribing() {
    let rig = Rig::connected().await;
    let message = "message:5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0e";
    let topics = ["all", message, "type:email.send"];
    let answer = rig.answer(&typed("websocket/subscribe")).await;
    assert_eq!(answer, json!({"kind": "subscribed", "topics": topics}));
    for topic in topics {
        let topic = topic.parse().unwrap();
        assert_eq!(rig.subscribers(&tenant("acme"), &topic).await, [id()], "{topic}");
        assert_eq!(rig.subscribers(&tenant("globex"), &topic).await, [], "{topic}");
    }
    let answer = rig.answer(&typed("websocket/unsubscribe")).await;
    assert_eq!(answer, json!({"kind": "unsubscribed", "topics": ["all"]}));
    assert_eq!(rig.subscribers(&tenant("acme"), &Topic::All).await, []);
    assert_eq!(rig.subscribers(&tenant("acme"), &message.parse().unwrap()).await, [id()]);
    assert_eq!(rig.answer(&typed("websocket/unsubscribe")).await, answer, "twice is no fault");
}

#[tokio::test]
async fn a_ping_is_answered() {
    // Without a connection in the table: it keeps the socket open and asks for nothing.
    let answer = Rig::new().answer(&typed("websocket/ping")).await;
    assert_eq!(answer, json!({"kind": "pong", "at": "2026-01-31T12:00:00.000Z"}));
}

/// What can't be read, and the fields that the answer names.
#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_subscribed() {
    let rig = Rig::connected().await;
    assert_eq!(fields(&rig.answer(&typed("websocket/broken")).await), ["body"]);
    let deep = format!(r#"{{"action":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for (body, expected) in [
        ("", &["body"][..]),
        ("null", &["body"]),
        ("[]", &["body"]),
        ("ping", &["body"]),
        ("{}", &["body"]),
        (r#"{"action":1}"#, &["body"]),
        (r#"{"action":"ping","action":"ping"}"#, &["body"]),
        (r#"{"action":"subscribe","topics":["all"],"tenant":"globex"}"#, &["body"]),
        (r#"{"action":"subscribe","topics":"all"}"#, &["body"]),
        (r#"{"action":"subscribe","topics":[1]}"#, &["body"]),
        (&deep, &["body"]),
        (r#"{"action":"PING"}"#, &["action"]),
        (r#"{"action":"publish","topics":["all"]}"#, &["action"]),
        (r#"{"action":"subscribe"}"#, &["topics"]),
        (r#"{"action":"subscribe","topics":null}"#, &["topics"]),
        (r#"{"action":"subscribe","topics":[]}"#, &["topics"]),
        (
            r#"{"action":"subscribe","topics":["all","ALL","type:","message:1"]}"#,
            &["topics[1]", "topics[2]", "topics[3]"],
        ),
        // A foreign tenant can't be named in any spelling.
        (r#"{"action":"subscribe","topics":["globex#all"]}"#, &["topics[0]"]),
        (r#"{"action":"unsubscribe","topics":["type:globex#all"]}"#, &["topics[0]"]),
    ] {
        let answer = rig.send(body).await;
        assert_eq!(fields(&answer), expected, "{body}");
    }
    assert_eq!((&rig.connections).find(&id()).await.unwrap().unwrap().topics, []);
}

#[tokio::test]
async fn a_connection_has_a_bounded_number_of_topics() {
    let rig = Rig::connected().await;
    let too_many = subscribe((0..=TOPIC_LIMIT).map(numbered));
    assert_eq!(fields(&rig.send(&too_many).await), ["topics"]);
    assert_eq!(fields(&rig.send(&too_many.replace("subscribe", "unsubscribe")).await), ["topics"]);
    let full = rig.send(&subscribe((0..TOPIC_LIMIT).map(numbered))).await;
    assert_eq!(full["topics"].as_array().map(Vec::len), Some(TOPIC_LIMIT));
    assert_eq!(fields(&rig.send(&subscribe([numbered(TOPIC_LIMIT)])).await), ["topics"], "one too many");
    assert_eq!(rig.send(&subscribe([numbered(0), numbered(1)])).await["kind"], "subscribed", "it has them");
    rig.send(r#"{"action":"unsubscribe","topics":["type:t00"]}"#).await;
    assert_eq!(rig.send(&subscribe([numbered(TOPIC_LIMIT)])).await["kind"], "subscribed", "there is room");
}

#[tokio::test]
async fn a_topic_that_stands_twice_counts_once() {
    let rig = Rig::connected().await;
    let message = Topic::Message(MessageId::from_bits(1)).to_string();
    let answer = rig.send(&subscribe([message.clone(), "all".to_owned(), message.clone()])).await;
    assert_eq!(answer, json!({"kind": "subscribed", "topics": ["all", message]}));
}

#[tokio::test]
async fn a_connection_that_is_not_known_is_told_to_open_a_new_one() {
    let rig = Rig::new();
    for name in ["websocket/subscribe", "websocket/unsubscribe"] {
        assert_eq!(fields(&rig.answer(&typed(name)).await), ["connection"], "{name}");
    }
}

/// Calls to the table: the connection is found, then changed.
#[tokio::test]
async fn a_table_that_fails_is_said_and_the_socket_stays_open() {
    for name in ["websocket/subscribe", "websocket/unsubscribe"] {
        for faults in [vec![Some(Fault::Refused)], vec![None, Some(Fault::Refused)]] {
            let rig = Rig::connected().await;
            rig.connections.faults.order(faults);
            assert_eq!(fields(&rig.answer(&typed(name)).await), ["action"], "{name}");
        }
    }
}
