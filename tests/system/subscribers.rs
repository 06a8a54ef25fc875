//! What a subscriber sees.

use crate::support::{SOON, beside_others};
use expedite_tests::socket::Subscriber;
use serde_json::json;

#[tokio::test]
async fn topics_choose_what_arrives() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("topics").unwrap();
    let url = &system.endpoints.websocket_url;
    let mut by_type = Subscriber::open(url, &caller, &["type:wanted"]).await.unwrap();
    let mut by_id = Subscriber::open(url, &caller, &["type:other"]).await.unwrap();
    let wanted = caller.submit(&json!({"type": "wanted", "delay_seconds": 2})).await.unwrap();
    let topics = json!([format!("message:{wanted}")]);
    by_id.ask(&json!({"action": "subscribe", "topics": topics})).await.unwrap();
    let answer = by_id.ask(&json!({"action": "unsubscribe", "topics": ["type:other"]})).await.unwrap();
    assert_eq!(answer["kind"], "unsubscribed");
    let unwanted = caller.submit(&json!({"type": "other"})).await.unwrap();

    by_type.wait_for(&wanted, &["completed"]).await.unwrap();
    by_id.wait_for(&wanted, &["completed"]).await.unwrap();
    caller.wait_for(&unwanted, &["completed"], SOON).await.unwrap();
    assert!(!by_type.newest.contains_key(&unwanted) && !by_id.newest.contains_key(&unwanted));
}

#[tokio::test]
async fn a_bad_message_gets_an_error_and_the_socket_lives() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("bad-frames").unwrap();
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    for (text, field) in [
        ("not json", "body"),
        (r#"{"action":"dance"}"#, "action"),
        (r#"{"action":"subscribe","topics":[]}"#, "topics"),
        (r#"{"action":"subscribe","topics":["all","tenant:x"]}"#, "topics[1]"),
        (r#"{"action":"ping","more":1}"#, "body"),
    ] {
        let answer = socket.ask_text(text).await.unwrap();
        assert_eq!(
            (&answer["kind"], &answer["errors"][0]["field"]),
            (&json!("error"), &json!(field)),
            "{text}"
        );
    }
    assert_eq!(socket.ask(&json!({"action": "ping"})).await.unwrap()["kind"], "pong");
}

/// Subscribe, read a snapshot, apply what is newer: nothing that happened in between is missed.
#[tokio::test]
async fn a_reconnect_leaves_no_gap() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("reconnect").unwrap();
    let url = &system.endpoints.websocket_url;
    let work = json!({"type": "demo", "payload": {"work_ms": 300}});
    let mut ids = Vec::new();

    let mut socket = Subscriber::open(url, &caller, &["all"]).await.unwrap();
    for _ in 0..10 {
        ids.push(caller.submit(&work).await.unwrap());
    }
    socket.wait_for(&ids[0], &["processing", "completed"]).await.unwrap();
    let seen_before = std::mem::take(&mut socket.newest);
    socket.close().await.unwrap();

    // Away: these are pushed to nobody, and some of the others end.
    for _ in 0..10 {
        ids.push(caller.submit(&work).await.unwrap());
    }
    caller.wait_for(&ids[10], &["completed"], SOON).await.unwrap();

    let mut socket = Subscriber::open(url, &caller, &["all"]).await.unwrap();
    socket.newest = seen_before;
    for message in caller.list("").await.unwrap() {
        socket.apply(&message);
    }
    ids.push(caller.submit(&work).await.unwrap());
    for id in &ids {
        let known = socket.wait_for(id, &["completed"]).await.unwrap();
        assert_eq!(known["version"], caller.message(id).await.unwrap()["version"]);
    }
    assert_eq!(socket.newest.len(), ids.len());
}
