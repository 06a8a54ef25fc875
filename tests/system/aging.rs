//! Ageing, on a system of its own in which it takes a minute.

use crate::support::{AFTER_A_SWEEP, SOON, path};
use expedite_tests::launcher::System;
use serde_json::json;

#[tokio::test]
async fn what_waits_too_long_is_raised_and_says_so() {
    let system = System::start("aging-tests", &["--parameter", "AgingAfter=1,0"]).unwrap();
    let caller = system.caller("acme").unwrap();
    system.order("poller stop").unwrap();
    let low = caller.submit(&json!({"type": "demo", "priority": "low"})).await.unwrap();
    let medium = caller.submit(&json!({"type": "demo"})).await.unwrap();
    let raised = async {
        loop {
            let message = caller.message(&low).await.unwrap();
            if message["priority"] == "medium" && message["state"] == "queued" {
                return message;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let message = tokio::time::timeout(AFTER_A_SWEEP, raised).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "accepted", "queued"]);
    let step = &message["timeline"][2]["detail"];
    assert!(step.as_str().unwrap().starts_with("raised from low to medium"), "{message}");
    assert_eq!(caller.message(&medium).await.unwrap()["priority"], "medium", "0 turns it off");
    system.order("poller start").unwrap();
    // Two copies of it are in the broker, and the older one is void.
    let message = caller.wait_for(&low, &["completed"], SOON).await.unwrap();
    assert_eq!((&message["attempt"], &message["priority"]), (&json!(1), &json!("medium")), "{message}");
}
