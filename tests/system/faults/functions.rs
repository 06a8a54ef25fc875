//! A function that dies, hangs or comes back from the dead in the middle of a batch.

use crate::{
    aws::{FullBatches, Otherwise, swept},
    support::{Log, SOON, Without, alone, path},
};
use expedite_tests::{
    fault::{kill_function, pause_function},
    http::Caller,
    launcher::System,
    load::Load,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long everything may take to end: a lease, a hand-over and a few backoffs, while sweeps come all the time.
const LIMIT: Duration = Duration::from_secs(90);

#[tokio::test]
async fn killed_in_the_middle_of_a_batch_it_loses_nothing() {
    let (system, _guard) = alone().await;
    let (load, batch) = under_load(system, "killed").await;
    assert!(
        kill_function(system, "process").unwrap() > 0,
        "a process of the function was there to be killed"
    );
    assert_all_lapse_and_complete(system, &batch).await;
    swept(system, load.end(LIMIT)).await.unwrap();
}

#[tokio::test]
async fn stopped_by_its_time_limit_in_the_middle_of_a_batch_it_loses_nothing() {
    let (system, _guard) = alone().await;
    // As short as the handler's own limit allows.
    let _limited = Otherwise::limited(system, "process", Duration::from_secs(10)).await;
    let log = Log::from_now(system, "emulator");
    let (load, batch) = under_load(system, "timed-out").await;
    let _hangs = pause_function(system, "process").unwrap();
    log.wait_for(|line| line.contains("process: Task timed out after 10.00 seconds"), SOON).await;
    assert_all_lapse_and_complete(system, &batch).await;
    swept(system, load.end(LIMIT)).await.unwrap();
}

/// The attempt has lost its lease, and another one has ended the message: the late result must not count.
#[tokio::test]
async fn a_result_that_comes_after_its_lease_is_refused() {
    let (system, _guard) = alone().await;
    // Longer than the test, so that it is the lease and not this that ends the attempt.
    let _limited = Otherwise::limited(system, "process", Duration::from_secs(180)).await;
    let (load, batch) = under_load(system, "paused").await;
    let paused = pause_function(system, "process").unwrap();
    let before = assert_all_lapse_and_complete(system, &batch).await;
    let log = Log::from_now(system, "emulator");
    paused.end().unwrap();
    for message in before {
        let id = message["id"].as_str().unwrap();
        let refused = |line: &str| line.contains("an outcome came too late and is lost") && line.contains(id);
        log.wait_for(refused, SOON).await;
        assert_eq!(batch.caller.message(id).await.unwrap(), message);
    }
    swept(system, load.end(LIMIT)).await.unwrap();
}

/// Messages that are being worked on, each in its first attempt.
struct Batch {
    caller: Caller,
    ids: Vec<String>,
    _full: FullBatches,
}

const URGENT: usize = 3;

/// Starts a load, and gets urgent messages under way before it, in few batches: their next attempts need a free one.
async fn under_load(system: &'static System, name: &str) -> (Load, Batch) {
    let caller = system.caller(name).unwrap();
    let paused = Without::poller(system);
    let full = FullBatches::of(system, "express").await;
    let mut ids = Vec::new();
    for _ in 0..URGENT {
        let message = json!({"type": "demo", "priority": "high", "payload": {"work_ms": 4000}});
        ids.push(caller.submit(&message).await.unwrap());
    }
    let load = Load::start(&system.caller(&format!("{name}-load")).unwrap());
    load.wait_for(10, SOON).await.unwrap();
    paused.end();
    for id in &ids {
        caller.wait_for(id, &["processing"], SOON).await.unwrap();
    }
    (load, Batch { caller, ids, _full: full })
}

/// Each of the batch loses its first attempt, and completes once, in the second.
async fn assert_all_lapse_and_complete(system: &System, batch: &Batch) -> Vec<Value> {
    let mut messages = Vec::new();
    for id in &batch.ids {
        let ended = batch.caller.wait_for(id, &["completed", "failed"], LIMIT);
        let message = swept(system, ended).await.unwrap();
        let details =
            message["timeline"].as_array().unwrap().iter().filter_map(|entry| entry["detail"].as_str());
        assert_eq!(details.filter(|detail| detail.contains("its lease lapsed")).count(), 1, "{message}");
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(2)), "{message}");
        assert_eq!(path(&message).iter().filter(|state| **state == "completed").count(), 1, "{message}");
        messages.push(message);
    }
    messages
}
