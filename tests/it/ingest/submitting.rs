//! What becomes of a message that is taken.

use super::{Rig, with_members};
use crate::http::{changed, from_tenant, request};
use expedite::{
    conformance::NOON,
    domain::{Event, Handover, Lease, Owner, State, transition},
    envelope::Envelope,
    fakes::{FakeStore, Fault},
    ports::{Broker, Key, MessageStore, Parcel, SendError},
    view::rfc3339,
};
use futures_util::join;
use serde_json::json;
use std::time::Duration;

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
        "trace": "697dec405a3c4f0e2b1d6c7f8a9b0c1d",
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
async fn a_request_that_is_part_of_nothing_gives_its_message_a_trace_of_its_own() {
    let answer = Rig::new()
        .submit(changed("http/submit", |event| {
            assert!(event["headers"].as_object_mut().unwrap().remove("x-amzn-trace-id").is_some());
        }))
        .await;
    assert_eq!(answer.body["trace"], answer.body["id"].as_str().unwrap().replace('-', ""));
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

/// What is asked for, and when the message is too old to be started.
#[tokio::test]
async fn an_end_counts_from_the_acceptance() {
    let at = |seconds| rfc3339(NOON.plus(Duration::from_secs(seconds)));
    for (members, end) in [
        (json!({"expires_in_seconds": 1}), 1),
        (json!({"expires_in_seconds": 2_592_000}), 2_592_000),
        (json!({"expires_in_seconds": 61, "delay_seconds": 60}), 61),
        (json!({"expires_in_seconds": 60, "deliver_at": "2020-01-31T12:00:00Z"}), 60),
        // Its delay is void.
        (json!({"expires_in_seconds": 60, "delay_seconds": 60, "priority": "High"}), 60),
    ] {
        let rig = Rig::new();
        let answer = rig.submit(with_members(members.clone())).await;
        assert_eq!((answer.status, &answer.body["expires_at"]), (202, &json!(at(end))), "{members}");
        assert_eq!(rig.store.only().start_by, Some(NOON.plus(Duration::from_secs(end))), "{members}");
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

#[tokio::test]
async fn bodies_that_api_gateway_encodes() {
    let rig = Rig::new();
    assert_eq!(rig.submit(request("http/submit-base64")).await.status, 202);
    assert_eq!(rig.broker.sent()[0].envelope.payload.get(), "\"grüße\"");
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

    async fn send_all(&self, _: &[Parcel]) -> Vec<Result<(), SendError>> {
        unreachable!("a single message is sent by itself")
    }
}

#[tokio::test]
async fn a_delivery_may_be_faster_than_the_mark() {
    let rig = Rig::new();
    let answer = rig.submit_over(Quick(&rig.store), request("http/submit")).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("processing")));
    assert_eq!(rig.store.only().version, 2);
}
