//! Many messages in one request.

use crate::{
    aws::swept,
    support::{SOON, Without, alone, beside_others, complete, path},
};
use expedite_tests::http::{Answer, Caller};
use reqwest::Method;
use serde_json::{Value, json};

/// Posts a batch, which must be taken.
async fn post(caller: &Caller, key: Option<&str>, messages: &[Value]) -> Answer {
    let mut request = caller.request(Method::POST, "/v1/messages/batch");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = caller.send(request.json(&json!({"messages": messages}))).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Messages of all priorities in turn, with their place in the payload.
fn messages(count: usize) -> Vec<Value> {
    let message = |number: usize| {
        let priority = ["low", "medium", "high"][number % 3];
        json!({"type": "demo", "priority": priority, "payload": {"number": number}})
    };
    (0..count).map(message).collect()
}

/// How many were accepted, replayed and rejected.
fn counts(answer: &Answer) -> [u64; 3] {
    ["accepted", "replayed", "rejected"].map(|name| answer.body[name].as_u64().unwrap())
}

fn ids(answer: &Answer) -> Vec<String> {
    let results = answer.body["results"].as_array().unwrap();
    let id = |result: &Value| result["message"]["id"].as_str().map(str::to_owned);
    results.iter().filter_map(id).collect()
}

fn states(answer: &Answer) -> Vec<&Value> {
    answer.body["results"].as_array().unwrap().iter().map(|result| &result["message"]["state"]).collect()
}

/// The mapping of the other lane is off, so what completes has come by its own.
#[tokio::test]
async fn five_hundred_are_with_the_broker_when_they_are_answered_and_take_their_lanes() {
    let (system, _guard) = alone().await;
    let caller = system.caller("batch").unwrap();
    let standing = Without::mapping(system, "standard");
    let answer = post(&caller, None, &messages(500)).await;
    assert_eq!(counts(&answer), [500, 0, 0]);
    let ids = ids(&answer);
    for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 3 == 2) {
        let message = caller.wait_for(id, &["completed"], SOON).await.unwrap();
        assert_eq!((&message["priority"], &message["attempt"]), (&json!("high"), &json!(1)), "{number}");
    }
    let waiting = caller.list("&state=queued").await.unwrap();
    assert_eq!(waiting.len(), 500 - 500 / 3, "every other one is with the broker, and waits there");
    standing.end();
    complete(&caller, &ids).await;
}

#[tokio::test]
async fn a_bad_one_is_named_by_its_field_and_harms_no_other() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("batch-bad").unwrap();
    let mut messages = messages(6);
    messages[2]["priority"] = json!("urgent");
    messages[4] = json!("no message");
    let answer = post(&caller, None, &messages).await;
    assert_eq!(counts(&answer), [4, 0, 2]);
    let results = answer.body["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        let expected = if [2, 4].contains(&index) { 400 } else { 202 };
        assert_eq!((&result["index"], &result["status"]), (&json!(index), &json!(expected)), "{result}");
    }
    assert_eq!(results[2]["errors"][0]["field"], "priority", "{}", results[2]);
    complete(&caller, &ids(&answer)).await;
    assert_eq!(caller.list("").await.unwrap().len(), 4);
}

#[tokio::test]
async fn the_same_key_replays_every_message_of_it() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("batch-again").unwrap();
    let first = post(&caller, Some("monday"), &messages(12)).await;
    let again = post(&caller, Some("monday"), &messages(12)).await;
    assert_eq!((counts(&first), counts(&again)), ([12, 0, 0], [0, 12, 0]));
    assert_eq!(ids(&first), ids(&again));
    complete(&caller, &ids(&first)).await;
    assert_eq!(caller.list("").await.unwrap().len(), 12);
}

#[tokio::test]
async fn without_a_broker_they_are_accepted_and_the_relay_brings_them_over() {
    let (system, _guard) = alone().await;
    let caller = system.caller("batch-down").unwrap();
    let down = Without::broker(system);
    let answer = post(&caller, None, &messages(60)).await;
    assert_eq!(counts(&answer), [60, 0, 0]);
    assert!(states(&answer).iter().all(|state| **state == "accepted"), "{answer:?}");
    down.end();
    swept(system, complete(&caller, &ids(&answer))).await;
    let message = caller.message(&ids(&answer)[0]).await.unwrap();
    assert_eq!(path(&message), ["accepted", "accepted", "queued", "processing", "completed"], "{message}");
}
