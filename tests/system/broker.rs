//! The broker adapter against the real broker, over TLS and with the users of the template.

use crate::{
    aws::{environment, sdk},
    support::{SOON, Without, alone, beside_others},
};
use expedite::{
    adapters::{
        amqp::{AmqpBroker, Trust},
        dynamodb::MessagesTable,
        secret::BrokerSecret,
        system::SystemClock,
    },
    conformance::{payload, submission, tenant},
    domain::{Message, State},
    envelope::Envelope,
    ports::{Broker, Clock, Key, MessageStore, SendError},
};
use expedite_tests::launcher::System;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

const AT_ONCE: Duration = Duration::ZERO;

/// A sender that signs in with the secret of that name, made for the test, or with the deployed one.
async fn sender(system: &System, secret: Option<(&str, &str)>) -> AmqpBroker {
    let sdk = sdk(system).await;
    let deployed = environment(system, "ingest").await;
    let arn = match secret {
        None => deployed["BROKER_SECRET_ARN"].clone(),
        Some((name, text)) => {
            let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
            secrets.create_secret().name(name).secret_string(text).send().await.unwrap().arn.unwrap()
        }
    };
    let authorities = CertificateDer::pem_file_iter(&system.endpoints.ssl_cert_file).unwrap();
    let trust = Trust::of(authorities.collect::<Result<_, _>>().unwrap()).unwrap();
    let endpoints = [deployed["BROKER_ENDPOINTS"].clone()];
    assert!(endpoints[0].starts_with("amqp+ssl://"), "as on Amazon MQ: {}", endpoints[0]);
    AmqpBroker::new(&endpoints, BrokerSecret::new(&sdk, arn), trust).unwrap()
}

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
    assert!(matches!(&error, SendError::Unavailable(text) if text.contains("no answer")), "{error:?}");
    broker.send(&envelope, AT_ONCE).await.unwrap();
    assert_eq!(completed(&table, &message).await.attempt, 1);
}
