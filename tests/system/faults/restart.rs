//! Everything stops in the middle of a load and starts again, on a system of its own.
//!
//! The broker and the poller are stopped as they stand. The emulator ends in order, because only then it writes down
//! what it knows; to the functions, which it runs, that is a kill all the same.

use crate::{
    aws::swept,
    support::{AFTER_A_SWEEP, ORIGIN, SOON, path},
};
use expedite_tests::{launcher::System, load::Load, socket::Subscriber};
use serde_json::json;
use tokio::task::block_in_place;

/// In this order nothing can mend anything before everything is down.
const STOP: [&str; 3] = ["broker kill", "emulator stop", "poller stop"];
const START: [&str; 3] = ["emulator start", "broker start", "poller start"];

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_on_where_it_was() {
    let origins = format!("AllowedOrigins={ORIGIN}");
    let system =
        System::start("restart-tests", &["--parameter", "HandlerTimeoutSeconds=5", "--parameter", &origins])
            .unwrap();
    let (caller, bystander) = (system.caller("restart").unwrap(), system.caller("restart-load").unwrap());
    let order = |order: &str| block_in_place(|| system.order(order)).unwrap()["pids"].clone();
    let load = Load::start(&bystander);
    load.wait_for(40, SOON).await.unwrap();

    let delayed = json!({"type": "demo", "priority": "low", "delay_seconds": 10});
    let delayed = caller.submit(&delayed).await.unwrap();
    let running = caller.submit(&json!({"type": "demo", "payload": {"work_ms": 4000}})).await.unwrap();
    caller.wait_for(&running, &["processing"], SOON).await.unwrap();
    let acknowledged = load.counts().acknowledged;
    let stopped = STOP.map(order)[2].clone();
    assert_eq!(stopped.as_object().unwrap().keys().collect::<Vec<_>>(), ["launcher"], "all are down");
    let started = START.map(order)[2].clone();
    for part in ["emulator", "broker", "poller"] {
        assert_ne!(started[part], system.endpoints.pids[part], "{part} has another process");
    }

    load.wait_for(acknowledged + 20, SOON).await.unwrap();
    let message = caller.wait_for(&delayed, &["completed"], SOON).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "processing", "completed"], "{message}");
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let message = swept(&system, caller.wait_for(&running, &["completed"], AFTER_A_SWEEP)).await.unwrap();
    assert_eq!(message["attempt"], 2, "its function was gone, and its lease has lapsed: {message}");
    let later = caller.submit(&json!({"type": "demo"})).await.unwrap();
    socket.wait_for(&later, &["completed"]).await.unwrap();
    swept(&system, load.end(AFTER_A_SWEEP)).await.unwrap();
}
