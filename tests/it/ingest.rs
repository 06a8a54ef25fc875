//! `POST /v1/messages`.

use crate::http::{Answer, changed, from_tenant, request};
use expedite::{
    conformance::NOON,
    domain::{Aging, Event, Handover, Lease, Owner, State, transition},
    envelope::Envelope,
    fakes::{FakeBroker, FakeClock, FakeEntropy, FakeStore, Fault},
    payload::PAYLOAD_LIMIT,
    ports::{Broker, Key, MessageStore, SendError},
    view::rfc3339,
};
use futures_util::join;
use ingest::Ingest;
use lambda_http::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// The function over doubles.
pub struct Rig {
    pub store: FakeStore,
    broker: FakeBroker,
    clock: FakeClock,
    entropy: FakeEntropy,
}

impl Rig {
    pub fn new() -> Self {
        Self {
            store: FakeStore::default(),
            broker: FakeBroker::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
        }
    }

    pub async fn submit(&self, request: Request) -> Answer {
        self.submit_over(&self.broker, request).await
    }

    async fn submit_over(&self, broker: impl Broker, request: Request) -> Answer {
        let ingest = Ingest {
            store: &self.store,
            broker,
            clock: &self.clock,
            entropy: &self.entropy,
            aging: Aging::OFF,
            tenant_claim: "sub".to_owned(),
        };
        Answer::of(ingest.handle(&request).await)
    }

    pub fn nothing_happened(&self) -> bool {
        self.store.is_empty() && self.broker.sent().is_empty()
    }
}

fn with_body(body: &str) -> Request {
    changed("http/submit", |event| event["body"] = json!(body))
}

fn with_members(members: Value) -> Request {
    let mut body = json!({"type": "demo"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    with_body(&body.to_string())
}

#[tokio::test]
async fn a_message_is_stored_and_handed_over() {
    let rig = Rig::new();
    let answer = rig.submit(request("http/submit")).await;
    let message = rig.store.only();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), Some(format!("/v1/messages/{}", message.id).as_str()));
    let expected = json!({
        "id": message.id.to_string(), "type": "email.send", "priority": "medium", "state": "queued",
        "version": 2, "attempt": 0, "max_attempts": 5, "bypassed": false,
        "created_at": "2026-01-31T12:00:00.000Z", "deliver_at": "2026-01-31T12:00:00.000Z",
    });
    assert_eq!(answer.body, expected);
    assert_eq!((message.tenant.as_str(), message.state), ("acme", State::Queued));
    let sent = rig.broker.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].envelope.id, sent[0].envelope.epoch, sent[0].delay), (message.id, 1, Duration::ZERO));
    let payload = r#"{"to":"ops@example.com","n":1.10}"#;
    assert_eq!(sent[0].envelope.payload.get(), payload, "to the letter");
    assert_eq!((&rig.store).read_payload(&Key::of(&message)).await.unwrap().unwrap().get(), payload);
}

#[tokio::test]
async fn a_high_message_bypasses_its_delay() {
    let rig = Rig::new();
    let answer = rig.submit(request("http/submit-high-delayed")).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("queued")));
    assert_eq!((&answer.body["bypassed"], &answer.body["priority"]), (&json!(true), &json!("high")));
    assert_eq!(rig.broker.sent()[0].delay, Duration::ZERO);
}

/// What is asked for, and how long the broker is to hold the message back; nothing where the relay hands it over later.
#[tokio::test]
async fn others_wait_in_the_broker_or_in_the_table() {
    let at = |seconds| rfc3339(NOON.plus(Duration::from_secs(seconds)));
    for (members, deliver_at, delay, state) in [
        (json!({"delay_seconds": 0}), 0, Some(0), "queued"),
        (json!({"delay_seconds": 60}), 60, Some(60), "scheduled"),
        (json!({"deliver_at": at(60), "priority": "LOW"}), 60, Some(60), "scheduled"),
        (json!({"deliver_at": "2026-01-31T13:01:00+01:00"}), 60, Some(60), "scheduled"),
        (json!({"deliver_at": "2020-01-31T12:00:00Z"}), 0, Some(0), "queued"),
        (json!({"delay_seconds": 900}), 900, Some(900), "scheduled"),
        (json!({"delay_seconds": 901}), 901, None, "scheduled"),
        (json!({"delay_seconds": 2_592_000}), 2_592_000, None, "scheduled"),
        (json!({"deliver_at": at(2_592_000)}), 2_592_000, None, "scheduled"),
    ] {
        let rig = Rig::new();
        let answer = rig.submit(with_members(members.clone())).await;
        assert_eq!((answer.status, &answer.body["state"]), (202, &json!(state)), "{members}");
        assert_eq!(answer.body["deliver_at"], at(deliver_at), "{members}");
        let held: Vec<_> = rig.broker.sent().iter().map(|sent| sent.delay.as_secs()).collect();
        assert_eq!(held, Vec::from_iter(delay), "{members}");
        let handover = if delay.is_some() { None } else { Some(Handover::Relay) };
        assert_eq!(rig.store.only().handover, handover, "{members}");
    }
}

#[tokio::test]
async fn a_key_names_one_message() {
    let rig = Rig::new();
    let first = rig.submit(request("http/submit-idempotent")).await;
    rig.clock.advance(Duration::from_secs(60));
    let again = rig.submit(request("http/submit-idempotent")).await;
    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    let other = rig
        .submit(changed("http/submit-idempotent", |event| event["body"] = json!("{\"type\":\"x\"}")))
        .await;
    assert_eq!((other.status, other.bad_fields()), (422, vec!["Idempotency-Key"]));
    assert_eq!((rig.store.len(), rig.broker.sent().len()), (1, 1));

    // As long as the first one's name: the id comes from the letters too.
    let foreign = rig.submit(from_tenant("http/submit-idempotent", "zeta")).await;
    assert_eq!(foreign.status, 202);
    assert_ne!(foreign.body["id"], first.body["id"]);
    let without = rig.submit(request("http/submit")).await;
    let without_too = rig.submit(request("http/submit")).await;
    assert_ne!(without.body["id"], without_too.body["id"]);
}

#[tokio::test]
async fn of_two_at_once_one_is_the_first() {
    let rig = Rig::new();
    let submit = || rig.submit(request("http/submit-idempotent"));
    let (one, two) = join!(submit(), submit());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 202]);
    assert_eq!(one.body["id"], two.body["id"]);
    assert_eq!((rig.store.len(), rig.broker.sent().len()), (1, 1));
}

/// What else can be sent, and the fields that the answer names.
#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    // Sorted as bytes: capitals first. `deliver_at` is no time, and stands beside `delay_seconds`.
    let all = [
        "Idempotency-Key",
        "delay_seconds",
        "deliver_at",
        "deliver_at",
        "max_attempts",
        "payload",
        "priority",
        "tenant",
        "type",
    ];
    check(request("http/submit-all-wrong"), 400, &all).await;
    check(request("http/submit-malformed"), 400, &["body"]).await;
    check(request("http/submit-invalid-utf8"), 400, &["body"]).await;
    check(request("http/submit-form"), 415, &["Content-Type"]).await;
    check(request("http/submit-without-body"), 415, &["Content-Type"]).await;
    check(request("http/submit-without-tenant"), 403, &[]).await;
    for tenant in ["", "a#b", "a b", &"x".repeat(129)] {
        check(from_tenant("http/submit", tenant), 403, &[]).await;
    }
}

async fn check(request: Request, status: u16, fields: &[&str]) {
    let rig = Rig::new();
    let text = format!("{:?}", request.body());
    let text: String = text.chars().take(200).collect();
    let answer = rig.submit(request).await;
    assert_eq!((answer.status, answer.bad_fields()), (status, fields.to_vec()), "{text}: {answer:?}");
    assert!(rig.nothing_happened(), "{text}");
}

#[tokio::test]
async fn bodies_that_are_no_message() {
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_payload = format!(r#"{{"type":"demo","payload":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    let large = |bytes: usize| format!(r#"{{"type":"demo","payload":"{}"}}"#, "x".repeat(bytes - 2));
    for (body, status, field) in [
        ("", 400, "body"),
        ("null", 400, "body"),
        ("[]", 400, "body"),
        ("\"text\"", 400, "body"),
        (r#"{"type":"demo"} {}"#, 400, "body"),
        (r#"{"type":"demo","type":"demo"}"#, 400, "body"),
        (r#"{"type":"demo","payload":1,"payload":1}"#, 400, "body"),
        (r#"{"type":"demo","payload":NaN}"#, 400, "body"),
        (&deep, 400, "body"),
        (r"{}", 400, "type"),
        (r#"{"type":null}"#, 400, "type"),
        (r#"{"type":["demo"]}"#, 400, "type"),
        (r#"{"type":"\ud800"}"#, 400, "type"),
        (r#"{"type":"demo","state":"completed"}"#, 400, "state"),
        (r#"{"type":"demo","payload":"\ud800"}"#, 400, "payload"),
        (r#"{"type":"demo","payload":-1e999}"#, 400, "payload"),
        (&deep_payload, 400, "payload"),
        (&large(PAYLOAD_LIMIT + 1), 400, "payload"),
        (&large(PAYLOAD_LIMIT + 4 * 1024), 413, "body"),
    ] {
        check(with_body(body), status, &[field]).await;
    }
    assert_eq!(Rig::new().submit(with_body(&large(PAYLOAD_LIMIT))).await.status, 202);
}

#[tokio::test]
async fn members_with_impossible_values() {
    for (member, values) in [
        ("type", vec!["1", "{}", "\"\"", "\"Demo\"", "\"a b\""]),
        ("priority", vec!["9", "null", "\"\"", "\"urgent\"", "\"high \"", "[\"high\"]"]),
        (
            "delay_seconds",
            vec!["-1", "1.5", "\"60\"", "true", "null", "2592001", "18446744073709551616", "1e400"],
        ),
        (
            "deliver_at",
            vec![
                "0",
                "\"soon\"",
                "\"2026-01-31\"",
                "\"2026-01-31T12:00:00\"",
                "\"2026-03-02T12:00:00.001Z\"",
            ],
        ),
        ("max_attempts", vec!["0", "21", "-1", "2.0", "\"3\"", "18446744073709551616"]),
    ] {
        for value in values {
            let rest = if member == "type" { "" } else { r#","type":"demo""# };
            check(with_body(&format!(r#"{{"{member}":{value}{rest}}}"#)), 400, &[member]).await;
        }
    }
    check(
        with_members(json!({"delay_seconds": 1, "deliver_at": "2026-01-31T12:00:00Z"})),
        400,
        &["deliver_at"],
    )
    .await;
}

#[tokio::test]
async fn bodies_that_api_gateway_encodes() {
    let rig = Rig::new();
    assert_eq!(rig.submit(request("http/submit-base64")).await.status, 202);
    assert_eq!(rig.broker.sent()[0].envelope.payload.get(), "\"grüße\"");
}

#[tokio::test]
async fn content_types() {
    for (given, status) in [
        ("application/json", 202),
        ("Application/JSON; charset=UTF-8", 202),
        ("application/json;charset=\"utf-8\"", 202),
        ("application/json; charset=latin1", 415),
        ("application/jsonp", 415),
        ("text/json", 415),
        ("", 415),
    ] {
        let typed = changed("http/submit", |event| event["headers"]["content-type"] = json!(given));
        assert_eq!(Rig::new().submit(typed).await.status, status, "{given}");
    }
}

#[tokio::test]
async fn keys_are_short_and_ascii() {
    let long = "k".repeat(256);
    for (key, status) in [
        ("", 400),
        ("k", 202),
        (&long[..255], 202),
        (&long, 400),
        ("order 4711/ä", 400),
        ("order 4711/a", 202),
    ] {
        let keyed = changed("http/submit", |event| event["headers"]["idempotency-key"] = json!(key));
        let answer = Rig::new().submit(keyed).await;
        assert_eq!(answer.status, status, "{key}");
        assert_eq!(answer.bad_fields().is_empty(), status == 202, "{key}");
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_written_is_said_so() {
    let rig = Rig::new();
    rig.store.faults.order([Some(Fault::Refused)]);
    let answer = rig.submit(request("http/submit-idempotent")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert!(rig.nothing_happened());
}

/// The caller can't know whether it was stored, asks again with the same key, and gets the first message.
#[tokio::test]
async fn a_lost_answer_of_the_table_is_made_good_by_asking_again() {
    let rig = Rig::new();
    rig.store.faults.order([Some(Fault::AnswerLost)]);
    assert_eq!(rig.submit(request("http/submit-idempotent")).await.status, 503);
    let again = rig.submit(request("http/submit-idempotent")).await;
    assert_eq!((again.status, &again.body["state"]), (200, &json!("accepted")));
    let message = rig.store.only();
    assert_eq!(message.due_at, Some(NOON.plus(Duration::from_secs(30))), "the sweep hands it over");
}

#[tokio::test]
async fn without_a_broker_the_message_is_the_relays() {
    let rig = Rig::new();
    rig.broker.set_down(true);
    let answer = rig.submit(request("http/submit")).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("accepted")));
    let message = rig.store.only();
    assert_eq!((message.state, message.handover), (State::Accepted, Some(Handover::Relay)));
    assert!(answer.body["reason"].as_str().unwrap().contains("can't be reached"));
}

/// Whether or not the broker has it, nobody has said so: the sweep hands it over again, with the same epoch.
#[tokio::test]
async fn without_a_mark_the_message_is_the_sweeps() {
    for (down, fault) in [(false, Fault::Refused), (false, Fault::AnswerLost), (true, Fault::Refused)] {
        let rig = Rig::new();
        rig.broker.set_down(down);
        rig.store.faults.order([None, Some(fault)]);
        let answer = rig.submit(request("http/submit")).await;
        assert_eq!((answer.status, &answer.body["state"]), (202, &json!("accepted")), "{fault:?}");
        assert_eq!(rig.broker.sent().len(), usize::from(!down));
        let message = rig.store.only();
        assert!(message.due_at.is_some());
        assert_eq!(message.epoch, 1);
    }
}

/// A broker that has delivered a message, and whose consumer has claimed it, before the sender hears of it.
struct Quick<'a>(&'a FakeStore);

impl Broker for Quick<'_> {
    async fn send(&self, envelope: &Envelope, _: Duration) -> Result<(), SendError> {
        let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(Duration::from_secs(40)) };
        let stored = self.0.only();
        let claimed = transition(&stored, Event::Claimed { epoch: envelope.epoch, lease }, NOON).unwrap();
        self.0.replace(&stored, &claimed).await.unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_delivery_may_be_faster_than_the_mark() {
    let rig = Rig::new();
    let answer = rig.submit_over(Quick(&rig.store), request("http/submit")).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("processing")));
    assert_eq!(rig.store.only().version, 2);
}
