//! Tables that are throttled, and tables whose answers get lost.

use crate::{
    aws::swept,
    support::{SOON, alone},
};
use expedite_tests::{
    Result,
    fault::{self, Outage},
    http::Caller,
    launcher::System,
    load::Load,
    socket::Subscriber,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long everything may take to end: a lease, a hand-over and a few backoffs, while sweeps come all the time.
const LIMIT: Duration = Duration::from_secs(90);

/// How many calls a fault hits: enough for every kind of change that a load makes.
const CALLS: u32 = 40;

/// Orders a fault for an operation on a table.
type Order = fn(&'static System, &str, &str, u32) -> Result<Outage<'static>>;

/// Each write is made again until it is taken, or given up as one that the table can't take.
#[tokio::test]
async fn throttled_writes_of_messages_lose_nothing() {
    messages_survive(fault::refuse, "throttled").await;
}

/// Each write is made again by the SDK and finds itself done.
#[tokio::test]
async fn writes_of_messages_whose_answers_get_lost_are_done_once() {
    messages_survive(fault::lose_answers, "answers-lost").await;
}

#[tokio::test]
async fn throttled_writes_of_connections_go_unnoticed() {
    let (system, _guard) = alone().await;
    let caller = system.caller("sockets-throttled").unwrap();
    assert!(socket_under(system, &caller, fault::refuse).await.is_empty());
}

/// A ticket whose use is not known is used up: it is never good for two.
#[tokio::test]
async fn writes_of_connections_whose_answers_get_lost_are_done_once() {
    let (system, _guard) = alone().await;
    let caller = system.caller("sockets-answers-lost").unwrap();
    assert_eq!(socket_under(system, &caller, fault::lose_answers).await, ["connect"]);
}

async fn messages_survive(order: Order, name: &str) {
    let (system, _guard) = alone().await;
    let load = Load::start(&system.caller(name).unwrap());
    load.wait_for(10, SOON).await.unwrap();
    for operation in ["PutItem", "TransactWriteItems"] {
        let outage = order(system, "MessagesTable", operation, CALLS).unwrap();
        wait_for_hits(&outage, CALLS).await;
        outage.end().unwrap();
    }
    swept(system, load.end(LIMIT)).await.unwrap();
}

async fn wait_for_hits(outage: &Outage<'_>, calls: u32) {
    let started = Instant::now();
    while outage.hits().unwrap() < u64::from(calls) {
        assert!(started.elapsed() < SOON, "{outage:?} has hit {}", outage.hits().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a subscriber does from its ticket to its end, with each write of it hit once; gives the steps that failed at first.
async fn socket_under(system: &'static System, caller: &Caller, order: Order) -> Vec<&'static str> {
    let fault = |operation| order(system, "ConnectionsTable", operation, 1).unwrap();
    let hit_once = |outage: Outage<'_>| assert_eq!(outage.end().unwrap(), 1);
    let mut failed = Vec::new();

    let issuing = fault("PutItem");
    let mut ticket = caller.ticket().await.unwrap();
    hit_once(issuing);

    let redeeming = fault("DeleteItem");
    let opening = fault("PutItem");
    let mut socket = connect(system, &ticket).await;
    hit_once(redeeming);
    if socket.is_err() {
        failed.push("connect");
        ticket = caller.ticket().await.unwrap();
        socket = connect(system, &ticket).await;
    }
    hit_once(opening);
    let mut socket = socket.unwrap();

    for (action, operation) in
        [("subscribe", "TransactWriteItems"), ("unsubscribe", "DeleteItem"), ("unsubscribe", "UpdateItem")]
    {
        let request = json!({"action": action, "topics": ["all"]});
        let outage = fault(operation);
        let answer = socket.ask(&request).await.unwrap();
        hit_once(outage);
        if answer["kind"] == "error" {
            failed.push(action);
            assert_eq!(socket.ask(&request).await.unwrap()["kind"], format!("{action}d"));
        }
    }

    socket.ask(&json!({"action": "subscribe", "topics": ["all"]})).await.unwrap();
    let id = caller.submit(&json!({"type": "demo"})).await.unwrap();
    socket.wait_for(&id, &["completed"]).await.unwrap();
    let closing = fault("DeleteItem");
    socket.close().await.unwrap();
    wait_for_hits(&closing, 1).await;
    failed
}

async fn connect(system: &System, ticket: &str) -> Result<Subscriber> {
    let protocols = format!("expedite.v1, ticket.{ticket}");
    Subscriber::connect(&system.endpoints.websocket_url, &[("sec-websocket-protocol", &protocols)]).await
}
