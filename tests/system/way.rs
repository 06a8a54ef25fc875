//! The way of a message, from a POST to a push.

use crate::{
    aws::swept,
    support::{AFTER_A_SWEEP, SOON, Without, alone, beside_others, first_at, path},
};
use expedite::view::parse_rfc3339;
use expedite_tests::socket::Subscriber;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn each_priority_goes_the_whole_way() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("whole-way").unwrap();
    let mut subscriber = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    for priority in ["high", "medium", "low"] {
        let message = json!({"type": "demo", "priority": priority, "payload": {"work_ms": 20}});
        let answer = caller.post(&message).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = answer.body["id"].as_str().unwrap();
        assert_eq!(answer.location.as_deref(), Some(format!("/v1/messages/{id}").as_str()));
        assert_eq!(answer.body["state"], "queued", "the broker has confirmed it: {answer:?}");

        let update = subscriber.wait_for(id, &["completed"]).await.unwrap();
        assert_eq!(update["priority"], priority);
        let message = caller.get(&format!("/v1/messages/{id}?payload=true")).await.unwrap().body;
        assert_eq!(message["version"], update["version"]);
        assert_eq!(message["payload"], json!({"work_ms": 20}));
        let path = path(&message);
        assert_eq!((path.first(), path.last()), (Some(&"accepted"), Some(&"completed")), "{path:?}");
        assert_eq!(path.iter().filter(|state| **state == "processing").count(), 1, "{path:?}");
    }
}

#[tokio::test]
async fn a_high_message_bypasses_its_delay() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("bypass").unwrap();
    let post = |priority: &'static str| json!({"type": "demo", "priority": priority, "delay_seconds": 3600});
    let high = caller.post(&post("HIGH")).await.unwrap().body;
    let low = caller.post(&post("low")).await.unwrap().body;
    assert_eq!((&high["bypassed"], &low["bypassed"]), (&json!(true), &json!(false)));
    assert_eq!(high["deliver_at"], high["created_at"]);
    let high = caller.wait_for(high["id"].as_str().unwrap(), &["completed"], SOON).await.unwrap();
    assert_eq!(high["state"], "completed");
    let low = caller.message(low["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(low["state"], "scheduled", "its hour has not passed: {low}");
}

#[tokio::test]
async fn a_delayed_message_waits_for_its_time_and_no_longer() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("delay").unwrap();
    let answer = caller.post(&json!({"type": "demo", "delay_seconds": 3})).await.unwrap().body;
    assert_eq!(answer["state"], "scheduled", "{answer}");
    let id = answer["id"].as_str().unwrap();
    let message = caller.wait_for(id, &["completed"], SOON).await.unwrap();
    let started = parse_rfc3339(first_at(&message, "processing")).unwrap();
    let due = parse_rfc3339(message["deliver_at"].as_str().unwrap()).unwrap();
    assert!(started >= due, "never early: {message}");
    // The scheduler is up to half a second late, and a lone message waits for its batch's window.
    assert!(due.until(started) < Duration::from_secs(10), "{message}");
}

#[tokio::test]
async fn a_failing_handler_is_retried_and_keeps_the_priority() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("retry").unwrap();
    let payload = json!({"fail_times": 2, "retry_after_ms": 200});
    let id = caller.submit(&json!({"type": "demo", "priority": "high", "payload": payload})).await.unwrap();
    let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
    assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(3)), "{message}");
    assert_eq!(message["priority"], "high");
    assert_eq!(path(&message).iter().filter(|state| **state == "retrying").count(), 2, "{message}");
}

#[tokio::test]
async fn the_last_attempt_and_a_discard_fail_with_the_reason() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("fail").unwrap();
    for (payload, attempts, reason) in [
        (json!({"fail_times": 9, "retry_after_ms": 50}), 2, "attempt 2 of 2 failed: the payload says fail"),
        (json!({"discard": true}), 1, "the payload says discard"),
    ] {
        let message = json!({"type": "demo", "max_attempts": 2, "payload": payload});
        let id = caller.submit(&message).await.unwrap();
        let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("failed"), &json!(attempts)));
        assert!(message["reason"].as_str().unwrap().starts_with(reason), "{message}");
    }
}

#[tokio::test]
async fn a_snooze_counts_no_attempt() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("snooze").unwrap();
    let in_two_seconds = caller.post(&json!({"type": "demo"})).await.unwrap().body["created_at"].clone();
    let until = parse_rfc3339(in_two_seconds.as_str().unwrap()).unwrap().plus(Duration::from_secs(2));
    let payload = json!({"snooze_until": expedite::view::rfc3339(until)});
    let id = caller.submit(&json!({"type": "demo", "max_attempts": 1, "payload": payload})).await.unwrap();
    let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
    assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(1)), "{message}");
    assert!(path(&message).contains(&"retrying"), "{message}");
}

#[tokio::test]
async fn what_nobody_starts_in_time_is_ended_by_the_sweep_and_never_runs() {
    let (system, _guard) = alone().await;
    let caller = system.caller("too-late").unwrap();
    let paused = Without::poller(system);
    let id = caller.submit(&json!({"type": "demo", "expires_in_seconds": 1})).await.unwrap();
    let message = swept(system, caller.wait_for(&id, &["expired"], AFTER_A_SWEEP)).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "expired"], "{message}");
    paused.end();
    // The same lane, so that its copy in the broker has come before this one.
    let later = caller.submit(&json!({"type": "demo"})).await.unwrap();
    caller.wait_for(&later, &["completed"], SOON).await.unwrap();
    assert_eq!(path(&caller.message(&id).await.unwrap()), ["accepted", "queued", "expired"]);
}
