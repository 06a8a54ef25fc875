//! What the HTTP API does with requests that are not as they should be, through the real API.

use crate::support::{SOON, beside_others};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn bad_requests_name_their_fields_and_store_nothing() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("bad-requests").unwrap();
    let deep = format!(r#"{{"type":"demo","payload":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let large = format!(r#"{{"type":"demo","payload":"{}"}}"#, "x".repeat(80 * 1024));
    let cases: [(&str, Vec<u8>, u16, &[&str]); 8] = [
        ("application/json", b"{".to_vec(), 400, &["body"]),
        ("application/json", b"\xff\xfe".to_vec(), 400, &["body"]),
        ("application/json", deep.into_bytes(), 400, &["payload"]),
        ("application/json", large.into_bytes(), 413, &["body"]),
        ("text/plain", b"{}".to_vec(), 415, &["Content-Type"]),
        ("application/json", br#"{"type":"demo","delay_seconds":1e400}"#.to_vec(), 400, &["delay_seconds"]),
        ("application/json", br#"{"type":"demo","type":"demo"}"#.to_vec(), 400, &["body"]),
        (
            "application/json",
            br#"{"type":"X","priority":"urgent","delay_seconds":-1,"max_attempts":0,"more":1}"#.to_vec(),
            400,
            &["type", "priority", "max_attempts", "delay_seconds", "more"],
        ),
    ];
    for (content_type, body, status, fields) in cases {
        let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
        let request =
            caller.request(Method::POST, "/v1/messages").header("content-type", content_type).body(body);
        let answer = caller.send(request).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{shown}: {answer:?}");
        assert_eq!(answer.content_type, "application/problem+json", "{shown}");
        let errors = answer.body["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{shown}");
    }
    assert!(caller.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_filter_and_page() {
    let (system, _guard) = beside_others().await;
    let caller = system.caller("lists").unwrap();
    let mut newest_first = Vec::new();
    for number in 0..7 {
        let (priority, kind) = (["high", "low"][number % 2], ["a", "b", "c"][number % 3]);
        let id = caller.submit(&json!({"type": kind, "priority": priority})).await.unwrap();
        caller.wait_for(&id, &["completed"], SOON).await.unwrap();
        newest_first.insert(0, id);
    }
    let ids = |messages: Vec<serde_json::Value>| -> Vec<String> {
        messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(caller.list("").await.unwrap()), newest_first);
    assert_eq!(caller.list("&priority=low&type=b").await.unwrap().len(), 1);
    assert_eq!(caller.list("&state=failed").await.unwrap().len(), 0);
    let first = caller.get("/v1/messages?limit=3").await.unwrap().body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = caller.get(&format!("/v1/messages?limit=100&cursor={cursor}")).await.unwrap().body;
    assert_eq!(second["next_cursor"], json!(null));
    let paged =
        [first["messages"].as_array().unwrap().clone(), second["messages"].as_array().unwrap().clone()];
    assert_eq!(ids(paged.concat()), newest_first);
    let bad = caller.get("/v1/messages?limit=0&state=lost&cursor=x&page=2").await.unwrap();
    assert_eq!(bad.status, 400);
    assert_eq!(bad.body["errors"].as_array().unwrap().len(), 4, "{bad:?}");
}
