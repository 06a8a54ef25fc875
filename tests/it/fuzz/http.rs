use super::{config, mangle, run};
use crate::{control, http, ingest};
use base64::{Engine, engine::general_purpose::STANDARD};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::Message,
};
use proptest::prelude::*;
use serde_json::json;

/// A request whose body is these bytes, as API Gateway passes on what is no text.
fn with_bytes(name: &str, body: &[u8]) -> lambda_http::Request {
    http::changed(name, |event| {
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!(STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
    })
}

/// Bodies as callers send them, to start from.
fn submissions() -> Vec<Vec<u8>> {
    let bodies = [
        json!({"type": "email.send", "payload": {"to": "ops@example.com", "n": 1.10}}),
        json!({"type": "a", "priority": "high", "delay_seconds": 60, "max_attempts": 3, "payload": [[[]]]}),
        json!({"type": "a", "priority": "low", "deliver_at": "2026-01-31T13:00:00+01:00", "payload": "ä\u{0}"}),
    ];
    bodies.iter().map(|body| body.to_string().into_bytes()).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_submission_is_taken_whole_or_not_at_all(body in mangle::bytes(submissions())) {
        let rig = ingest::Rig::new();
        let answer = run(rig.submit(with_bytes("http/submit", &body)));
        prop_assert!(matches!(answer.status, 202 | 400), "{answer:?}");
        prop_assert_eq!(answer.status == 202, !rig.nothing_happened());
        if answer.status == 400 {
            prop_assert!(!answer.bad_fields().is_empty(), "{answer:?}");
        } else {
            let message = rig.store.only();
            prop_assert_eq!(&answer.body["id"], &json!(message.id.to_string()));
            prop_assert!(message.deliver_at >= NOON && message.due_at.is_some());
        }
    }

    #[test]
    fn a_command_is_carried_out_or_named_wrong(
        body in mangle::bytes(vec![
            br#"{"priority":"low","deliver_at":"2026-01-31T13:00:00Z"}"#.to_vec(),
            br#"{"priority":"high"}"#.to_vec(),
            br#"{"type":"demo","failed_since":"2026-01-31T11:00:00Z","limit":5,"per_second":2,"dry_run":false}"#
                .to_vec(),
        ]),
        name in prop::sample::select(vec!["http/amend", "http/redrive", "http/redrive-many"]),
    ) {
        let before = control::commands::queued();
        let rig = control::Rig::with([before.clone()]);
        let answer = run(rig.ask(with_bytes(name, &body)));
        // A queued message can't be redriven, and there is no failed one.
        prop_assert!(matches!(answer.status, 200 | 400 | 409), "{answer:?}");
        let changed = rig.store.only() != before;
        prop_assert!(!changed || (answer.status == 200 && name == "http/amend"), "{answer:?}");
    }

    #[test]
    fn a_cursor_opens_a_page_of_the_callers_own_or_is_refused(
        cursor in mangle::text(&["MTc2OTg2MDgwMDAwMC4wMTIzNDU2Ny04OWFiLThkZWYtODEyMy00NTY3ODlhYmNkZWY", ""]),
        limit in mangle::text(&["5", "100"]),
        state in mangle::text(&["queued", "failed", "scheduled"]),
    ) {
        let foreign = Message::accept(submission(&tenant("globex"), 1), NOON);
        let rig = control::Rig::with([control::commands::queued(), foreign]);
        let query = [("cursor", cursor.as_str()), ("limit", &limit), ("state", &state)];
        let answer = run(rig.ask(http::with_query("http/list", &query)));
        prop_assert!(matches!(answer.status, 200 | 400), "{answer:?}");
        let listed = answer.body["messages"].as_array().map_or(0, Vec::len);
        prop_assert!(listed <= 1, "only one is this tenant's: {answer:?}");
    }
}
