//! Idempotency keys: of the batch, and of its messages.

use super::{of, statuses};
use crate::{
    events::event,
    http::{Answer, changed, from_tenant, request},
    ingest::Rig,
};
use lambda_http::Request;
use serde_json::{Value, json};

fn ids(answer: &Answer) -> Vec<Value> {
    let results = answer.body["results"].as_array().unwrap();
    results.iter().map(|result| result["message"]["id"].clone()).collect()
}

fn keyed(key: &str, messages: &[Value]) -> Request {
    changed("http/batch", |event| {
        event["headers"]["idempotency-key"] = json!(key);
        event["body"] = json!(json!({"messages": messages}).to_string());
    })
}

#[tokio::test]
async fn a_whole_batch_can_be_sent_again() {
    let rig = Rig::new();
    let first = rig.submit(request("http/batch-idempotent")).await;
    assert_eq!(statuses(&first), [202; 3]);
    let again = rig.submit(request("http/batch-idempotent")).await;
    assert_eq!(statuses(&again), [200; 3]);
    assert_eq!(ids(&again), ids(&first));
    assert_eq!((rig.store.len(), rig.broker.sent().len()), (3, 3));
    let foreign = rig.submit(from_tenant("http/batch-idempotent", "zeta")).await;
    assert_eq!(statuses(&foreign), [202; 3]);
}

/// The request was cut off in the middle: what had been stored is there, and the rest is stored now.
#[tokio::test]
async fn the_rest_of_a_batch_is_made_good_by_sending_it_again() {
    use expedite::fakes::Fault::{AnswerLost, Refused};
    let rig = Rig::new();
    rig.store.faults.order([None, Some(Refused), Some(AnswerLost)]);
    assert_eq!(statuses(&rig.submit(request("http/batch-idempotent")).await), [202, 503, 503]);
    let again = rig.submit(request("http/batch-idempotent")).await;
    assert_eq!(statuses(&again), [200, 202, 200]);
    assert_eq!(rig.store.len(), 3);
}

#[tokio::test]
async fn a_message_that_is_another_one_now_is_refused() {
    let rig = Rig::new();
    let (one, two, three) = (
        json!({"type": "demo", "payload": 1}),
        json!({"type": "demo", "payload": 2}),
        json!({"type": "demo"}),
    );
    assert_eq!(statuses(&rig.submit(keyed("k", &[one.clone(), two.clone()])).await), [202, 202]);
    let answer = rig.submit(keyed("k", &[one.clone(), three.clone(), three])).await;
    assert_eq!(statuses(&answer), [200, 422, 202], "by the place in the batch");
    assert_eq!(answer.body["results"][1]["errors"][0]["field"], "Idempotency-Key");
    let swapped = rig.submit(keyed("k", &[two, one])).await;
    assert_eq!(statuses(&swapped), [422, 422]);
}

/// The keys of a batch, of its messages and of single messages: which of them name the same message.
#[tokio::test]
async fn a_messages_own_key_names_it_wherever_it_stands() {
    let rig = Rig::new();
    let first = rig.submit(request("http/batch-idempotent")).await;
    let own =
        json!({"type": "invoice.print", "priority": "low", "payload": [4], "idempotency_key": "order-4711"});
    let other_batch = changed("http/batch-idempotent", |event| {
        event["headers"]["idempotency-key"] = json!("another");
        let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["messages"][2], own, "the third one brings its own");
    });
    let again = rig.submit(other_batch).await;
    assert_eq!(statuses(&again), [202, 202, 200]);
    assert_eq!(ids(&again)[2], ids(&first)[2]);
    // By itself the same key is the same message, and the body is another one, as it has no such member.
    assert_eq!(event("http/submit-idempotent")["headers"]["idempotency-key"], "order-4711");
    assert_eq!(rig.submit(request("http/submit-idempotent")).await.status, 422);
    // The batch's key by itself is none of its messages', nor is one that spells a place.
    for key in ["invoices-2026-01", "invoices-2026-010", "invoices-2026-01 0"] {
        let alone =
            changed("http/submit-idempotent", |event| event["headers"]["idempotency-key"] = json!(key));
        assert_eq!(rig.submit(alone).await.status, 202, "{key}");
    }
}

/// The second one with a key is a replay of the first, or something else under its key. Never the other way round.
#[tokio::test]
async fn a_key_that_stands_twice_in_a_batch() {
    let keyed = |payload: u32| json!({"type": "demo", "payload": payload, "idempotency_key": "k"});
    let mut messages: Vec<_> = (0..60).map(|number| json!({"type": "demo", "payload": number})).collect();
    messages.splice(30..30, [keyed(1), keyed(1), keyed(2), keyed(1)]);
    let rig = Rig::new();
    let answer = rig.submit(of(&messages)).await;
    let statuses = statuses(&answer);
    assert_eq!(statuses[30..34], [202, 200, 422, 200]);
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 61);
    assert_eq!(ids(&answer)[30], ids(&answer)[33]);
    assert_eq!((rig.store.len(), rig.broker.sent().len()), (61, 61));
}
