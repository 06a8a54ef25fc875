//! What the deployed functions log: enough to follow a message, valid metrics, and nothing that is secret.

use crate::{
    aws::{environment, sdk},
    raw,
    support::{SOON, beside_others},
};
use expedite::{
    adapters::system::{SystemClock, SystemEntropy},
    ports::{Clock, Entropy},
};
use expedite_tests::{
    emf,
    http::Caller,
    launcher::{System, project},
    socket::Subscriber,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The lines of all functions since a moment, as CloudWatch Logs has them.
pub struct Logs {
    system: &'static System,
    client: reqwest::Client,
    /// Milliseconds since the Unix epoch.
    since: i64,
    functions: Vec<String>,
}

impl Logs {
    /// From now on.
    pub fn from_now(system: &'static System) -> Self {
        let folders = fs::read_dir(project().join("functions")).unwrap();
        let functions = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
        Self { system, client: reqwest::Client::new(), since: SystemClock.now().millis(), functions }
    }

    /// Of one function. By hand: a whole SDK for one call would cost each build a minute.
    pub async fn of(&self, function: &str) -> Vec<String> {
        let endpoints = &self.system.endpoints;
        let group = format!("/aws/lambda/{}-{function}", endpoints.stack_name);
        let scope = format!("Credential=test/20260101/{}/logs/aws4_request", endpoints.region);
        let request = self
            .client
            .post(&endpoints.aws_endpoint_url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
            .body(json!({"logGroupName": group, "startTime": self.since}).to_string());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let events = answer["events"].as_array().unwrap_or_else(|| panic!("{function}: {answer}"));
        events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Of all functions.
    async fn all(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for function in &self.functions {
            lines.extend(self.of(function).await);
        }
        lines
    }

    /// Waits for a line of a function. The emulator reads a line that comes late with the sandbox's next call, so there
    /// are more calls meanwhile.
    async fn wait_for(&self, function: &str, caller: &Caller, like: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            let lines = self.of(function).await;
            if lines.iter().filter_map(|line| serde_json::from_str(line).ok()).any(|line| like(&line)) {
                return;
            }
            assert!(started.elapsed() < SOON, "nothing like it from {function}: {lines:#?}");
            caller.submit(&json!({"type": "demo"})).await.unwrap();
            caller.ticket().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// One request, and its trace in the lines of every function that the message came by.
#[tokio::test]
async fn a_trace_is_found_in_the_logs_of_all_functions_on_the_way() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("traced").unwrap();
    let logs = Logs::from_now(system);
    let trace = random();
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let message = json!({"type": "demo", "payload": {"fail_times": 1, "retry_after_ms": 0}});
    let request = caller.request(Method::POST, "/v1/messages").json(&message);
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = caller.send(request).await.unwrap().body;
    assert_eq!(answer["trace"], trace.as_str(), "{answer}");
    let id = answer["id"].as_str().unwrap();
    let update = socket.wait_for(id, &["completed"]).await.unwrap();
    assert_eq!(update["trace"], trace.as_str(), "{update}");

    for (function, sentence) in [
        ("ingest", "accepted"),
        ("process", "attempt started"),
        ("process", "attempt ended"),
        ("relay", "handed over"),
        ("fanout", "to be pushed"),
    ] {
        let like = |line: &Value| {
            line["message"] == sentence
                && (&line["trace"], &line["id"]) == (&json!(trace), &json!(id))
                && line["tenant"].is_string()
                && line["span"]["requestId"].is_string()
        };
        logs.wait_for(function, &caller, like).await;
    }
}

/// The metrics that one message leaves, in the format that CloudWatch reads.
#[tokio::test]
async fn metrics_of_every_function_are_valid_and_there() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("measured").unwrap();
    let logs = Logs::from_now(system);
    let _socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let id = caller.submit(&json!({"type": "demo", "priority": "high"})).await.unwrap();
    caller.wait_for(&id, &["completed"], SOON).await.unwrap();
    let cancelled = caller.submit(&json!({"type": "demo", "delay_seconds": 600})).await.unwrap();
    let cancel = caller.request(Method::DELETE, &format!("/v1/messages/{cancelled}"));
    assert_eq!(caller.send(cancel).await.unwrap().status, 200);

    for (function, metric, priority) in [
        ("ingest", "MessagesAccepted", Some("high")),
        ("ingest", "HandoverTime", Some("high")),
        ("process", "QueueWait", Some("high")),
        ("process", "HandlerTime", Some("high")),
        ("process", "EndToEndTime", Some("high")),
        ("process", "MessagesCompleted", Some("high")),
        ("control", "MessagesCancelled", Some("medium")),
        ("fanout", "PushesSent", None),
        ("fanout", "StreamLag", None),
        ("ws-connect", "SocketsOpened", None),
    ] {
        let measures = |line: &Value| {
            line["function"] == function && line["priority"].as_str() == priority && !line[metric].is_null()
        };
        logs.wait_for(function, &caller, measures).await;
    }
    let mut checked = 0;
    for line in logs.all().await.iter().filter(|line| line.contains("_aws")) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(emf::check(&line), Ok(()), "{line}");
        checked += 1;
    }
    // One at least for each of the five functions above.
    assert!(checked >= 5, "{checked}");
}

/// Secrets in every place where a caller, a subscriber or the broker could bring one, and then all that was logged.
#[tokio::test]
async fn no_secret_is_logged() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("secretive").unwrap();
    let logs = Logs::from_now(system);
    let marker = format!("marker-{}", random());
    let ticket = caller.ticket().await.unwrap();
    let protocols = format!("expedite.v1, ticket.{ticket}");
    let headers = [("sec-websocket-protocol", protocols.as_str())];
    let mut socket = Subscriber::connect(&system.endpoints.websocket_url, &headers).await.unwrap();
    socket.ask(&json!({"action": "subscribe", "topics": ["all"]})).await.unwrap();
    socket.ask(&json!({"action": marker})).await.unwrap();
    let again = Subscriber::connect(&system.endpoints.websocket_url, &headers).await;
    assert!(again.is_err(), "the ticket is used up");

    let work = |script: Value| {
        let mut message = json!({"type": "demo", "max_attempts": 2, "payload": {"secret": marker}});
        message["payload"].as_object_mut().unwrap().extend(script.as_object().unwrap().clone());
        message
    };
    let mut ids = Vec::new();
    for (number, script) in [
        json!({}),
        json!({"fail_times": 1, "retry_after_ms": 0}),
        json!({"discard": true}),
        json!({"panic": true, "fail_times": 9}),
        json!({"work_ms": marker}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = caller.post_with_key(&format!("key-{marker}-{number}"), &work(script)).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        ids.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    for refused in [json!({"type": marker, "priority": marker, (marker.clone()): 1}), json!(marker)] {
        assert_eq!(caller.post(&refused).await.unwrap().status, 400);
    }
    let delayed =
        caller.submit(&json!({"type": "demo", "delay_seconds": 600, "payload": marker})).await.unwrap();
    let cancel = caller.request(Method::DELETE, &format!("/v1/messages/{delayed}"));
    assert_eq!(caller.send(cancel).await.unwrap().status, 200);
    let malformed = caller.request(Method::POST, "/v1/messages").header("content-type", "application/json");
    assert_eq!(caller.send(malformed.body(format!("{{{marker}"))).await.unwrap().status, 400);
    let garbage = [format!(r#"{{"v":1,"epoch":"{marker}"}}"#), marker.clone()];
    raw::send(system, &garbage.each_ref().map(|text| text.as_bytes())).await;
    for id in &ids {
        caller.wait_for(id, &["completed", "failed"], SOON).await.unwrap();
    }
    let unreadable = |line: &Value| line["message"] == "a message on the queue can't be read";
    logs.wait_for("process", &caller, unreadable).await;
    for function in ["ingest", "control", "ws-connect"] {
        logs.wait_for(function, &caller, |line| line["function"] == function).await;
    }

    let mut secrets = vec![("payload", marker), ("token", caller.token().to_owned()), ("ticket", ticket)];
    secrets.push(("password", password(system).await));
    let lines = logs.all().await;
    assert!(lines.iter().any(|line| line.contains(&ids[0])), "the lines are of these messages");
    for (kind, secret) in secrets {
        let found: Vec<_> = lines.iter().filter(|line| line.contains(&secret)).collect();
        assert!(found.is_empty(), "a {kind} is logged: {found:?}");
    }
}

/// The senders' at the broker.
async fn password(system: &System) -> String {
    let deployed = environment(system, "ingest").await;
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(system).await);
    let secret = secrets.get_secret_value().secret_id(&deployed["BROKER_SECRET_ARN"]).send().await.unwrap();
    let secret: Value = serde_json::from_str(&secret.secret_string.unwrap()).unwrap();
    secret["password"].as_str().unwrap().to_owned()
}

/// 32 digits that no other run has.
fn random() -> String {
    format!("{:032x}", SystemEntropy.bits())
}
