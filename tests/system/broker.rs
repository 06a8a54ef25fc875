//! The broker adapter against the real broker, over TLS and with the users of the template.

use crate::{
    aws::sdk,
    sender::sender,
    support::{SOON, Without, alone, beside_others},
};
use expedite::{
    adapters::{dynamodb::MessagesTable, system::SystemClock},
    conformance::{self, payload, submission, tenant},
    domain::{Message, Priority, State, Submission},
    envelope::Envelope,
    ports::{Broker, Clock, Key, MessageStore, Parcel, SendError},
};
use expedite_tests::launcher::System;
use std::time::{Duration, Instant};

const AT_ONCE: Duration = Duration::ZERO;

async fn messages(system: &System) -> MessagesTable {
    MessagesTable::new(&sdk(system).await, system.endpoints.outputs["MessagesTable"].clone(), 1)
}

/// Stores a message as `ingest` does, without handing it over.
async fn stored(table: &MessagesTable, number: u128) -> (Message, Envelope) {
    let message = Message::accept(submission(&tenant("adapter"), number), SystemClock.now());
    table.create(&message, &payload("{}")).await.unwrap();
    let envelope = Envelope::of(&message, payload("{}"));
    (message, envelope)
}

/// Forty messages, stored: of all priorities, every fourth with a delay that ends while the test looks.
async fn many(table: &MessagesTable, first: u128) -> (Vec<Message>, Vec<Parcel>) {
    let (mut messages, mut parcels) = (Vec::new(), Vec::new());
    for (number, priority) in (first..first + 40).zip(Priority::ALL.into_iter().cycle()) {
        let now = SystemClock.now();
        let deliver_at = (number % 4 == 0).then(|| now.plus(Duration::from_secs(2)));
        let submission = Submission { priority, deliver_at, ..submission(&tenant("adapter"), number) };
        let message = Message::accept(submission, now);
        table.create(&message, &payload("{}")).await.unwrap();
        let delay = now.until(message.deliver_at);
        parcels.push(Parcel { envelope: Envelope::of(&message, payload("{}")), delay });
        messages.push(message);
    }
    (messages, parcels)
}

async fn completed(table: &MessagesTable, message: &Message) -> Message {
    let started = Instant::now();
    loop {
        let found = table.read(&Key::of(message)).await.unwrap().unwrap();
        if found.state == State::Completed {
            return found;
        }
        assert!(started.elapsed() < SOON, "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_it_sends_is_processed_once_even_if_it_is_sent_twice() {
    let (system, _guard) = beside_others().await;
    let (broker, table) = (sender(system, None).await, messages(system).await);
    let (message, envelope) = stored(&table, 1).await;
    broker.send(&envelope, AT_ONCE).await.unwrap();
    broker.send(&envelope, AT_ONCE).await.unwrap();
    assert_eq!(completed(&table, &message).await.attempt, 1);
}

#[tokio::test]
async fn a_wrong_password_and_a_user_without_the_right_are_refused() {
    let (system, _guard) = beside_others().await;
    let (_, envelope) = stored(&messages(system).await, 2).await;
    let wrong = sender(system, Some(("wrong", r#"{"username":"producer","password":"wrong"}"#))).await;
    let error = wrong.send(&envelope, AT_ONCE).await.unwrap_err();
    assert!(matches!(&error, SendError::Refused(text) if text.contains("Auth")), "{error:?}");

    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(system).await);
    let reader = reader_secret(&secrets).await;
    let reader = sender(system, Some(("reader", &reader))).await;
    let error = reader.send(&envelope, AT_ONCE).await.unwrap_err();
    assert!(matches!(error, SendError::Refused(_)), "the mapping's user may only read: {error:?}");
    let parcels = vec![Parcel { envelope, delay: AT_ONCE }; 20];
    for sender in [wrong, reader] {
        let answers = sender.send_all(&parcels).await;
        assert!(answers.len() == 20 && answers.iter().all(Result::is_err), "{answers:?}");
    }
}

/// What the secret of the mapping's user holds.
async fn reader_secret(secrets: &aws_sdk_secretsmanager::Client) -> String {
    let all = secrets.list_secrets().send().await.unwrap();
    for entry in all.secret_list() {
        let value = secrets.get_secret_value().secret_id(entry.arn().unwrap()).send().await.unwrap();
        let text = value.secret_string().unwrap_or_default();
        if text.contains(r#""mapping""#) {
            return text.to_owned();
        }
    }
    panic!("the mapping has no secret");
}

#[tokio::test]
async fn it_reconnects_to_a_broker_that_was_killed() {
    let (system, _guard) = alone().await;
    let (broker, table) = (sender(system, None).await, messages(system).await);
    let (first, envelope) = stored(&table, 3).await;
    broker.send(&envelope, AT_ONCE).await.unwrap();
    let down = Without::broker(system);
    let (second, envelope) = stored(&table, 4).await;
    let error = broker.send(&envelope, AT_ONCE).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
    down.end();
    broker.send(&envelope, AT_ONCE).await.unwrap();
    completed(&table, &first).await;
    completed(&table, &second).await;
}

#[tokio::test]
async fn a_frozen_broker_costs_a_time_out_and_no_message() {
    let (system, _guard) = alone().await;
    let (broker, table) = (sender(system, None).await, messages(system).await);
    let (message, envelope) = stored(&table, 5).await;
    broker.warm_up().await;
    let frozen = Without::answers_of_the_broker(system);
    let error = broker.send(&envelope, AT_ONCE).await.unwrap_err();
    frozen.end();
    // The kept connection took its whole try; the last word is the second one's, which could not connect.
    assert!(matches!(&error, SendError::Unavailable(text) if text.contains("does not answer")), "{error:?}");
    broker.send(&envelope, AT_ONCE).await.unwrap();
    assert_eq!(completed(&table, &message).await.attempt, 1);
}

#[tokio::test]
async fn the_adapter_conforms() {
    let (system, _guard) = beside_others().await;
    conformance::broker(sender(system, None).await, "broker").await;
}

#[tokio::test]
async fn many_at_once_are_processed_once_each_and_not_before_their_time() {
    let (system, _guard) = beside_others().await;
    let (broker, table) = (sender(system, None).await, messages(system).await);
    let (messages, parcels) = many(&table, 100).await;
    let answers = broker.send_all(&parcels).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    for message in &messages {
        let found = completed(&table, message).await;
        let started = found.timeline.entries.iter().find(|entry| entry.state == State::Processing);
        assert_eq!(found.attempt, 1, "{found:?}");
        assert!(started.is_some_and(|entry| entry.at >= message.deliver_at), "never early: {found:?}");
    }
}

#[tokio::test]
async fn many_to_a_frozen_broker_are_not_confirmed_and_go_out_later() {
    let (system, _guard) = alone().await;
    let (broker, table) = (sender(system, None).await, messages(system).await);
    let (messages, parcels) = many(&table, 200).await;
    broker.warm_up().await;
    let frozen = Without::answers_of_the_broker(system);
    let answers = broker.send_all(&parcels).await;
    frozen.end();
    assert_eq!(answers.len(), parcels.len());
    for answer in answers {
        assert!(matches!(answer, Err(SendError::Unavailable(_))), "{answer:?}");
    }
    let answers = broker.send_all(&parcels).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    for message in &messages {
        assert_eq!(completed(&table, message).await.attempt, 1, "some came twice, and none ran twice");
    }
}
