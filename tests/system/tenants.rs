//! Nobody sees or touches another tenant's message.

use crate::support::{SOON, beside_others};
use expedite_tests::socket::Subscriber;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn two_tenants_see_nothing_of_each_other() {
    let (system, _guard) = beside_others().await;
    let (ours, theirs) = (system.caller("tenant-one").unwrap(), system.caller("tenant-two").unwrap());
    let url = &system.endpoints.websocket_url;
    let mut our_socket = Subscriber::open(url, &ours, &["all"]).await.unwrap();
    let mut their_socket = Subscriber::open(url, &theirs, &["all"]).await.unwrap();

    let answer = ours.post_with_key("same-key", &json!({"type": "demo"})).await.unwrap();
    let id = answer.body["id"].as_str().unwrap();
    let message_topic = format!("message:{id}");
    let answer = their_socket
        .ask(&json!({"action": "subscribe", "topics": [message_topic, "type:demo"]}))
        .await
        .unwrap();
    assert_eq!(answer["kind"], "subscribed", "a topic says nothing about what exists");

    our_socket.wait_for(id, &["completed"]).await.unwrap();
    ours.wait_for(id, &["completed"], SOON).await.unwrap();
    let foreign = theirs.get(&format!("/v1/messages/{id}")).await.unwrap();
    let unknown = theirs.get("/v1/messages/01234567-89ab-8def-8123-456789abcdef").await.unwrap();
    assert_eq!((foreign.status.as_u16(), &foreign.body), (404, &unknown.body));
    assert_eq!(theirs.list("").await.unwrap(), Vec::<serde_json::Value>::new());

    // The same key of another tenant is another message.
    let same_key = theirs.post_with_key("same-key", &json!({"type": "demo"})).await.unwrap();
    assert_eq!(same_key.status, 202);
    let their_id = same_key.body["id"].as_str().unwrap();
    their_socket.wait_for(their_id, &["completed"]).await.unwrap();
    while their_socket.frame(Duration::from_millis(500)).await.unwrap().is_some() {}
    assert_eq!(their_socket.newest.keys().collect::<Vec<_>>(), vec![their_id]);
    while our_socket.frame(Duration::from_millis(500)).await.unwrap().is_some() {}
    assert_eq!(our_socket.newest.keys().collect::<Vec<_>>(), vec![id]);
}

#[tokio::test]
async fn without_a_good_token_nothing_answers() {
    let (system, _guard) = beside_others().await;
    let good = system.caller("token").unwrap();
    let client = reqwest::Client::new();
    let url = &system.endpoints.http_url;
    for path in ["/v1/messages", "/v1/messages/01234567-89ab-8def-8123-456789abcdef"] {
        for token in [None, Some("forged"), Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY21lIn0.")] {
            let request = client.get(format!("{url}{path}"));
            let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 401, "{path} {token:?}");
        }
    }
    assert_eq!(client.post(format!("{url}/v1/tickets")).send().await.unwrap().status(), 401);
    assert_eq!(client.post(format!("{url}/v1/messages")).send().await.unwrap().status(), 401);
    assert_eq!(good.get("/v1/messages").await.unwrap().status, 200);
}
