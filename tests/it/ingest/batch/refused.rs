//! What is no batch is refused as a whole, and nothing of it is stored.

use super::{of, statuses, with_body};
use crate::{
    http::{changed, request},
    ingest::Rig,
};
use lambda_http::Request;
use serde_json::json;

async fn check(request: Request, status: u16, fields: &[&str]) {
    let rig = Rig::new();
    let text: String = format!("{:?}", request.body()).chars().take(100).collect();
    let answer = rig.submit(request).await;
    assert_eq!((answer.status, answer.bad_fields()), (status, fields.to_vec()), "{text}: {answer:?}");
    assert!(rig.nothing_happened(), "{text}");
}

#[tokio::test]
async fn bodies_that_are_no_batch() {
    let message = r#"{"type":"demo"}"#;
    let many = format!(r#"{{"messages":[{}]}}"#, vec![message; 501].join(","));
    for (body, fields) in [
        ("", &["body"][..]),
        ("{", &["body"]),
        ("[]", &["body"]),
        (message, &["messages", "type"]),
        ("{}", &["messages"]),
        (r#"{"messages":null}"#, &["messages"]),
        (r#"{"messages":{}}"#, &["messages"]),
        (r#"{"messages":"[]"}"#, &["messages"]),
        (r#"{"messages":[]}"#, &["messages"]),
        (r#"{"messages":[{"type":"demo"}],"messages":[]}"#, &["body"]),
        (r#"{"messages":[{"type":"demo"}],"atomic":true}"#, &["atomic"]),
        (r#"{"messages":[{"type":"demo"}]} []"#, &["body"]),
        (r#"{"messages":[{"type":"demo"}"#, &["body"]),
        (&many, &["messages"]),
    ] {
        check(with_body(body), 400, fields).await;
    }
}

#[tokio::test]
async fn what_is_wrong_around_it() {
    let with_header =
        |name: &str, value: &str| changed("http/batch", |event| event["headers"][name] = json!(value));
    check(with_header("idempotency-key", ""), 400, &["Idempotency-Key"]).await;
    check(with_header("idempotency-key", "ä"), 400, &["Idempotency-Key"]).await;
    check(with_header("content-type", "text/plain"), 415, &["Content-Type"]).await;
    let without_tenant = changed("http/batch", |event| {
        event["requestContext"]["authorizer"]["jwt"]["claims"] = json!({"scope": "openid"});
    });
    check(without_tenant, 403, &[]).await;
    check(request("http/unknown-route"), 404, &[]).await;
}

#[tokio::test]
async fn a_batch_has_room_for_a_mebibyte() {
    let body = |bytes: usize| {
        let padding = 1024 * 1024 - r#"{"messages":[{"type":"demo"}]}"#.len() + bytes;
        format!(r#"{{"messages":[{}{{"type":"demo"}}]}}"#, " ".repeat(padding))
    };
    check(with_body(&body(1)), 413, &["body"]).await;
    assert_eq!(statuses(&Rig::new().submit(with_body(&body(0))).await), [202]);
    let full: Vec<_> = vec![json!({"type": "demo"}); 500];
    assert_eq!(statuses(&Rig::new().submit(of(&full)).await).len(), 500);
}
