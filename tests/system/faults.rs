//! What breaks, and what is lost by it: nothing.

mod broker;
mod functions;
mod mappings;
mod network;
mod password;
mod restart;
mod sockets;
mod streams;
mod table;

use crate::raw;
use crate::support::{AFTER_A_SWEEP, SOON, Without, alone, path};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

#[tokio::test]
async fn messages_posted_while_the_broker_is_down_complete_once_it_is_up() {
    let (system, _guard) = alone().await;
    let caller = system.caller("broker-down").unwrap();
    let down = Without::broker(system);
    let answers: Vec<_> = stream::iter(0..12)
        .map(|number| {
            let priority = ["high", "low"][number % 2];
            let message = json!({"type": "demo", "priority": priority});
            let caller = &caller;
            async move { caller.post(&message).await }
        })
        .buffer_unordered(4)
        .try_collect()
        .await
        .unwrap();
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("accepted")), "{answer:?}");
    }
    down.end();
    for answer in answers {
        let id = answer.body["id"].as_str().unwrap();
        let message = caller.wait_for(id, &["completed", "failed"], AFTER_A_SWEEP).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(1)), "{message}");
        assert_eq!(path(&message).iter().filter(|state| **state == "completed").count(), 1);
    }
}

#[tokio::test]
async fn of_a_batch_with_poison_in_it_only_the_poison_fails() {
    let (system, _guard) = alone().await;
    let caller = system.caller("poison").unwrap();
    let paused = Without::poller(system);
    let poison = json!({"type": "demo", "max_attempts": 1, "payload": {"panic": true}});
    let poison = caller.submit(&poison).await.unwrap();
    let mut good = Vec::new();
    for _ in 0..9 {
        good.push(caller.submit(&json!({"type": "demo"})).await.unwrap());
    }
    paused.end();
    let message = caller.wait_for(&poison, &["failed", "completed"], SOON).await.unwrap();
    assert_eq!(message["state"], "failed");
    assert!(message["reason"].as_str().unwrap().contains("panicked"), "{message}");
    for id in good {
        let message = caller.wait_for(&id, &["completed"], SOON).await.unwrap();
        assert_eq!(message["attempt"], 1, "{message}");
    }
}

#[tokio::test]
async fn of_a_batch_with_garbage_in_it_the_good_complete_and_the_garbage_comes_once() {
    let (system, _guard) = alone().await;
    let caller = system.caller("garbage").unwrap();
    let said = || {
        let log = std::fs::read_to_string(system.endpoints.logs.join("emulator.log")).unwrap();
        log.matches("a message on the queue can't be read").count()
    };
    let before = said();
    let paused = Without::poller(system);
    raw::send(system, &[b"not an envelope", b"\xff\x00", br#"{"v":99}"#]).await;
    let mut good = Vec::new();
    for _ in 0..5 {
        good.push(caller.submit(&json!({"type": "demo"})).await.unwrap());
    }
    paused.end();
    // A failed batch would be delivered again after a second, and this one behind it.
    good.push(caller.submit(&json!({"type": "demo", "priority": "low", "delay_seconds": 4})).await.unwrap());
    for id in good {
        let message = caller.wait_for(&id, &["completed"], SOON).await.unwrap();
        assert_eq!(message["attempt"], 1, "{message}");
    }
    assert_eq!(said() - before, 3, "each is reported, and none comes again");
}
