//! Order by priority, on the real broker and through the real mappings.

use crate::{
    aws::Otherwise,
    support::{SOON, Without, alone, first_at},
};
use expedite_tests::http::Caller;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

/// A mapping's five batches of ten: so many messages may have started when a more urgent one comes.
const IN_FLIGHT: usize = 50;

/// High ones have capacity of their own, so medium and low ones are held against each other.
#[tokio::test]
async fn preloaded_messages_come_out_by_priority() {
    let (system, _guard) = alone().await;
    let caller = system.caller("order").unwrap();
    let paused = Without::poller(system);
    let ids = preload(&caller).await;
    paused.end();
    let messages = in_the_order_of_their_start(&caller, ids).await;
    let standard: Vec<_> = messages.iter().filter(|message| message["priority"] != "high").collect();
    let worst = (0..standard.len()).map(|at| overtakers(&standard, at)).max();
    assert!(worst.is_some_and(|worst| worst <= IN_FLIGHT), "{worst:?} less urgent ones started before one");
}

#[tokio::test]
async fn with_the_express_lane_off_high_ones_too() {
    let (system, _guard) = alone().await;
    let caller = system.caller("one-lane").unwrap();
    let off = Otherwise::given(system, "ingest", "EXPRESS_LANE", "off").await;
    let paused = Without::poller(system);
    let ids = preload(&caller).await;
    drop(off);
    paused.end();
    let messages = in_the_order_of_their_start(&caller, ids).await;
    let messages: Vec<_> = messages.iter().collect();
    let worst = (0..messages.len()).map(|at| overtakers(&messages, at)).max();
    assert!(worst.is_some_and(|worst| worst <= IN_FLIGHT), "{worst:?} less urgent ones started before one");
}

/// Three hundred messages of all priorities, mixed. All are with the broker when this returns.
async fn preload(caller: &Caller) -> Vec<String> {
    let ids: Vec<String> = stream::iter(0..300)
        .map(|number| async move {
            let priority = ["low", "high", "medium"][number % 3];
            let message = json!({"type": "demo", "priority": priority, "payload": {"n": number}});
            caller.submit(&message).await
        })
        .buffer_unordered(16)
        .try_collect()
        .await
        .unwrap();
    let queued = caller.list("&state=queued").await.unwrap();
    assert_eq!(queued.len(), 300, "all are with the broker before the first one starts");
    ids
}

async fn in_the_order_of_their_start(caller: &Caller, ids: Vec<String>) -> Vec<Value> {
    let mut messages = Vec::new();
    for id in ids {
        messages.push(caller.wait_for(&id, &["completed"], SOON).await.unwrap());
    }
    messages.sort_by(|a, b| first_at(a, "processing").cmp(first_at(b, "processing")));
    messages
}

/// How many less urgent messages started before the one at `at`.
fn overtakers(messages: &[&Value], at: usize) -> usize {
    let rank =
        |message: &Value| ["low", "medium", "high"].iter().position(|name| message["priority"] == *name);
    messages[..at].iter().filter(|earlier| rank(earlier) < rank(messages[at])).count()
}
