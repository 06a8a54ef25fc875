//! What breaks, and what is lost by it: nothing.

mod broker;
mod network;
mod password;

use crate::raw;
use crate::support::{AFTER_A_SWEEP, SOON, Without, alone, path};
use expedite_tests::launcher::System;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::process::Command;

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
async fn a_function_killed_in_the_middle_of_a_batch_loses_nothing() {
    let (system, _guard) = alone().await;
    let caller = system.caller("killed").unwrap();
    let paused = Without::poller(system);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(caller.submit(&json!({"type": "demo", "payload": {"work_ms": 3000}})).await.unwrap());
    }
    paused.end();
    for id in &ids {
        caller.wait_for(id, &["processing"], SOON).await.unwrap();
    }
    assert!(kill_function(system, "process") > 0, "a process of the function was there to be killed");
    for id in &ids {
        let message = caller.wait_for(id, &["completed", "failed"], AFTER_A_SWEEP).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(2)), "{message}");
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

/// Kills the processes that the emulator runs a function in, and says how many.
fn kill_function(system: &System, name: &str) -> usize {
    let function = format!("AWS_LAMBDA_FUNCTION_NAME={}-{name}", system.endpoints.stack_name);
    let emulator = system.endpoints.pids["emulator"];
    let mut killed = 0;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = process.path();
        let Ok(environment) = std::fs::read(path.join("environ")) else { continue };
        let Ok(status) = std::fs::read_to_string(path.join("status")) else { continue };
        let ours = status.lines().any(|line| *line == format!("PPid:\t{emulator}"));
        if ours && environment.split(|byte| *byte == 0).any(|variable| variable == function.as_bytes()) {
            let pid = process.file_name();
            assert!(Command::new("kill").arg("-KILL").arg(pid).status().unwrap().success());
            killed += 1;
        }
    }
    killed
}
