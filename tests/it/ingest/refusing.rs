//! What is refused, and why.

use super::{Rig, with_body, with_members};
use crate::http::{changed, from_tenant, request};
use expedite::payload::PAYLOAD_LIMIT;
use lambda_http::Request;
use serde_json::json;

/// What else can be sent, and the fields that the answer names.
#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    // Sorted as bytes: capitals first. `deliver_at` is no time, and stands beside `delay_seconds`.
    let all = [
        "Idempotency-Key",
        "delay_seconds",
        "deliver_at",
        "deliver_at",
        "expires_in_seconds",
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

/// A message that may not be started any more once its time has come.
#[tokio::test]
async fn an_end_before_the_start() {
    for members in [
        json!({"expires_in_seconds": 60, "delay_seconds": 60}),
        json!({"expires_in_seconds": 60, "delay_seconds": 61, "priority": "low"}),
        json!({"expires_in_seconds": 60, "deliver_at": "2026-01-31T12:01:00Z"}),
    ] {
        check(with_members(members), 400, &["expires_in_seconds"]).await;
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
        ("expires_in_seconds", vec!["0", "-1", "1.5", "\"60\"", "null", "2592001", "18446744073709551616"]),
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
