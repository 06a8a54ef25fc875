//! The broker dies, or falls silent.

use crate::aws::swept;
use crate::support::{AFTER_A_SWEEP, SOON, Without, alone, path};
use expedite_tests::{http::Caller, load::Load};
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// Longer than either side of a connection waits for a sign of life (30 s), so that what is open does not survive it.
const SILENCE: Duration = Duration::from_secs(40);

/// More than the five batches of ten that may be under way, so that some wait in the queue.
const MANY: usize = 80;

/// What comes back only after a quarter of an hour, if the broker has forgotten it, completes at once: its store is on
/// disk. Some of it lies in the queue, some with the scheduler, and some is in batches that the broker has to take back.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_has_confirmed_survives_its_being_killed() {
    let (system, _guard) = alone().await;
    let (caller, bystander) = (system.caller("kill").unwrap(), system.caller("kill-load").unwrap());
    let load = Load::start(&bystander);
    load.wait_for(20, SOON).await.unwrap();
    let paused = Without::poller(system);
    let confirmed = confirmed(&caller).await;
    paused.end();
    caller.wait_for(&confirmed[0], &["processing"], SOON).await.unwrap();
    let down = Without::broker(system);
    let not_confirmed = accepted(&caller).await;
    down.end();

    for id in confirmed {
        let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
        let path = path(&message);
        assert_eq!((path.last(), &message["attempt"]), (Some(&"completed"), &json!(1)), "{message}");
        assert_eq!(path.iter().filter(|state| **state == "queued").count(), 1, "handed over once: {message}");
    }
    let rest = async {
        caller.wait_for(&not_confirmed, &["completed"], AFTER_A_SWEEP).await.unwrap();
        load.end(AFTER_A_SWEEP).await.unwrap();
    };
    swept(system, rest).await;
}

/// Messages of all kinds that the broker has. The first of them is the most urgent.
async fn confirmed(caller: &Caller) -> Vec<String> {
    stream::iter(0..MANY)
        .map(|number| async move {
            let priority = if number == 0 { "high" } else { ["medium", "low"][number % 2] };
            let delay_seconds = if number % 4 == 3 { 8 } else { 0 };
            let payload = json!({"work_ms": 1000});
            let message = json!({"type": "demo", "priority": priority, "delay_seconds": delay_seconds, "payload": payload});
            let answer = caller.post(&message).await.unwrap();
            let expected = if delay_seconds == 0 { "queued" } else { "scheduled" };
            assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!(expected)), "{answer:?}");
            answer.body["id"].as_str().unwrap().to_owned()
        })
        .buffered(8)
        .collect()
        .await
}

/// A message that the broker does not confirm.
async fn accepted(caller: &Caller) -> String {
    let answer = caller.post(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("accepted")), "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_silent_broker_are_answered_and_everything_completes_once_it_speaks() {
    let (system, _guard) = alone().await;
    let (caller, bystander) = (system.caller("freeze").unwrap(), system.caller("freeze-load").unwrap());
    let load = Load::start(&bystander);
    load.wait_for(20, SOON).await.unwrap();
    let frozen = Without::answers_of_the_broker(system);
    let mut ids = Vec::new();
    let posting = async {
        loop {
            // Within the function's and the API's time, or it would be an error.
            ids.push(accepted(&caller).await);
        }
    };
    let ended: Result<(), _> = timeout(SILENCE, posting).await;
    assert!(ended.is_err());
    assert!(ids.len() > 1, "{ids:?}");
    let acknowledged = load.counts().acknowledged;
    frozen.end();
    load.wait_for(acknowledged + 20, SOON).await.unwrap();
    for id in ids {
        let ended = caller.wait_for(&id, &["completed", "failed"], AFTER_A_SWEEP);
        let message = swept(system, ended).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(1)), "{message}");
    }
    let ledger = swept(system, load.end(AFTER_A_SWEEP)).await.unwrap();
    let counts = ledger.counts();
    assert_eq!(counts.acknowledged, counts.attempted, "nobody was sent away\n{counts}");
}
