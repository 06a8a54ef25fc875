//! Functions behind a stream that fail until the mapping gives its batches up.

use crate::{
    aws::swept,
    support::{Log, SOON, Without, alone},
};
use expedite_tests::{
    fault::{Outage, fail_function},
    load::Load,
    socket::Subscriber,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long everything may take to end: the time that a hand-over has before a sweep takes it, and a few backoffs.
const LIMIT: Duration = Duration::from_secs(90);

/// So often a function fails that batches are given up: three times for one record, after they were split in two
/// until it was alone. Twice that, and a little more for a batch that grew meanwhile.
const FAILURES: u64 = 24;

#[tokio::test]
async fn a_hand_over_that_the_stream_gave_up_is_found_by_the_sweep() {
    let (system, _guard) = alone().await;
    let caller = system.caller("relay-fails").unwrap();
    let log = Log::from_now(system, "emulator");
    let failing = fail_function(system, "relay", u32::MAX).unwrap();
    let message = json!({"type": "demo", "payload": {"fail_times": 1, "retry_after_ms": 0}});
    let owed = caller.submit(&message).await.unwrap();
    caller.wait_for(&owed, &["retrying"], SOON).await.unwrap();
    let load = Load::start(&system.caller("relay-fails-load").unwrap());
    wait_for_failures(&failing).await;
    failing.end().unwrap();

    // What changes later still comes by the stream: no sweep is due before the older one.
    let later = caller.submit(&message).await.unwrap();
    caller.wait_for(&later, &["completed"], SOON).await.unwrap();
    assert_eq!(caller.message(&owed).await.unwrap()["state"], "retrying");

    let ended = swept(system, caller.wait_for(&owed, &["completed"], LIMIT)).await.unwrap();
    assert_eq!(ended["attempt"], 2, "{ended}");
    swept(system, load.end(LIMIT)).await.unwrap();
    let late = |line: &str| line.contains(r#""message":"relayed""#) && !line.contains(r#""late":0,"#);
    assert!(log.count(late) > 0, "the sweep says that it found a hand-over overdue");
}

#[tokio::test]
async fn a_push_that_the_stream_gave_up_is_made_good_by_a_snapshot_and_later_ones_come() {
    let (system, _guard) = alone().await;
    let caller = system.caller("fanout-fails").unwrap();
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let paused = Without::poller(system);
    let failing = fail_function(system, "fanout", u32::MAX).unwrap();
    let missed = caller.submit(&json!({"type": "demo"})).await.unwrap();
    let load = Load::start(&system.caller("fanout-fails-load").unwrap());
    wait_for_failures(&failing).await;
    failing.end().unwrap();

    let later = caller.submit(&json!({"type": "demo"})).await.unwrap();
    socket.wait_for(&later, &["queued"]).await.unwrap();
    assert!(!socket.newest.contains_key(&missed), "the stream has passed it by");
    for message in caller.list("").await.unwrap() {
        socket.apply(&message);
    }
    assert_eq!(socket.newest[&missed]["state"], "queued");

    paused.end();
    for id in [&missed, &later] {
        let known = socket.wait_for(id, &["completed"]).await.unwrap();
        assert_eq!(known["version"], caller.message(id).await.unwrap()["version"]);
    }
    load.end(LIMIT).await.unwrap();
}

async fn wait_for_failures(failing: &Outage<'_>) {
    let started = Instant::now();
    while failing.hits().unwrap() < FAILURES {
        assert!(started.elapsed() < SOON, "failed {} times", failing.hits().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
