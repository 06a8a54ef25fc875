//! `POST /v1/messages/batch`.

mod keys;
mod refused;
mod time;

use super::Rig;
use crate::http::{Answer, changed, request};
use expedite::{
    conformance::NOON,
    domain::{Handover, Priority, State},
    fakes::Fault,
    view::rfc3339,
};
use lambda_http::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// A batch with this body.
fn with_body(body: &str) -> Request {
    changed("http/batch", |event| event["body"] = json!(body))
}

/// A batch of these messages.
fn of(messages: &[Value]) -> Request {
    with_body(&json!({"messages": messages}).to_string())
}

/// The results' statuses. Their order, and the counts above them, must be right.
fn statuses(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.body["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let rejected = statuses.len() - count(202) - count(200);
    let counts = json!({"accepted": count(202), "replayed": count(200), "rejected": rejected});
    for (name, expected) in counts.as_object().unwrap() {
        assert_eq!(&answer.body[name], expected, "{name}");
    }
    statuses
}

#[tokio::test]
async fn all_are_stored_and_handed_over_most_urgent_first() {
    let rig = Rig::new();
    let answer = rig.submit(request("http/batch")).await;
    assert_eq!(statuses(&answer), [202; 4]);
    let seen = |result: &Value| {
        let message = &result["message"];
        ["type", "priority", "state", "bypassed"].map(|member| message[member].clone())
    };
    let seen: Vec<_> = answer.body["results"].as_array().unwrap().iter().map(seen).collect();
    let expected = json!([
        ["report.nightly", "low", "scheduled", false],
        ["email.send", "medium", "queued", false],
        ["page.oncall", "high", "queued", true],
        ["invoice.print", "medium", "scheduled", false],
    ]);
    assert_eq!(json!(seen), expected);
    assert_eq!(
        answer.body["results"][3]["message"]["expires_at"],
        rfc3339(NOON.plus(Duration::from_secs(172_800)))
    );
    let sent: Vec<_> =
        rig.broker.sent().iter().map(|sent| (sent.envelope.priority, sent.delay.as_secs())).collect();
    assert_eq!(
        sent,
        [(Priority::High, 0), (Priority::Medium, 0), (Priority::Low, 60)],
        "one is for the relay"
    );
    assert_eq!(rig.store.len(), 4);
}

/// Each gets the answer that it would have got by itself, and is stored and sent as it would have been.
#[tokio::test]
async fn a_bad_one_harms_no_other() {
    let mut rig = Rig::new();
    rig.scope = "high";
    let answer = rig.submit(request("http/batch-mixed")).await;
    assert_eq!(statuses(&answer), [202, 400, 400, 202, 200, 422, 403, 400, 400, 400]);
    assert_eq!((rig.store.len(), rig.broker.sent().len()), (2, 2));
    assert_eq!(rig.broker.sent()[0].envelope.payload.get(), r#"{"n":1.10}"#, "to the letter");

    let body = crate::events::event("http/batch-mixed")["body"].as_str().unwrap().to_owned();
    let batch: Value = serde_json::from_str(&body.replace("1e999", "\"\\ud800\"")).unwrap_or_default();
    assert_eq!(batch, Value::Null, "some of it is JSON that most readers refuse");
    for (index, text) in [
        (
            1,
            r#"{"type":"Email Send","priority":"urgent","delay_seconds":-1,"max_attempts":0,"payload":1e999,"tenant":"globex"}"#,
        ),
        (2, "7"),
        (6, r#"{"type":"page.oncall","priority":"high"}"#),
        (7, r#"{"type":"email.send","type":"email.send"}"#),
        (8, r#"{"type":"email.send","expires_in_seconds":60,"delay_seconds":60}"#),
    ] {
        assert!(body.contains(text), "{text}");
        let alone = rig.submit(super::with_body(text)).await;
        let result = &answer.body["results"][index];
        for member in ["status", "title", "detail"] {
            assert_eq!(result[member], alone.body[member], "{member} of {text}");
        }
        let errors = |body: &Value| body["errors"].to_string().replace(", idempotency_key", "");
        assert_eq!(errors(result), errors(&alone.body), "{text}");
        assert_eq!(result["message"], Value::Null);
    }
}

#[tokio::test]
async fn one_that_is_too_large_and_one_that_is_too_deep() {
    let rig = Rig::new();
    let large = format!(r#"{{"type":"demo","payload":"{}"}}"#, "x".repeat(70 * 1024));
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let messages = [r#"{"type":"demo"}"#, &large, &deep, r#"{"type":"demo"}"#].join(",");
    let answer = rig.submit(with_body(&format!(r#"{{"messages":[{messages}]}}"#))).await;
    assert_eq!(statuses(&answer), [202, 413, 400, 202]);
    for index in [1, 2] {
        assert_eq!(answer.body["results"][index]["errors"][0]["field"], "body");
    }
}

#[tokio::test]
async fn five_hundred() {
    let rig = Rig::new();
    let priorities = ["low", "high"].into_iter().cycle();
    let messages: Vec<_> =
        priorities.map(|priority| json!({"type": "demo", "priority": priority})).take(500).collect();
    assert_eq!(statuses(&rig.submit(of(&messages)).await), [202; 500]);
    let sent = rig.broker.sent();
    assert_eq!((rig.store.len(), sent.len()), (500, 500));
    let priorities: Vec<_> = sent.iter().map(|sent| sent.envelope.priority).collect();
    assert!(priorities.is_sorted_by_key(|priority| std::cmp::Reverse(*priority)), "{priorities:?}");
}

/// What the table does not take is said so, and the others go their way.
#[tokio::test]
async fn a_table_that_takes_only_some() {
    let rig = Rig::new();
    rig.store.faults.order([None, Some(Fault::Refused), Some(Fault::AnswerLost)]);
    let messages: Vec<_> = (0..4).map(|number| json!({"type": "demo", "payload": number})).collect();
    let answer = rig.submit(of(&messages)).await;
    assert_eq!(statuses(&answer), [202, 503, 503, 202]);
    assert!(answer.body["results"][1]["detail"].as_str().unwrap().contains("again"));
    let mut sent: Vec<_> =
        rig.broker.sent().iter().map(|sent| sent.envelope.payload.get().to_owned()).collect();
    sent.sort();
    assert_eq!((rig.store.len(), sent), (3, vec!["0".to_owned(), "3".to_owned()]));
}

/// What the broker did not confirm is the relay's at once.
#[tokio::test]
async fn a_broker_that_takes_only_some() {
    let rig = Rig::new();
    rig.broker.set_room(2);
    let messages = ["low", "medium", "high"].map(|priority| json!({"type": "demo", "priority": priority}));
    let answer = rig.submit(of(&messages)).await;
    assert_eq!(statuses(&answer), [202; 3]);
    let states: Vec<_> =
        answer.body["results"].as_array().unwrap().iter().map(|result| &result["message"]["state"]).collect();
    assert_eq!(states, ["accepted", "queued", "queued"]);
    let handovers: Vec<_> =
        rig.store.all().iter().map(|message| (message.priority, message.handover)).collect();
    for (priority, handover) in handovers {
        let owed = (priority == Priority::Low).then_some(Handover::Relay);
        assert_eq!(handover, owed, "{priority}");
    }
}

/// The delivery was faster than the mark, or the mark was not written: the hand-over is made all the same.
#[tokio::test]
async fn marks_that_are_not_written() {
    let rig = Rig::new();
    rig.store.faults.order([None, None, Some(Fault::Refused)]);
    let answer = rig.submit(of(&[json!({"type": "demo"}), json!({"type": "demo"})])).await;
    assert_eq!(statuses(&answer), [202; 2]);
    assert_eq!(rig.broker.sent().len(), 2);
    let mut states: Vec<_> = rig.store.all().iter().map(|message| message.state).collect();
    states.sort_by_key(|state| state.as_str());
    assert_eq!(states, [State::Accepted, State::Queued]);
    assert!(rig.store.all().iter().all(|message| message.due_at.is_some()), "the sweep sees to it");
}
