//! One key, one message.

use crate::support::{SOON, beside_others};
use serde_json::json;

#[tokio::test]
async fn a_replay_gives_the_first_message_and_another_body_is_refused() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("replay").unwrap();
    let message = json!({"type": "demo", "priority": "low", "payload": {"n": 1}});
    let first = caller.post_with_key("order-1", &message).await.unwrap();
    assert_eq!(first.status, 202);
    let id = first.body["id"].as_str().unwrap();
    caller.wait_for(id, &["completed"], SOON).await.unwrap();

    let replay = caller.post_with_key("order-1", &message).await.unwrap();
    assert_eq!(replay.status, 200);
    assert_eq!((&replay.body["id"], &replay.body["state"]), (&json!(id), &json!("completed")));
    let other = caller.post_with_key("order-1", &json!({"type": "demo"})).await.unwrap();
    assert_eq!((other.status.as_u16(), other.content_type.as_str()), (422, "application/problem+json"));
    assert_eq!(other.body["errors"][0]["field"], "Idempotency-Key");
    assert_eq!(caller.list("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_at_once_one_makes_the_message() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("at-once").unwrap();
    let message = json!({"type": "demo"});
    for key in ["a", "b", "c"] {
        let (one, two) =
            tokio::join!(caller.post_with_key(key, &message), caller.post_with_key(key, &message));
        let (one, two) = (one.unwrap(), two.unwrap());
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 202], "{one:?} {two:?}");
        assert_eq!(one.body["id"], two.body["id"]);
        let message = caller.wait_for(one.body["id"].as_str().unwrap(), &["completed"], SOON).await.unwrap();
        assert_eq!(message["attempt"], 1, "{message}");
    }
    assert_eq!(caller.list("").await.unwrap().len(), 3);
}
