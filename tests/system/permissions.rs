//! The functions have the permissions that the template gives them, and no others: what is taken out is missed.

use crate::support::SOON;
use expedite_tests::{
    launcher::{System, project},
    socket::Subscriber,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_action_taken_out_of_the_template_is_missed() {
    let built = project().join(".aws-sam/build");
    let template = std::fs::read_to_string(built.join("template.yaml")).unwrap();
    // Another action of the same service keeps the statement valid and useless.
    let without = without_action(&template, "ListMessages", "dynamodb:Query", "dynamodb:DescribeTable");
    let without =
        without_action(&without, "Push", "execute-api:ManageConnections", "execute-api:InvalidateCache");
    std::fs::write(built.join("without-permissions.yaml"), without).unwrap();
    let system =
        System::start("permission-tests", &["--template", ".aws-sam/build/without-permissions.yaml"])
            .unwrap();

    let caller = system.caller("acme").unwrap();
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let id = caller.submit(&json!({"type": "demo"})).await.unwrap();
    caller.wait_for(&id, &["completed"], SOON).await.unwrap();
    let list = caller.get("/v1/messages").await.unwrap();
    assert_eq!((list.status.as_u16(), list.retry_after.as_deref()), (503, Some("2")), "{list:?}");
    assert_eq!(socket.frame(Duration::from_secs(2)).await.unwrap(), None, "nothing can be pushed");
}

/// The template with one action of one statement changed, which must be there.
fn without_action(template: &str, sid: &str, action: &str, other: &str) -> String {
    let at = template.find(&format!("Sid: {sid}\n")).unwrap();
    let (before, behind) = template.split_at(at);
    assert!(behind[..400.min(behind.len())].contains(action), "{sid} allows {action}");
    format!("{before}{}", behind.replacen(action, other, 1))
}
