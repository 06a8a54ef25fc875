//! Ageing, on a system of its own in which it takes a minute.

use crate::support::{AFTER_A_SWEEP, SOON, path};
use expedite_tests::{http::Caller, launcher::System};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn what_waits_too_long_is_raised_says_so_and_takes_the_lane_of_its_class() {
    let system = System::start("aging-tests", &["--parameter", "AgingAfter=0,1"]).unwrap();
    let caller = system.caller("acme").unwrap();
    system.order("poller stop").unwrap();
    let low = caller.submit(&json!({"type": "demo", "priority": "low"})).await.unwrap();
    let medium = caller.submit(&json!({"type": "demo"})).await.unwrap();
    let raised = async {
        loop {
            let message = caller.message(&medium).await.unwrap();
            if message["priority"] == "high" && message["state"] == "queued" {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let message = tokio::time::timeout(AFTER_A_SWEEP, raised).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "accepted", "queued"]);
    let step = &message["timeline"][2]["detail"];
    assert!(step.as_str().unwrap().starts_with("raised from medium to high"), "{message}");
    assert_eq!(caller.message(&low).await.unwrap()["priority"], "low", "0 turns it off");
    // Two copies of it are in the broker, one in each lane, and the older one is void.
    system.order("mapping off standard").unwrap();
    system.order("poller start").unwrap();
    completes(&caller, &medium, "high").await;
    system.order("mapping on standard").unwrap();
    completes(&caller, &low, "low").await;
    completes(&caller, &medium, "high").await;
}

async fn completes(caller: &Caller, id: &str, priority: &str) {
    let message = caller.wait_for(id, &["completed"], SOON).await.unwrap();
    assert_eq!((&message["attempt"], &message["priority"]), (&json!(1), &json!(priority)), "{message}");
}
