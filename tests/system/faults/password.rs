//! Passwords of the broker that are wrong for a while, or new.

use crate::{
    aws::{environment, fresh_sandboxes, sdk, swept},
    sender::sender,
    support::{AFTER_A_SWEEP, SOON, alone, complete},
};
use expedite::{
    adapters::system::SystemClock,
    conformance::{payload, submission, tenant},
    domain::Message,
    envelope::Envelope,
    ports::{Broker, Clock, SendError},
};
use expedite_tests::{http::Caller, launcher::System, load::Load};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A broker user's secret.
struct Secret {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
    text: String,
}

impl Secret {
    async fn named(system: &System, arn: &str) -> Self {
        let client = aws_sdk_secretsmanager::Client::new(&sdk(system).await);
        let found = client.get_secret_value().secret_id(arn).send().await.unwrap();
        Self { client, arn: arn.to_owned(), text: found.secret_string.unwrap() }
    }

    async fn put(&self, text: &str) {
        self.client.put_secret_value().secret_id(&self.arn).secret_string(text).send().await.unwrap();
    }

    fn user(&self) -> String {
        serde_json::from_str::<Value>(&self.text).unwrap()["username"].as_str().unwrap().to_owned()
    }

    /// The same user with another password.
    fn with(&self, password: &str) -> String {
        json!({"username": self.user(), "password": password}).to_string()
    }
}

async fn post(caller: &Caller) -> Value {
    let answer = caller.post(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body
}

/// Posts until the broker confirms one; gives the ids of all, that one's last.
async fn until_queued(caller: &Caller) -> Vec<String> {
    let started = Instant::now();
    let mut ids = Vec::new();
    loop {
        let message = post(caller).await;
        ids.push(message["id"].as_str().unwrap().to_owned());
        if message["state"] == "queued" {
            return ids;
        }
        assert!(started.elapsed() < SOON, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_password_holds_up_goes_on_once_the_secret_is_mended() {
    let (system, _guard) = alone().await;
    let (caller, bystander) = (system.caller("password").unwrap(), system.caller("password-load").unwrap());
    let secret = Secret::named(system, &environment(system, "ingest").await["BROKER_SECRET_ARN"]).await;
    let load = Load::start(&bystander);
    load.wait_for(20, SOON).await.unwrap();
    secret.put(&secret.with("wrong")).await;
    // One that is signed in stays so; the next one reads the secret.
    for function in ["ingest", "relay"] {
        fresh_sandboxes(system, function).await;
    }
    let refused = post(&caller).await;
    secret.put(&secret.text).await;
    assert_eq!(refused["state"], "accepted", "{refused}");
    let refused = refused["id"].as_str().unwrap().to_owned();
    let timeline = caller.message(&refused).await.unwrap()["timeline"].to_string();
    assert!(timeline.contains("user producer: Auth"), "{timeline}");

    let mut ids = until_queued(&caller).await;
    ids.push(refused);
    swept(system, complete(&caller, &ids)).await;
    swept(system, load.end(AFTER_A_SWEEP)).await.unwrap();
}

/// As on Amazon MQ, where a user's new password waits for the broker's reboot.
#[tokio::test(flavor = "multi_thread")]
async fn senders_and_mappings_go_on_with_a_rotated_password() {
    let (system, _guard) = alone().await;
    let (caller, bystander) = (system.caller("rotation").unwrap(), system.caller("rotation-load").unwrap());
    let secrets = [
        Secret::named(system, &environment(system, "ingest").await["BROKER_SECRET_ARN"]).await,
        Secret::named(system, &mapping_secret(system).await).await,
    ];
    let load = Load::start(&bystander);
    load.wait_for(20, SOON).await.unwrap();
    for secret in &secrets {
        let password = format!("rotated-{}-password", secret.user());
        system.order(&format!("broker password {} {password}", secret.user())).unwrap();
        secret.put(&secret.with(&password)).await;
    }
    system.order("broker stop").unwrap();
    system.order("broker start").unwrap();
    let acknowledged = load.counts().acknowledged;

    let ids = until_queued(&caller).await;
    swept(system, complete(&caller, &ids)).await;
    load.wait_for(acknowledged + 20, SOON).await.unwrap();
    swept(system, load.end(AFTER_A_SWEEP)).await.unwrap();
    let message = Message::accept(submission(&tenant("rotation"), 1), SystemClock.now());
    let before = sender(system, Some(("before-rotation", &secrets[0].text))).await;
    let refused = before.send(&Envelope::of(&message, payload("{}")), Duration::ZERO).await;
    assert!(matches!(refused, Err(SendError::Refused(_))), "the old password is void: {refused:?}");
}

/// The secret of the mappings' user.
async fn mapping_secret(system: &System) -> String {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let mappings = lambda.list_event_source_mappings().send().await.unwrap();
    let accesses = mappings.event_source_mappings().iter().flat_map(|one| one.source_access_configurations());
    accesses.filter_map(|access| access.uri()).next().unwrap().to_owned()
}
