//! What the monitor says of the system, by its own permissions, when something of it is taken away.

use crate::{
    aws::sdk,
    logs::Logs,
    support::{AFTER_A_SWEEP, Log, SOON, Without, alone, beside_others, complete},
};
use expedite_tests::launcher::System;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One look, by order and not by the schedule: each metric by its name, and by priority where it has one.
async fn look(system: &System) -> Value {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let name = format!("{}-monitor", system.endpoints.stack_name);
    let answer = lambda.invoke().function_name(name).send().await.unwrap();
    assert_eq!(answer.function_error(), None);
    serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap()
}

/// Looks until it sees this.
async fn sees(system: &System, like: impl Fn(&Value) -> bool) {
    let started = Instant::now();
    loop {
        let seen = look(system).await;
        if like(&seen) {
            return;
        }
        assert!(started.elapsed() < SOON, "{seen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_schedule_makes_it_look() {
    let (system, _guard) = beside_others().await;
    let (log, logs) = (Log::from_now(system, "emulator"), Logs::from_now(system));
    let dispatched = format!("Lambda {}-monitor: dispatched", system.endpoints.stack_name);
    log.wait_for(|line| line.contains(&dispatched), AFTER_A_SWEEP).await;
    // A call's own lines are read with the next call.
    let started = Instant::now();
    while !logs.of("monitor").await.iter().any(|line| line.contains("looked") && line.contains("RUNNING")) {
        assert!(started.elapsed() < AFTER_A_SWEEP, "it was called, and has not looked");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_mapping_that_is_off_is_seen_by_its_own_metric() {
    let (system, _guard) = alone().await;
    let mappings = |of: &Value| {
        ["Standard", "Express", "DeadLetter", "ExpressDeadLetter", "Relay", "Fanout"]
            .map(|name| of[format!("{name}MappingWorks")].as_u64().unwrap())
    };
    let before = look(system).await;
    assert_eq!((mappings(&before), &before["LooksFailed"]), ([1; 6], &json!(0)), "{before}");
    let off = Without::mapping(system, "express");
    assert_eq!(mappings(&look(system).await), [1, 0, 1, 1, 1, 1]);
    off.end();
    let off = Without::mapping(system, "fanout");
    assert_eq!(mappings(&look(system).await), [1, 1, 1, 1, 1, 0]);
    off.end();
    assert_eq!(mappings(&look(system).await), [1; 6]);
}

#[tokio::test]
async fn a_broker_that_is_gone_is_seen() {
    let (system, _guard) = alone().await;
    let of = |seen: &Value| (seen["BrokerRunning"].clone(), seen["BrokerInstances"].clone());
    assert_eq!(of(&look(system).await), (json!(1), json!(1)));
    let down = Without::broker(system);
    assert_eq!(of(&look(system).await), (json!(0), json!(1)));
    down.end();
    sees(system, |seen| seen["BrokerRunning"] == 1).await;
}

#[tokio::test]
async fn a_message_that_waits_gets_older_and_then_is_gone() {
    let (system, _guard) = alone().await;
    let caller = system.caller("watched").unwrap();
    let low = |seen: &Value, metric: &str| seen[metric]["low"].as_u64().unwrap();
    sees(system, |seen| low(seen, "UnfinishedMessages") == 0).await;
    let paused = Without::poller(system);
    let far_off = json!({"type": "demo", "priority": "low", "delay_seconds": 3600});
    caller.submit(&far_off).await.unwrap();
    let id = caller.submit(&json!({"type": "demo", "priority": "low"})).await.unwrap();
    sees(system, |seen| low(seen, "UnfinishedMessages") == 1 && low(seen, "OldestUnfinishedAge") > 0).await;
    paused.end();
    complete(&caller, &[id]).await;
    sees(system, |seen| low(seen, "UnfinishedMessages") == 0 && low(seen, "OldestUnfinishedAge") == 0).await;
}
