//! What callers do to messages that wait, and to those that failed.

use crate::support::{SOON, Without, alone, beside_others, path};
use expedite_tests::{
    http::{Answer, Caller},
    socket::Subscriber,
};
use reqwest::Method;
use serde_json::{Value, json};

/// `PATCH`, `DELETE` or `POST` on a message.
async fn command(caller: &Caller, method: Method, path: &str, body: Value) -> Answer {
    let request = caller.request(method, path);
    caller.send(if body.is_null() { request } else { request.json(&body) }).await.unwrap()
}

async fn cancel(caller: &Caller, id: &str) -> Answer {
    command(caller, Method::DELETE, &format!("/v1/messages/{id}"), Value::Null).await
}

async fn amend(caller: &Caller, id: &str, body: Value) -> Answer {
    command(caller, Method::PATCH, &format!("/v1/messages/{id}"), body).await
}

async fn redrive(caller: &Caller, body: Value) -> Value {
    let answer = command(caller, Method::POST, "/v1/redrive", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Fails once for each attempt that it has, and succeeds after that.
async fn failed(caller: &Caller, kind: &str) -> String {
    let message = json!({"type": kind, "max_attempts": 1, "payload": {"fail_times": 1}});
    let id = caller.submit(&message).await.unwrap();
    caller.wait_for(&id, &["failed"], SOON).await.unwrap();
    id
}

#[tokio::test]
async fn a_cancelled_message_never_runs_and_its_copy_in_the_broker_is_void() {
    let (system, _guard) = alone().await;
    let caller = system.caller("cancel").unwrap();
    let mut subscriber = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let paused = Without::poller(system);
    let cancelled = caller.submit(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    let last = caller.submit(&json!({"type": "demo", "priority": "low"})).await.unwrap();
    let answer = cancel(&caller, &cancelled).await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (200, &json!("cancelled")));
    paused.end();
    // The cancelled one is delivered before it.
    caller.wait_for(&last, &["completed"], SOON).await.unwrap();
    let message = caller.message(&cancelled).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "cancelled"]);
    subscriber.wait_for(&cancelled, &["cancelled"]).await.unwrap();
    let again = cancel(&caller, &cancelled).await;
    assert_eq!((again.status.as_u16(), &again.body["state"]), (409, &json!("cancelled")));
}

#[tokio::test]
async fn a_running_message_is_not_cancelled() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("running").unwrap();
    let id = caller.submit(&json!({"type": "demo", "payload": {"work_ms": 3000}})).await.unwrap();
    caller.wait_for(&id, &["processing"], SOON).await.unwrap();
    let answer = cancel(&caller, &id).await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (409, &json!("processing")));
    caller.wait_for(&id, &["completed"], SOON).await.unwrap();
}

#[tokio::test]
async fn a_scheduled_message_is_brought_forward_by_its_priority_or_its_time() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("amend").unwrap();
    // One waits in the broker's scheduler, the other one in the table.
    for delay in [600, 36_000] {
        for body in [json!({"priority": "high"}), json!({"deliver_at": "2026-01-01T00:00:00Z"})] {
            let scheduled = json!({"type": "demo", "priority": "low", "delay_seconds": delay});
            let id = caller.submit(&scheduled).await.unwrap();
            let answer = amend(&caller, &id, body.clone()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let message = caller.wait_for(&id, &["completed"], SOON).await.unwrap();
            let high = body.get("priority").is_some();
            assert_eq!(message["priority"], if high { "high" } else { "low" }, "{message}");
            assert_eq!((&message["bypassed"], &message["attempt"]), (&json!(high), &json!(1)), "{message}");
        }
    }
}

#[tokio::test]
async fn a_failed_message_is_listed_with_its_reason_and_redriven() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("redrive").unwrap();
    let id = failed(&caller, "demo").await;
    let listed = caller.list("&state=failed").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["reason"].as_str().unwrap().starts_with("attempt 1 of 1 failed"), "{listed:?}");
    let answer =
        command(&caller, Method::POST, &format!("/v1/messages/{id}/redrive"), json!({"priority": "high"}))
            .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let message = caller.wait_for(&id, &["completed"], SOON).await.unwrap();
    assert_eq!((&message["attempt"], &message["priority"]), (&json!(2), &json!("high")), "{message}");
    assert!(path(&message).contains(&"failed"), "the history stays: {message}");
    assert!(caller.list("&state=failed").await.unwrap().is_empty());
}

#[tokio::test]
async fn many_are_redriven_by_a_filter_and_what_it_leaves_out_stays() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("redrive-many").unwrap();
    let mut mail = Vec::new();
    for _ in 0..5 {
        mail.push(failed(&caller, "mail").await);
    }
    let other = failed(&caller, "print").await;
    let dry = redrive(&caller, json!({"type": "mail", "dry_run": true})).await;
    assert_eq!((&dry["matched"], &dry["redriven"]), (&json!(5), &json!(0)), "{dry}");
    assert_eq!(caller.list("&state=failed").await.unwrap().len(), 6);
    let done = redrive(&caller, json!({"type": "mail", "per_second": 2})).await;
    assert_eq!(done["redriven"], 5, "{done}");
    for (number, entry) in done["messages"].as_array().unwrap().iter().enumerate() {
        assert_eq!(entry["id"], mail[number], "the older ones first");
        let message = caller.wait_for(&mail[number], &["completed"], SOON).await.unwrap();
        let started =
            message["timeline"].as_array().unwrap().iter().rfind(|step| step["state"] == "processing");
        assert!(started.unwrap()["at"].as_str() >= entry["deliver_at"].as_str(), "{message}");
    }
    assert_eq!(caller.message(&other).await.unwrap()["state"], "failed");
}

#[tokio::test]
async fn stats_count_what_is_open() {
    let (system, _guard) = alone().await;
    let caller = system.caller("stats").unwrap();
    failed(&caller, "demo").await;
    let completed = caller.submit(&json!({"type": "demo"})).await.unwrap();
    caller.wait_for(&completed, &["completed"], SOON).await.unwrap();
    caller.submit(&json!({"type": "demo", "priority": "low", "delay_seconds": 3600})).await.unwrap();
    let paused = Without::poller(system);
    let waiting = caller.submit(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    let stats = caller.get("/v1/stats").await.unwrap().body;
    paused.end();
    let count = |priority: &str, kind: &str| stats["priorities"][priority][kind].clone();
    assert_eq!(stats["complete"], true);
    let counted = [("high", "waiting"), ("low", "scheduled"), ("medium", "failed")];
    for priority in ["high", "medium", "low"] {
        for kind in ["waiting", "scheduled", "running", "retrying", "failed"] {
            let expected = u64::from(counted.contains(&(priority, kind)));
            assert_eq!(count(priority, kind), expected, "{priority} {kind}: {stats}");
        }
    }
    assert!(count("high", "oldest_age_seconds").is_number() && count("low", "oldest_age_seconds").is_null());
    caller.wait_for(&waiting, &["completed"], SOON).await.unwrap();
}
