//! Who may open a WebSocket.

use crate::{
    aws::sdk,
    support::{ORIGIN, beside_others},
};
use expedite::{adapters::dynamodb::ConnectionsTable, domain::Timestamp, ports::Tickets, ticket::hash};
use expedite_tests::{Result, launcher::System, socket::Subscriber};
use serde_json::json;

async fn with_ticket(system: &System, ticket: &str, more: &[(&'static str, &str)]) -> Result<Subscriber> {
    let protocols = format!("expedite.v1, ticket.{ticket}");
    let mut headers = vec![("sec-websocket-protocol", protocols.as_str())];
    headers.extend(more);
    Subscriber::connect(&system.endpoints.websocket_url, &headers).await
}

fn refused(result: Result<Subscriber>, status: u16) {
    let error = result.err().unwrap_or_else(|| panic!("{status} was expected")).to_string();
    assert!(error.contains(&status.to_string()), "{status} was expected: {error}");
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("ticket").unwrap();
    let ticket = caller.ticket().await.unwrap();
    let mut socket = with_ticket(system, &ticket, &[]).await.unwrap();
    assert_eq!(socket.subprotocol.as_deref(), Some("expedite.v1"));
    assert_eq!(socket.ask(&json!({"action": "ping"})).await.unwrap()["kind"], "pong");
    refused(with_ticket(system, &ticket, &[]).await, 401);
    assert_eq!(socket.ask(&json!({"action": "ping"})).await.unwrap()["kind"], "pong");
}

#[tokio::test]
async fn a_ticket_can_come_in_the_query() {
    let (system, _guard) = beside_others().await;
    let ticket = system.caller("query-ticket").unwrap().ticket().await.unwrap();
    let url = format!("{}?ticket={ticket}", system.endpoints.websocket_url);
    let mut socket = Subscriber::connect(&url, &[]).await.unwrap();
    assert_eq!(socket.ask(&json!({"action": "ping"})).await.unwrap()["kind"], "pong");
    refused(Subscriber::connect(&url, &[]).await, 401);
}

#[tokio::test]
async fn no_ticket_a_forged_one_and_an_expired_one_open_nothing() {
    let (system, _guard) = beside_others().await;
    let url = &system.endpoints.websocket_url;
    refused(Subscriber::connect(url, &[]).await, 401);
    refused(with_ticket(system, "forged", &[]).await, 401);
    refused(Subscriber::connect(url, &[("sec-websocket-protocol", "chat")]).await, 400);

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let expired_at = Timestamp::from_millis(i64::try_from(now).unwrap());
    let table = system.endpoints.outputs["ConnectionsTable"].clone();
    let tickets = ConnectionsTable::new(&sdk(system).await, table);
    tickets.issue(&hash("expired"), &"acme".parse().unwrap(), expired_at).await.unwrap();
    refused(with_ticket(system, "expired", &[]).await, 401);
}

#[tokio::test]
async fn a_browser_must_come_from_an_allowed_origin() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("origin").unwrap();
    let ticket = caller.ticket().await.unwrap();
    refused(with_ticket(system, &ticket, &[("origin", "https://elsewhere.example")]).await, 403);
    // A refused origin does not use the ticket up.
    with_ticket(system, &ticket, &[("origin", ORIGIN)]).await.unwrap();
}
