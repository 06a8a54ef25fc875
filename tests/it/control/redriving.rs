use super::{Rig, check_unavailable};
use crate::http::{Answer, changed, from_tenant};
use control::Scopes;
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Priority, State, Submission, Timestamp, transition},
    fakes::Fault,
    ports::{Key, MessageStore},
};
use lambda_http::Request;
use serde_json::{Value, json};
use std::time::Duration;

fn seconds(count: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(count))
}

/// Created at noon, or later by its number in milliseconds, and failed at that time.
fn failed(number: u128, kind: &str, priority: Priority, at: Timestamp) -> Message {
    let created = NOON.plus(Duration::from_millis(number.try_into().unwrap()));
    let asked = Submission { kind: kind.parse().unwrap(), priority, ..submission(&tenant("acme"), number) };
    let lease = Lease { owner: Owner::from_bits(1), until: at };
    let running =
        transition(&Message::accept(asked, created), Event::Claimed { epoch: 1, lease }, at).unwrap();
    let outcome = Outcome::Discard { reason: "no such address".to_owned() };
    transition(&running, Event::Finished { owner: lease.owner, outcome }, at).unwrap()
}

fn mail(number: u128) -> Message {
    failed(number, "mail", Priority::Medium, seconds(60))
}

fn ask(body: &Value) -> Request {
    changed("http/redrive-many", |event| event["body"] = json!(body.to_string()))
}

async fn state(rig: &Rig, number: u128) -> State {
    let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), number).id };
    (&rig.store).read(&key).await.unwrap().unwrap().state
}

/// The numbers of the messages in an answer, in its order.
fn numbers(answer: &Answer) -> Vec<u128> {
    let entries = answer.body["messages"].as_array().unwrap();
    let number = |entry: &Value| {
        (0..1_000).find(|number| entry["id"] == submission(&tenant("acme"), *number).id.to_string()).unwrap()
    };
    entries.iter().map(number).collect()
}

#[tokio::test]
async fn filters_choose_and_the_rest_stays_failed() {
    for (body, expected) in [
        (json!({}), &[1, 2, 3, 4][..]),
        (json!({"type": "mail"}), &[1, 3]),
        (json!({"failed_since": "2026-01-31T12:01:00Z"}), &[2, 3, 4]),
        (json!({"type": "mail", "failed_since": "2026-01-31T12:01:00Z"}), &[3]),
        (json!({"type": "absent"}), &[]),
    ] {
        let messages = [
            failed(1, "mail", Priority::Medium, seconds(59)),
            failed(2, "print", Priority::Medium, seconds(60)),
            failed(3, "mail", Priority::Medium, seconds(61)),
            failed(4, "print", Priority::Medium, seconds(62)),
        ];
        let rig = Rig::with(messages);
        let answer = rig.ask(ask(&body)).await;
        assert_eq!((answer.status, numbers(&answer).as_slice()), (200, expected), "{body}");
        assert_eq!(
            (&answer.body["matched"], &answer.body["redriven"]),
            (&json!(expected.len()), &json!(expected.len()))
        );
        for number in 1..=4 {
            let now = if expected.contains(&number) { State::Accepted } else { State::Failed };
            assert_eq!(state(&rig, number).await, now, "{body}: {number}");
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let rig = Rig::with([mail(1), mail(2)]);
    let dry = rig.ask(ask(&json!({"dry_run": true, "priority": "low"}))).await;
    assert_eq!((&dry.body["matched"], &dry.body["redriven"]), (&json!(2), &json!(0)));
    assert_eq!(dry.body["messages"][0]["priority"], "low");
    assert_eq!((state(&rig, 1).await, state(&rig, 2).await), (State::Failed, State::Failed));
    let wet = rig.ask(ask(&json!({"priority": "low"}))).await;
    assert_eq!(numbers(&wet), numbers(&dry));
    assert_eq!(wet.body["messages"][0]["deliver_at"], dry.body["messages"][0]["deliver_at"]);
}

/// Higher ones first, and of those the older ones: whatever made them fail shall not meet them all at once.
#[tokio::test]
async fn redriven_messages_come_due_one_after_the_other() {
    let rig = Rig::with([
        failed(1, "mail", Priority::Low, seconds(60)),
        failed(2, "mail", Priority::High, seconds(60)),
        failed(3, "mail", Priority::Medium, seconds(60)),
        failed(4, "mail", Priority::High, seconds(60)),
    ]);
    let answer = rig.ask(ask(&json!({"per_second": 2}))).await;
    assert_eq!(numbers(&answer), [2, 4, 3, 1]);
    let times: Vec<_> =
        answer.body["messages"].as_array().unwrap().iter().map(|entry| &entry["deliver_at"]).collect();
    let expected =
        ["00.000", "00.500", "01.000", "01.500"].map(|time| json!(format!("2026-01-31T12:00:{time}Z")));
    assert_eq!(times, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_reached_by_the_cursor() {
    let rig = Rig::with((0..250).map(mail));
    let first = rig.ask(ask(&json!({"limit": 200, "dry_run": true}))).await;
    // The newest 200, the oldest of them first.
    assert_eq!(numbers(&first), (50..250).collect::<Vec<_>>());
    let cursor = first.body["next_cursor"].clone();
    let rest = rig.ask(ask(&json!({"limit": 200, "cursor": cursor}))).await;
    assert_eq!(numbers(&rest), (0..50).collect::<Vec<_>>());
    assert!(rest.body["next_cursor"].is_null());
    let again = rig.ask(ask(&json!({"limit": 200}))).await;
    assert_eq!((numbers(&again).len(), again.body["next_cursor"].is_null()), (200, true));
    assert_eq!(Rig::with((0..250).map(mail)).ask(ask(&json!({}))).await.body["matched"], 100);
}

#[tokio::test]
async fn somebody_elses_redrive_meanwhile_is_no_fault() {
    let rig = Rig::with([mail(1), mail(2)]);
    // Both are found; then the first write finds its message changed.
    rig.store.faults.order([None, None, Some(Fault::AnswerLost)]);
    assert_eq!(rig.ask(ask(&json!({}))).await.status, 503);
    let answer = rig.ask(ask(&json!({}))).await;
    assert_eq!(answer.status, 200);
    assert_eq!((state(&rig, 1).await, state(&rig, 2).await), (State::Accepted, State::Accepted));
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let body = json!({
        "type": "A", "failed_since": "yesterday", "priority": 1, "limit": 501, "per_second": 0, "cursor": "x",
        "dry_run": "yes", "state": "failed",
    });
    let rig = Rig::with([mail(1)]);
    let answer = rig.ask(ask(&body)).await;
    let fields =
        ["cursor", "dry_run", "failed_since", "limit", "per_second", "priority", "state", "type"].to_vec();
    assert_eq!((answer.status, answer.bad_fields()), (400, fields));
    assert_eq!(state(&rig, 1).await, State::Failed);
}

#[tokio::test]
async fn it_touches_everybodys_work_and_needs_the_scopes() {
    for (granted, body, status) in [
        ("", json!({}), 403),
        ("admin", json!({}), 200),
        ("admin", json!({"priority": "high"}), 403),
        ("admin high", json!({"priority": "high"}), 200),
    ] {
        let mut rig = Rig::with([mail(1)]);
        rig.scopes = Scopes { high_priority: "high".to_owned(), admin: "admin".to_owned() };
        let request = changed("http/redrive-many", |event| {
            event["body"] = json!(body.to_string());
            event["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = json!(granted);
        });
        assert_eq!(rig.ask(request).await.status, status, "{granted:?} {body}");
        assert_eq!(state(&rig, 1).await == State::Failed, status == 403);
    }
}

#[tokio::test]
async fn another_tenants_messages_stay_failed() {
    let rig = Rig::with([mail(1)]);
    let answer = rig.ask(from_tenant("http/redrive-many", "globex")).await;
    assert_eq!((answer.status, &answer.body["matched"]), (200, &json!(0)));
    assert_eq!(state(&rig, 1).await, State::Failed);
}

#[tokio::test]
async fn a_table_that_is_away_is_said() {
    for call in 0..3 {
        check_unavailable(&Rig::with([mail(1)]), ask(&json!({})), call).await;
    }
}
