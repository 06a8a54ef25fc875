use super::{Rig, check_unavailable};
use crate::http::{Answer, changed, from_tenant, request};
use control::Scopes;
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{
        Event, Handover, Lease, MaxAttempts, Message, Outcome, Owner, Priority, State, Submission, View,
        transition,
    },
    fakes::Fault,
    ports::Key,
};
use lambda_http::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// What the message is made from that the event files name, submitted by the caller that they name.
fn asked() -> Submission {
    Submission {
        id: "5f0c1c54-8a4e-8d3b-9c1d-2f6a7b8c9d0e".parse().unwrap(),
        submitter: "acme".parse().ok(),
        max_attempts: MaxAttempts::new(1).unwrap(),
        ..submission(&tenant("acme"), 0)
    }
}

fn accepted() -> Message {
    Message::accept(asked(), NOON)
}

fn then(message: &Message, event: Event) -> Message {
    transition(message, event, NOON).unwrap()
}

pub fn queued() -> Message {
    then(&accepted(), Event::HandedOver { epoch: 1, raise: None })
}

fn processing() -> Message {
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(Duration::from_secs(40)) };
    then(&queued(), Event::Claimed { epoch: 1, lease })
}

fn ended(outcome: Outcome) -> Message {
    then(&processing(), Event::Finished { owner: Owner::from_bits(1), outcome })
}

pub fn failed() -> Message {
    ended(Outcome::Discard { reason: "no such address".to_owned() })
}

fn retrying() -> Message {
    let more = Message::accept(Submission { max_attempts: MaxAttempts::default(), ..asked() }, NOON);
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(Duration::from_secs(40)) };
    let running = then(&more, Event::Claimed { epoch: 1, lease });
    let outcome = Outcome::Retry { at: NOON.plus(Duration::from_secs(60)), reason: "rain".to_owned() };
    then(&running, Event::Finished { owner: Owner::from_bits(1), outcome })
}

fn amend(body: &Value) -> Request {
    changed("http/amend", |event| event["body"] = json!(body.to_string()))
}

fn redrive(body: &Value) -> Request {
    changed("http/redrive", |event| {
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!(body.to_string());
    })
}

/// The answer to a command, which must have changed exactly what it says.
async fn commanded(message: Message, request: Request) -> (Answer, Message) {
    let before = message.clone();
    let rig = Rig::with([message]);
    let answer = rig.ask(request).await;
    let after = rig.store.only();
    if answer.status == 200 {
        assert_eq!(answer.body["version"], after.version);
        assert_eq!(answer.body["state"], View::of(&after, NOON).as_str());
        assert_eq!(answer.body["priority"], after.priority.as_str());
    } else {
        assert_eq!(after, before, "{answer:?}");
    }
    (answer, after)
}

#[tokio::test]
async fn each_command_in_each_state() {
    let cancelled = then(&queued(), Event::Cancelled);
    for (message, cancel, amend, redrive) in [
        (accepted(), 200, 200, 409),
        (queued(), 200, 200, 409),
        (processing(), 409, 409, 409),
        (retrying(), 200, 200, 409),
        (ended(Outcome::Done), 409, 409, 409),
        (failed(), 409, 409, 200),
        (cancelled, 409, 409, 409),
    ] {
        for (name, status) in [("http/cancel", cancel), ("http/amend", amend), ("http/redrive", redrive)] {
            let state = message.state;
            let (answer, _) = commanded(message.clone(), request(name)).await;
            assert_eq!(answer.status, status, "{name} when {state}");
            if status == 409 {
                assert_eq!(answer.body["state"], state.as_str(), "the answer names what is in the way");
            }
        }
    }
}

#[tokio::test]
async fn a_cancelled_message_is_nobodys_any_more() {
    let (answer, message) = commanded(queued(), request("http/cancel")).await;
    assert_eq!((&answer.body["state"], message.state), (&json!("cancelled"), State::Cancelled));
    assert_eq!((message.due_at, message.handover, message.epoch), (None, None, 2));
}

#[tokio::test]
async fn an_amended_message_is_owed_to_the_broker_anew() {
    let hour = NOON.plus(Duration::from_secs(3_600));
    for (body, priority, deliver_at) in [
        (json!({"priority": "low"}), Priority::Low, NOON),
        (json!({"deliver_at": "2026-01-31T14:00:00+01:00"}), Priority::Medium, hour),
        (json!({"priority": "Low", "deliver_at": "2026-01-31T13:00:00Z"}), Priority::Low, hour),
        (json!({"priority": "high", "deliver_at": "2026-01-31T13:00:00Z"}), Priority::High, NOON),
    ] {
        let (answer, message) = commanded(queued(), amend(&body)).await;
        assert_eq!((message.priority, message.deliver_at), (priority, deliver_at), "{body}");
        assert_eq!((message.epoch, message.handover), (2, Some(Handover::Relay)));
        assert_eq!(answer.body["bypassed"], body.get("deliver_at").is_some() && priority == Priority::High);
    }
}

#[tokio::test]
async fn amending_nothing_changes_nothing() {
    let (answer, message) = commanded(queued(), amend(&json!({"priority": "medium"}))).await;
    assert_eq!((answer.status, message), (200, queued()));
}

#[tokio::test]
async fn every_bad_field_is_named() {
    for (body, fields) in [
        (json!({}), &["body"][..]),
        (
            json!({"priority": "urgent", "deliver_at": "soon", "state": "completed"}),
            &["deliver_at", "priority", "state"],
        ),
        (json!({"priority": 9}), &["priority"]),
        (json!({"deliver_at": "2026-03-02T12:00:01Z"}), &["deliver_at"]),
        (json!({"delay_seconds": 5, "priority": "low"}), &["delay_seconds"]),
    ] {
        let (answer, _) = commanded(queued(), amend(&body)).await;
        assert_eq!((answer.status, answer.bad_fields().as_slice()), (400, fields), "{body}");
    }
    let (answer, _) = commanded(failed(), redrive(&json!({"priority": "urgent", "limit": 5}))).await;
    assert_eq!((answer.status, answer.bad_fields()), (400, vec!["limit", "priority"]));
    for broken in ["[]", "{", "{\"priority\":\"low\",\"priority\":\"high\"}"] {
        let request = changed("http/amend", |event| event["body"] = json!(broken));
        let (answer, _) = commanded(queued(), request).await;
        assert_eq!((answer.status, answer.bad_fields()), (400, vec!["body"]), "{broken}");
    }
    let form = changed("http/amend", |event| event["headers"]["content-type"] = json!("text/plain"));
    assert_eq!(commanded(queued(), form).await.0.status, 415);
    let large = amend(&json!({"priority": "x".repeat(5_000)}));
    assert_eq!(commanded(queued(), large).await.0.status, 413);
}

#[tokio::test]
async fn no_time_behind_the_end_that_the_caller_had_set() {
    let end = NOON.plus(Duration::from_secs(3_600));
    let urgent = Message::accept(Submission { start_by: Some(end), ..asked() }, NOON);
    let (answer, _) = commanded(urgent.clone(), request("http/amend")).await;
    assert_eq!((answer.status, answer.bad_fields()), (400, vec!["deliver_at"]));
    let earlier = amend(&json!({"deliver_at": "2026-01-31T12:59:59Z"}));
    assert_eq!(commanded(urgent, earlier).await.0.status, 200);
}

#[tokio::test]
async fn a_failed_message_is_tried_again_with_another_priority_if_wanted() {
    let (answer, message) = commanded(failed(), request("http/redrive")).await;
    assert_eq!((answer.body["max_attempts"].as_u64(), message.attempt), (Some(2), 1));
    assert_eq!((message.state, message.handover), (State::Accepted, Some(Handover::Relay)));
    let (_, message) = commanded(failed(), redrive(&json!({"priority": "high"}))).await;
    assert_eq!(message.priority, Priority::High);
    // Its payload's time to live has passed, and the table is removing both.
    let rig = Rig::with([failed()]);
    rig.store.lose_payload(&Key::of(&failed()));
    assert_eq!(rig.ask(request("http/redrive")).await.status, 404);
}

#[tokio::test]
async fn an_unknown_message_and_a_foreign_one_get_the_same_answer() {
    for name in ["http/cancel", "http/amend", "http/redrive"] {
        let rig = Rig::with([failed()]);
        let foreign = rig.ask(from_tenant(name, "globex")).await;
        let unknown = Rig::with([]).ask(request(name)).await;
        let impossible = rig.ask(changed(name, |event| event["pathParameters"]["id"] = json!("1"))).await;
        assert_eq!((foreign.status, foreign.text()), (404, unknown.text()), "{name}");
        assert_eq!(impossible.text(), unknown.text());
        assert_eq!(rig.store.only(), failed());
    }
}

fn granting(name: &str, scope: &str) -> Request {
    changed(name, |event| event["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = json!(scope))
}

#[tokio::test]
async fn commands_on_what_somebody_else_submitted_need_the_scope() {
    let others = |submitter: Option<&str>| {
        let submitter = submitter.map(|name| name.parse().unwrap());
        Message::accept(Submission { submitter, ..asked() }, NOON)
    };
    for (message, granted, status) in [
        (others(Some("acme")), "", 200),
        (others(Some("somebody")), "", 403),
        (others(Some("somebody")), "read expedite/admin", 200),
        (others(Some("somebody")), "expedite/administrator", 403),
        (others(None), "", 403),
    ] {
        for name in ["http/cancel", "http/amend"] {
            let mut rig = Rig::with([message.clone()]);
            rig.scopes = Scopes { admin: "expedite/admin".to_owned(), ..Scopes::default() };
            assert_eq!(rig.ask(granting(name, granted)).await.status, status, "{name} {granted:?}");
            assert_eq!(rig.store.only() == message, status == 403);
        }
    }
    let rig = Rig::with([others(Some("somebody"))]);
    assert_eq!(rig.ask(request("http/cancel")).await.status, 200, "no scope is set");
}

#[tokio::test]
async fn making_a_message_high_needs_the_scope() {
    let high = json!({"priority": "HIGH"}).to_string();
    for (granted, status) in [("expedite/high", 200), ("", 403)] {
        for (name, message) in [("http/amend", queued()), ("http/redrive", failed())] {
            let mut rig = Rig::with([message]);
            rig.scopes = Scopes { high_priority: "expedite/high".to_owned(), ..Scopes::default() };
            let request = changed(name, |event| {
                event["headers"]["content-type"] = json!("application/json");
                event["body"] = json!(high);
                event["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = json!(granted);
            });
            let answer = rig.ask(request).await;
            assert_eq!(answer.status, status, "{name}");
            assert_eq!(answer.bad_fields(), if status == 403 { vec!["priority"] } else { vec![] });
        }
    }
}

#[tokio::test]
async fn a_table_that_is_away_is_said() {
    for (name, message) in [("http/cancel", queued()), ("http/amend", queued()), ("http/redrive", failed())] {
        for call in 0..2 {
            let rig = Rig::with([message.clone()]);
            check_unavailable(&rig, request(name), call).await;
            assert_eq!(rig.store.only(), message);
        }
        // Whoever sends a command again whose answer got lost hears how the message stands.
        let rig = Rig::with([message]);
        rig.store.faults.order([None, Some(Fault::AnswerLost)]);
        assert_eq!(rig.ask(request(name)).await.status, 503);
        let again = rig.ask(request(name)).await;
        let expected = if name == "http/amend" { 200 } else { 409 };
        assert_eq!(again.status, expected, "{name}");
    }
}
