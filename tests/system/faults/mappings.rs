//! Event source mappings that are disabled for a while.

use crate::support::{SOON, alone};
use expedite_tests::{fault::disable_mapping, load::Load, socket::Subscriber};
use serde_json::json;

#[tokio::test]
async fn what_a_disabled_mapping_leaves_in_its_queue_waits_for_it() {
    let (system, _guard) = alone().await;
    let caller = system.caller("mapping-off").unwrap();
    let load = Load::start(&system.caller("mapping-off-load").unwrap());
    for (mapping, waits, goes_on) in [("standard", "low", "high"), ("express", "high", "low")] {
        let off = disable_mapping(system, mapping).unwrap();
        let waiting = caller.submit(&json!({"type": "demo", "priority": waits})).await.unwrap();
        let other = caller.submit(&json!({"type": "demo", "priority": goes_on})).await.unwrap();
        caller.wait_for(&other, &["completed"], SOON).await.unwrap();
        assert_eq!(caller.message(&waiting).await.unwrap()["state"], "queued", "{mapping}");
        off.end().unwrap();
        let message = caller.wait_for(&waiting, &["completed"], SOON).await.unwrap();
        assert_eq!(message["attempt"], 1, "{message}");
    }
    load.end(SOON).await.unwrap();
}

#[tokio::test]
async fn what_a_disabled_mapping_leaves_in_the_stream_waits_for_it() {
    let (system, _guard) = alone().await;
    let caller = system.caller("stream-off").unwrap();
    let load = Load::start(&system.caller("stream-off-load").unwrap());
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();

    let off = (disable_mapping(system, "relay").unwrap(), disable_mapping(system, "fanout").unwrap());
    let failing = json!({"type": "demo", "payload": {"fail_times": 1, "retry_after_ms": 0}});
    let owed = caller.submit(&failing).await.unwrap();
    caller.wait_for(&owed, &["retrying"], SOON).await.unwrap();
    let other = caller.submit(&json!({"type": "demo"})).await.unwrap();
    caller.wait_for(&other, &["completed"], SOON).await.unwrap();
    assert_eq!(caller.message(&owed).await.unwrap()["state"], "retrying");
    socket.ask(&json!({"action": "ping"})).await.unwrap();
    assert!(socket.newest.is_empty(), "nothing was pushed before the answer");

    off.0.end().unwrap();
    off.1.end().unwrap();
    let message = caller.wait_for(&owed, &["completed"], SOON).await.unwrap();
    assert_eq!(message["attempt"], 2, "{message}");
    for id in [&owed, &other] {
        socket.wait_for(id, &["completed"]).await.unwrap();
    }
    load.end(SOON).await.unwrap();
}
