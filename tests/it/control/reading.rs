use super::{Rig, check_unavailable};
use crate::http::{changed, from_tenant, request, with_query};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Submission, transition},
};
use lambda_http::Request;
use serde_json::json;
use std::time::Duration;

/// The message that the event file names.
fn named() -> Message {
    let id = "5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0e".parse().unwrap();
    Message::accept(Submission { id, ..submission(&tenant("acme"), 0) }, NOON)
}

/// Claimed and snoozed so often, one second after the other.
fn snoozed(times: u64) -> Message {
    let mut message = named();
    for second in 1..=times {
        let now = NOON.plus(Duration::from_secs(second));
        let lease = Lease { owner: Owner::from_bits(1), until: now };
        let claim = Event::Claimed { epoch: message.epoch, lease };
        let outcome = Outcome::Snooze { until: now, reason: "early".to_owned() };
        message = transition(&message, claim, now).unwrap();
        message = transition(&message, Event::Finished { owner: lease.owner, outcome }, now).unwrap();
    }
    message
}

fn read(id: &str) -> Request {
    changed("http/read", |event| event["pathParameters"]["id"] = json!(id))
}

#[tokio::test]
async fn a_message_is_read_with_its_timeline() {
    let rig = Rig::with([snoozed(1)]);
    let answer = rig.ask(request("http/read")).await;
    let expected = json!({
        "id": "5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0e", "type": "demo", "priority": "medium",
        "state": "retrying", "version": 3, "attempt": 0, "max_attempts": 5, "bypassed": false,
        "created_at": "2026-01-31T12:00:00.000Z", "deliver_at": "2026-01-31T12:00:01.000Z",
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736", "reason": "early",
        "timeline": [
            {"state": "accepted", "at": "2026-01-31T12:00:00.000Z", "attempt": 0},
            {"state": "processing", "at": "2026-01-31T12:00:01.000Z", "attempt": 1},
            {"state": "retrying", "at": "2026-01-31T12:00:01.000Z", "attempt": 0, "detail": "early"},
        ],
    });
    assert_eq!((answer.status, answer.body), (200, expected));
}

#[tokio::test]
async fn a_timeline_that_was_cut_says_so() {
    let answer = Rig::with([snoozed(40)]).ask(request("http/read")).await;
    assert_eq!(answer.body["timeline"].as_array().map(Vec::len), Some(64));
    assert_eq!(answer.body["timeline_dropped"], 17);
}

#[tokio::test]
async fn a_payload_is_read_where_it_is_asked_for() {
    let rig = Rig::with([named()]);
    let with = rig.ask(request("http/read-with-payload")).await;
    assert!(with.text().ends_with(r#""payload":{"n":1.10}}"#), "to the letter: {}", with.text());
    for (value, status, has_payload) in
        [("true", 200, true), ("false", 200, false), ("", 400, false), ("TRUE", 400, false)]
    {
        let answer = rig.ask(with_query("http/read", &[("payload", value)])).await;
        assert_eq!(answer.status, status, "{value}");
        assert_eq!(answer.body.get("payload").is_some(), has_payload, "{value}");
        assert_eq!(answer.bad_fields().is_empty(), status == 200, "{value}");
    }
    assert!(rig.ask(request("http/read")).await.body.get("payload").is_none());
}

#[tokio::test]
async fn a_parameter_that_is_unknown_or_doubled_is_named() {
    let rig = Rig::with([named()]);
    for (query, field) in [
        (&[("timeline", "true")][..], "timeline"),
        (&[("payload", "true"), ("payload", "false")][..], "payload"),
    ] {
        let answer = rig.ask(with_query("http/read", query)).await;
        assert_eq!((answer.status, answer.bad_fields()), (400, vec![field]), "{query:?}");
    }
}

/// An unknown message, a foreign one and an impossible id can't be told apart.
#[tokio::test]
async fn what_is_not_the_callers_is_not_there() {
    let rig = Rig::with([named()]);
    let foreign = rig.ask(from_tenant("http/read", "globex")).await;
    assert_eq!(foreign.status, 404);
    for id in [
        "5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0f",
        "5F0C1C54-8A4E-8D3B-9C1D-2F6A7B8C9D0E",
        "1",
        "",
        "acme#5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0e",
    ] {
        let answer = rig.ask(read(id)).await;
        assert_eq!((answer.status, answer.text()), (404, foreign.text()), "{id}");
    }
}

#[tokio::test]
async fn routes_and_callers_that_it_does_not_know() {
    let rig = Rig::with([named()]);
    assert_eq!(rig.ask(request("http/unknown-route")).await.status, 404);
    for name in ["http/read", "http/list", "http/ticket"] {
        let nobody = changed(name, |event| {
            event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap().remove("sub");
        });
        assert_eq!(rig.ask(nobody).await.status, 403, "{name}");
        let unauthorised = changed(name, |event| event["requestContext"]["authorizer"] = json!(null));
        assert_eq!(rig.ask(unauthorised).await.status, 403, "{name}");
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_said_so() {
    let rig = Rig::with([named()]);
    check_unavailable(&rig, request("http/read"), 0).await;
    check_unavailable(&rig, request("http/read-with-payload"), 1).await;
}
