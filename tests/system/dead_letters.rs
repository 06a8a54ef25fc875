//! What the mapping's client redelivers in vain: the broker's dead-letter queue, and the way back from it.

use crate::{
    aws::{Otherwise, sdk},
    raw,
    support::{SOON, Without, alone, path},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use expedite::{adapters::dynamodb::MessagesTable, ports::Stray};
use expedite_tests::{http::Caller, launcher::System};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the broker may take to give a batch up: seven deliveries, a second and a call of the function apart.
const GIVEN_UP: Duration = Duration::from_secs(90);

/// The batch fails as a whole, and no message of it is at fault.
#[tokio::test]
async fn a_batch_of_which_nothing_can_be_recorded_comes_back_as_counted_attempts_and_completes() {
    let (system, _guard) = alone().await;
    let caller = system.caller("given-up").unwrap();
    let paused = Without::poller(system);
    // IAM refuses it the table from here on.
    let denied = Otherwise::acting_as(system, "process", "ws-disconnect").await;
    let mut ids = Vec::new();
    for priority in ["high", "medium", "low"] {
        ids.push(caller.submit(&json!({"type": "demo", "priority": priority})).await.unwrap());
    }
    let last = caller.submit(&json!({"type": "demo", "max_attempts": 1})).await.unwrap();
    paused.end();
    let message = caller.wait_for(&last, &["failed"], GIVEN_UP).await.unwrap();
    assert!(message["reason"].as_str().unwrap().contains("the broker gave it up: "), "{message}");
    for id in &ids {
        let (attempt, reason) = given_up(&caller, id).await;
        assert_eq!(attempt, 1);
        assert!(
            reason.contains("java.lang.Throwable: Delivery[7] exceeds redelivery policy limit"),
            "{reason}"
        );
    }
    drop(denied);
    for id in &ids {
        completes(&caller, id).await;
    }
}

/// The function dies whenever it is started, so that even what it could only report comes here.
#[tokio::test]
async fn what_belongs_to_no_message_is_kept_once_and_named_in_the_log() {
    let (system, _guard) = alone().await;
    let caller = system.caller("strays").unwrap();
    let paused = Without::poller(system);
    let broken = Otherwise::given(system, "process", "HANDLER_TIMEOUT_SECONDS", "none").await;
    let garbage: [&[u8]; 3] = [b"somebody else's", b"\xff\x00\xfe", br#"{"v":99}"#];
    raw::send(system, &garbage).await;
    let id = caller.submit(&json!({"type": "demo"})).await.unwrap();
    paused.end();

    given_up(&caller, &id).await;
    let strays = wait_for_strays(system, &garbage).await;
    drop(broken);
    completes(&caller, &id).await;

    let log = std::fs::read_to_string(system.endpoints.logs.join("emulator.log")).unwrap();
    for stray in &strays {
        assert_eq!(stray.queue, "DLQ.standard");
        assert!(stray.given_up.as_ref().unwrap().contains("exceeds redelivery policy limit"), "{stray:?}");
        let named = |line: &&str| line.contains(&stray.broker_id) && line.contains(&stray.name());
        assert_eq!(log.lines().filter(named).count(), 1, "{stray:?}");
    }
    assert_eq!(wait_for_strays(system, &garbage).await, strays);
}

/// The first attempt that the broker gave up, and why, once it is counted.
pub async fn given_up(caller: &Caller, id: &str) -> (u64, String) {
    let started = Instant::now();
    loop {
        let message = caller.message(id).await.unwrap();
        let entries = message["timeline"].as_array().unwrap();
        let detail = |entry: &Value| entry["detail"].as_str().unwrap_or_default().to_owned();
        if let Some(entry) = entries.iter().find(|entry| detail(entry).starts_with("the broker gave it up: "))
        {
            assert_eq!(entry["state"], "retrying", "{message}");
            return (entry["attempt"].as_u64().unwrap(), detail(entry));
        }
        assert!(started.elapsed() < GIVEN_UP, "{message}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// It is run after that, once, and completes.
pub async fn completes(caller: &Caller, id: &str) {
    let message = caller.wait_for(id, &["completed", "failed"], SOON).await.unwrap();
    assert_eq!(message["state"], "completed", "{message}");
    assert!(message["attempt"].as_u64().unwrap() > 1, "{message}");
    let path = path(&message);
    assert_eq!(path.iter().filter(|state| **state == "processing").count(), 1, "run once: {message}");
}

/// The strays that hold these bodies, each exactly once.
async fn wait_for_strays(system: &System, bodies: &[&[u8]]) -> Vec<Stray> {
    let sdk = sdk(system).await;
    let table = MessagesTable::new(&sdk, system.endpoints.outputs["MessagesTable"].clone(), 1);
    let started = Instant::now();
    loop {
        let all = table.strays().await.unwrap();
        let holding = |body: &&[u8]| {
            let ends = |stray: &&Stray| STANDARD.decode(&stray.data).unwrap().ends_with(body);
            all.iter().filter(ends).cloned().collect::<Vec<_>>()
        };
        let found: Vec<_> = bodies.iter().map(holding).collect();
        if found.iter().all(|strays| strays.len() == 1) {
            return found.into_iter().flatten().collect();
        }
        assert!(started.elapsed() < SOON, "{all:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
