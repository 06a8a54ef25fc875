//! The express lane: what is high does not wait for what is slow.

use crate::{
    aws::{FullBatches, Otherwise},
    dead_letters::{completes, given_up},
    support::{SOON, Without, alone, first_at, path},
};
use expedite_tests::{http::Caller, launcher::System};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

/// The mapping's five batches of ten.
const UNDER_WAY: usize = 50;

/// Milliseconds, just below the time that the tests' system gives a handler: a high one has as long to overtake.
const SLOW: u64 = 4_500;

/// Twice as many slow lows as may be under way, of which so many are.
async fn slow_lows(system: &'static System, caller: &Caller) -> (Vec<String>, FullBatches) {
    let low = &json!({"type": "slow", "priority": "low", "payload": {"work_ms": SLOW}});
    let paused = Without::poller(system);
    let full = FullBatches::of(system, "standard").await;
    let submitted = stream::iter(0..2 * UNDER_WAY).map(|_| caller.submit(low)).buffered(8);
    let lows = submitted.try_collect().await.unwrap();
    paused.end();
    let started = Instant::now();
    while caller.list("&state=processing").await.unwrap().len() < UNDER_WAY {
        assert!(started.elapsed() < SOON);
    }
    (lows, full)
}

/// When each ended for good or, for another state, came into it for the first time; earliest first.
async fn times(caller: &Caller, ids: &[String], state: &str) -> Vec<String> {
    let mut times = Vec::new();
    for id in ids {
        let message = caller.wait_for(id, &["completed"], SOON).await.unwrap();
        times.push(first_at(&message, state).to_owned());
    }
    times.sort();
    times
}

/// When a high message that finds every place taken starts, and when the first of these places is free.
async fn high_behind_lows(system: &'static System, caller: &Caller) -> (String, String) {
    let (lows, _full) = slow_lows(system, caller).await;
    let high = caller.submit(&json!({"type": "urgent", "priority": "high"})).await.unwrap();
    let start = times(caller, &[high], "processing").await.remove(0);
    let free = times(caller, &lows, "completed").await.remove(0);
    (start, free)
}

#[tokio::test]
async fn with_the_lane_a_high_one_starts_while_every_place_of_the_lows_is_taken() {
    let (system, _guard) = alone().await;
    let caller = system.caller("lane-on").unwrap();
    let (start, free) = high_behind_lows(system, &caller).await;
    assert!(start < free, "started at {start}, and the first low ended at {free}");
}

#[tokio::test]
async fn without_the_lane_it_waits_until_one_of_them_ends() {
    let (system, _guard) = alone().await;
    let caller = system.caller("lane-off").unwrap();
    let _off = Otherwise::given(system, "ingest", "EXPRESS_LANE", "off").await;
    let (start, free) = high_behind_lows(system, &caller).await;
    assert!(start >= free, "started at {start}, and the first low ended at {free}");
}

/// Its copy in the other lane is void, and cancelling it there reaches it in both.
#[tokio::test]
async fn a_low_one_that_is_made_high_changes_lanes_and_a_cancelled_one_runs_in_neither() {
    let (system, _guard) = alone().await;
    let caller = system.caller("lane-change").unwrap();
    let standing = Without::mapping(system, "standard");
    let low = json!({"type": "demo", "priority": "low"});
    let (raised, cancelled) = (caller.submit(&low).await.unwrap(), caller.submit(&low).await.unwrap());
    let amended = amend(&caller, &raised).await;
    assert_eq!(amended["state"], "accepted", "{amended}");
    let message = caller.wait_for(&raised, &["completed"], SOON).await.unwrap();
    assert_eq!((&message["priority"], &message["attempt"]), (&json!("high"), &json!(1)), "{message}");

    let express = Without::mapping(system, "express");
    amend(&caller, &cancelled).await;
    caller.wait_for(&cancelled, &["queued"], SOON).await.unwrap();
    let answer = caller.send(caller.request(Method::DELETE, &format!("/v1/messages/{cancelled}"))).await;
    assert_eq!(answer.unwrap().status, 200);
    // Behind them in each lane.
    let last = [low, json!({"type": "demo", "priority": "high"})];
    let last: Vec<_> = stream::iter(&last).then(|last| caller.submit(last)).try_collect().await.unwrap();
    standing.end();
    express.end();
    times(&caller, &last, "completed").await;
    let message = caller.message(&cancelled).await.unwrap();
    assert!(!path(&message).contains(&"processing"), "{message}");
    assert_eq!(caller.message(&raised).await.unwrap()["attempt"], 1);
}

async fn amend(caller: &Caller, id: &str) -> Value {
    let request = caller.request(Method::PATCH, &format!("/v1/messages/{id}"));
    let answer = caller.send(request.json(&json!({"priority": "high"}))).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Only the dead letters of that lane are read, so what comes back has come by it.
#[tokio::test]
async fn a_high_one_that_the_broker_gives_up_on_comes_back_by_its_lanes_own_dead_letters() {
    let (system, _guard) = alone().await;
    let caller = system.caller("lane-dead").unwrap();
    let _standing = Without::mapping(system, "DLQ.standard");
    // IAM refuses the function the table.
    let denied = Otherwise::acting_as(system, "process", "ws-disconnect").await;
    let high = caller.submit(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    let (attempt, _) = given_up(&caller, &high).await;
    drop(denied);
    assert_eq!(attempt, 1);
    completes(&caller, &high).await;
}
