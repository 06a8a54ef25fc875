//! Connections to the broker that break, and answers that get lost on the way.

use crate::{
    aws::{Otherwise, sdk},
    sender::sender_to,
    support::{SOON, Without, alone, logged, path},
};
use expedite::{
    adapters::{dynamodb::MessagesTable, system::SystemClock},
    conformance::{payload, submission, tenant},
    domain::Message,
    envelope::Envelope,
    ports::{Broker, Clock, MessageStore, Parcel, SendError},
};
use expedite_tests::{
    launcher::System,
    load::Load,
    wire::{Plan, Wire},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of a payload that outweigh everything else that a connection carries.
const LARGE: usize = 20_000;

/// A message of the priority with a large payload.
fn large(priority: &str) -> Value {
    json!({"type": "demo", "priority": priority, "payload": {"ballast": "x".repeat(LARGE)}})
}

/// Places to cut a connection at, by the bytes that the client has sent: through TLS, SASL and AMQP's own opening up to
/// the last byte of the second lane's attach, and in the middle of a message.
async fn places(system: &System) -> Vec<usize> {
    let wire = Wire::to(&system.endpoints.broker["amqp"]).await.unwrap();
    let sender = sender_to(system, wire.endpoint(), None).await;
    sender.warm_up().await;
    let opened = wire.sent();
    assert!(opened > 0);
    let parts = 8;
    (1..parts).map(|part| opened * part / parts).chain([opened - 1, opened + LARGE / 2]).collect()
}

/// Both ways of sending, `ingest`'s and the relay's, each on connections that are all cut at the same place.
#[tokio::test]
async fn a_sender_whose_connections_are_cut_says_so_and_sends_once_they_hold() {
    let (system, _guard) = alone().await;
    let table = &MessagesTable::new(&sdk(system).await, system.endpoints.outputs["MessagesTable"].clone(), 1);
    let at_places = places(system).await.into_iter().enumerate().map(|(number, place)| async move {
        let wire = Wire::to(&system.endpoints.broker["amqp"]).await.unwrap();
        let sender = sender_to(system, wire.endpoint(), None).await;
        // Its lines in the log, which others write to as well, are known by its id.
        let number = 0xc07_0000 + number as u128;
        let message = Message::accept(submission(&tenant("cut"), number), SystemClock.now());
        let payload = payload(&large("low")["payload"].to_string());
        table.create(&message, &payload).await.unwrap();
        let parcel = Parcel { envelope: Envelope::of(&message, payload), delay: Duration::ZERO };

        wire.plan(Plan::CutAfter(place));
        let alone = sender.send(&parcel.envelope, parcel.delay).await;
        assert!(matches!(alone, Err(SendError::Unavailable(_))), "cut after {place}: {alone:?}");
        assert_eq!(wire.cut(), 2, "cut after {place}: a second try is made, and no third");
        let many = sender.send_all(&[parcel.clone(), parcel.clone()]).await;
        assert!(many.iter().all(|sent| matches!(sent, Err(SendError::Unavailable(_)))), "{place}: {many:?}");
        wire.plan(Plan::Open);
        sender.send(&parcel.envelope, parcel.delay).await.unwrap();
        logged(system, &["attempt ended", &message.id.to_string()], 1).await;
    });
    futures_util::future::join_all(at_places).await;
}

#[tokio::test]
async fn callers_are_answered_while_connections_are_cut_and_everything_completes() {
    let (system, _guard) = alone().await;
    let (caller, bystander) = (system.caller("cut").unwrap(), system.caller("cut-load").unwrap());
    let wire = Wire::to(&system.endpoints.broker["amqp"]).await.unwrap();
    let places = places(system).await;
    let _rewired = Otherwise::given(system, "ingest", "BROKER_ENDPOINTS", &wire.endpoint()).await;
    let load = Load::start(&bystander);
    let mut ids = Vec::new();
    for place in [places[0], places[6], places[8]] {
        let before = wire.cut();
        wire.plan(Plan::CutAfter(place));
        // A sandbox with a connection that has carried more is cut as well.
        let answer = caller.post(&large("high")).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("accepted")), "{answer:?}");
        assert!(wire.cut() >= before + 2, "{} connections were cut after {place}", wire.cut() - before);
        wire.plan(Plan::Open);
        ids.push(answer.body["id"].as_str().unwrap().to_owned());
        let answer = caller.post(&large("low")).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("queued")), "{answer:?}");
        ids.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    for id in ids {
        let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(1)), "{message}");
    }
    load.end(SOON).await.unwrap();
}

#[tokio::test]
async fn a_lost_confirmation_leaves_two_copies_and_one_run() {
    let (system, _guard) = alone().await;
    let caller = system.caller("lost-confirmation").unwrap();
    let wire = Wire::to(&system.endpoints.broker["amqp"]).await.unwrap();
    wire.plan(Plan::LoseAnswer(LARGE));
    let paused = Without::poller(system);
    let rewired = Otherwise::given(system, "ingest", "BROKER_ENDPOINTS", &wire.endpoint()).await;
    let answer = caller.post(&large("medium")).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("accepted")), "{answer:?}");
    assert_eq!(wire.lost(), 1);
    drop(rewired);
    let id = answer.body["id"].as_str().unwrap();
    // The relay has its own way to the broker.
    caller.wait_for(id, &["queued"], SOON).await.unwrap();
    paused.end();
    let message = caller.wait_for(id, &["completed", "failed"], SOON).await.unwrap();
    assert_eq!(path(&message), ["accepted", "accepted", "queued", "processing", "completed"], "{message}");
    logged(system, &["a delivery was dropped", id], 1).await;
}

/// As with a broker of two instances, of which one has failed after it had stored the message.
#[tokio::test]
async fn after_a_lost_confirmation_the_other_endpoint_takes_the_second_copy() {
    let (system, _guard) = alone().await;
    let caller = system.caller("other-endpoint").unwrap();
    let broker = &system.endpoints.broker["amqp"];
    let wire = Wire::to(broker).await.unwrap();
    wire.plan(Plan::LoseAnswer(LARGE));
    let paused = Without::poller(system);
    let both = format!("{},{broker}", wire.endpoint());
    let rewired = Otherwise::given(system, "ingest", "BROKER_ENDPOINTS", &both).await;
    let answer = caller.post(&large("high")).await.unwrap();
    drop(rewired);
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("queued")), "{answer:?}");
    assert_eq!(wire.lost(), 1);
    let id = answer.body["id"].as_str().unwrap();
    paused.end();
    let message = caller.wait_for(id, &["completed", "failed"], SOON).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "processing", "completed"], "{message}");
    logged(system, &["a delivery was dropped", id], 1).await;
}
