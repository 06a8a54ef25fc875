use super::{Rig, changed, id};
use crate::events::typed;
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use expedite::{
    conformance::{NOON, tenant},
    domain::Topic,
    fakes::Fault,
    ports::{Connection, ConnectionId, Connections, Subscribers, Tickets},
    ticket::hash,
};
use futures_util::join;
use serde_json::json;
use std::time::Duration;
use ws_connect::Connect;
use ws_disconnect::disconnect;

/// The ticket in the event files.
const TICKET: &str = "2bX0pQ8mZJ4sVt7cKd1yNfWgHrLu5oAeRi3jBvMxE6k";

impl Rig {
    /// With that ticket issued at noon.
    pub async fn with_ticket() -> Self {
        let rig = Self::new();
        let end = NOON.plus(Duration::from_secs(30));
        (&rig.connections).issue(&hash(TICKET), &tenant("acme"), end).await.unwrap();
        rig
    }

    async fn connect(&self, request: &ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        let origins = ["https://app.example.com", "https://admin.example.com"];
        let connect = Connect {
            connections: &self.connections,
            clock: &self.clock,
            meter: &self.meter,
            allowed_origins: origins.map(str::to_owned).to_vec(),
        };
        connect.handle(request).await
    }

    pub async fn status(&self, request: &ApiGatewayWebsocketProxyRequest) -> i64 {
        self.connect(request).await.status_code
    }

    async fn connection(&self) -> Option<Connection> {
        (&self.connections).find(&id()).await.unwrap()
    }
}

/// The subprotocol event with other headers; `null` takes one away.
fn with_header(name: &str, value: Option<&str>) -> ApiGatewayWebsocketProxyRequest {
    changed("websocket/connect-subprotocol", |event| {
        let headers = event["headers"].as_object_mut().unwrap();
        match value {
            Some(value) => headers.insert(name.to_owned(), json!(value)),
            None => headers.remove(name),
        };
        event["multiValueHeaders"] = json!({});
    })
}

/// A client that offered subprotocols must be told the chosen one, and one that offered none must not.
#[tokio::test]
async fn a_ticket_opens_a_connection() {
    for (name, chosen) in
        [("websocket/connect-subprotocol", Some("expedite.v1")), ("websocket/connect-query", None)]
    {
        let rig = Rig::with_ticket().await;
        let response = rig.connect(&typed(name)).await;
        let subprotocol = response.headers.get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!((response.status_code, subprotocol), (200, chosen), "{name}");
        let expected = Connection {
            id: id(),
            tenant: tenant("acme"),
            topics: Vec::new(),
            expires_at: NOON.plus(Duration::from_secs(7_800)),
        };
        assert_eq!(rig.connection().await, Some(expected), "{name}");
    }
}

/// A refusal that says nothing about the ticket leaves it as it is: its owner can still come in.
#[tokio::test]
async fn a_refused_client_uses_no_ticket_up() {
    for (request, status) in [
        (typed("websocket/connect-other-subprotocol"), 400),
        (typed("websocket/connect-foreign-origin"), 403),
        (typed("websocket/connect-without-ticket"), 401),
        (with_header("Sec-WebSocket-Protocol", Some("expedite.v1, ticket.")), 401),
        (with_header("Sec-WebSocket-Protocol", Some("expedite.v1, ticket.forged")), 401),
        (with_header("Sec-WebSocket-Protocol", Some(&format!("expedite.v1, {TICKET}"))), 401),
        (with_header("Sec-WebSocket-Protocol", Some(&format!("ticket.{TICKET}"))), 400),
        (with_header("Origin", Some("https://app.example.com.evil.example")), 403),
        (with_header("Origin", Some("http://app.example.com")), 403),
        (with_header("Origin", Some("null")), 403),
        (with_header("Origin", Some("")), 403),
        (
            changed("websocket/connect-query", |event| event["requestContext"]["connectionId"] = json!(null)),
            400,
        ),
    ] {
        let rig = Rig::with_ticket().await;
        assert_eq!(rig.status(&request).await, status, "{:?}", request.headers);
        assert_eq!(rig.connection().await, None);
        assert_eq!(rig.status(&typed("websocket/connect-query")).await, 200, "{:?}", request.headers);
    }
}

#[tokio::test]
async fn a_browser_comes_from_a_listed_origin_and_others_name_none() {
    for origin in [Some("https://app.example.com"), Some("https://admin.example.com"), None] {
        let rig = Rig::with_ticket().await;
        assert_eq!(rig.status(&with_header("Origin", origin)).await, 200, "{origin:?}");
    }
}

#[tokio::test]
async fn subprotocols_come_in_any_form_of_a_list() {
    for list in [format!("ticket.{TICKET},expedite.v1"), format!(" expedite.v1 ,, other , ticket.{TICKET} ")]
    {
        let rig = Rig::with_ticket().await;
        let request = with_header("Sec-WebSocket-Protocol", Some(&list));
        assert_eq!(rig.status(&request).await, 200, "{list}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_one_connection() {
    let rig = Rig::with_ticket().await;
    let request = typed("websocket/connect-subprotocol");
    let (one, two) = join!(rig.status(&request), rig.status(&request));
    assert_eq!((one, two), (200, 401));
    assert_eq!(rig.status(&request).await, 401);
}

#[tokio::test]
async fn a_ticket_expires() {
    for (millis, status) in [(29_999, 200), (30_000, 401)] {
        let rig = Rig::with_ticket().await;
        rig.clock.advance(Duration::from_millis(millis));
        assert_eq!(rig.status(&typed("websocket/connect-query")).await, status, "after {millis} ms");
    }
}

/// Calls to the table: the ticket, then the connection.
#[tokio::test]
async fn without_the_table_nobody_comes_in() {
    for faults in [
        vec![Some(Fault::Refused)],
        vec![Some(Fault::AnswerLost)],
        vec![None, Some(Fault::Refused)],
        vec![None, Some(Fault::AnswerLost)],
    ] {
        let rig = Rig::with_ticket().await;
        rig.connections.faults.order(faults.clone());
        assert_eq!(rig.status(&typed("websocket/connect-query")).await, 503, "{faults:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_forgotten() {
    let rig = Rig::with_ticket().await;
    rig.connect(&typed("websocket/connect-query")).await;
    let open = rig.connection().await.unwrap();
    (&rig.connections).subscribe(&open, &[Topic::All]).await.unwrap();
    let other = Connection { id: ConnectionId("other".to_owned()), ..open };
    (&rig.connections).open(&other).await.unwrap();
    (&rig.connections).subscribe(&other, &[Topic::All]).await.unwrap();

    let ended = typed("websocket/disconnect");
    assert_eq!(disconnect(&&rig.connections, &ended).await.status_code, 200);
    assert_eq!(rig.connection().await, None);
    let left = (&rig.connections).page(&tenant("acme"), &Topic::All, None).await.unwrap();
    assert_eq!(left.connections, [other.id]);
    assert_eq!(disconnect(&&rig.connections, &ended).await.status_code, 200, "twice is no fault");
}

/// API Gateway reads no answer, and what stays behind goes by its expiry.
#[tokio::test]
async fn ending_a_connection_never_fails() {
    let rig = Rig::with_ticket().await;
    rig.connections.faults.order([Some(Fault::Refused)]);
    assert_eq!(disconnect(&&rig.connections, &typed("websocket/disconnect")).await.status_code, 200);
    let nameless =
        changed("websocket/disconnect", |event| event["requestContext"]["connectionId"] = json!(null));
    assert_eq!(disconnect(&&rig.connections, &nameless).await.status_code, 200);
}
