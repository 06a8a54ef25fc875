//! Order by priority, on the real broker and through the real mapping.

use crate::support::{SOON, Without, alone, first_at};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

/// The mapping's five batches of ten: so many messages may have started when a high one comes.
const IN_FLIGHT: usize = 50;

#[tokio::test]
async fn three_hundred_preloaded_messages_come_out_by_priority() {
    let (system, _guard) = alone().await;
    let caller = system.caller("order").unwrap();
    let paused = Without::poller(system);
    let ids: Vec<String> = stream::iter(0..300)
        .map(|number| {
            let priority = ["low", "high", "medium"][number % 3];
            let message = json!({"type": "demo", "priority": priority, "payload": {"n": number}});
            let caller = &caller;
            async move { caller.submit(&message).await }
        })
        .buffer_unordered(16)
        .try_collect()
        .await
        .unwrap();
    let queued = caller.list("&state=queued").await.unwrap();
    assert_eq!(queued.len(), 300, "all are with the broker before the first one starts");
    paused.end();

    let mut messages = Vec::new();
    for id in ids {
        messages.push(caller.wait_for(&id, &["completed"], SOON).await.unwrap());
    }
    messages.sort_by(|a, b| first_at(a, "processing").cmp(first_at(b, "processing")));
    let worst = (0..messages.len()).map(|at| overtakers(&messages, at)).max();
    assert!(worst.is_some_and(|worst| worst <= IN_FLIGHT), "{worst:?} less urgent ones started before one");
}

/// How many less urgent messages started before the one at `at`.
fn overtakers(messages: &[Value], at: usize) -> usize {
    let rank =
        |message: &Value| ["low", "medium", "high"].iter().position(|name| message["priority"] == *name);
    messages[..at].iter().filter(|earlier| rank(earlier) < rank(&messages[at])).count()
}
