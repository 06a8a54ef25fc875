//! What `ingest` measures.

use crate::{
    http::{changed, request},
    ingest::{Rig, with_body, with_members},
};
use expedite::{
    domain::Priority::{High, Low, Medium},
    envelope::Envelope,
    fakes::{FakeBroker, FakeClock, Fault},
    metrics::Metric,
    ports::{Broker, Parcel, SendError},
};
use lambda_http::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// A broker that takes a while for each call.
pub struct Slow<'a> {
    pub broker: &'a FakeBroker,
    pub clock: &'a FakeClock,
    pub takes: Duration,
}

impl Broker for Slow<'_> {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        self.clock.advance(self.takes);
        self.broker.send(envelope, delay).await
    }

    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Result<(), SendError>> {
        self.clock.advance(self.takes);
        self.broker.send_all(parcels).await
    }
}

const TAKES: Duration = Duration::from_millis(120);

fn slow(rig: &Rig) -> Slow<'_> {
    Slow { broker: &rig.broker, clock: &rig.clock, takes: TAKES }
}

fn batch(messages: &[Value]) -> Request {
    changed("http/batch", |event| event["body"] = json!({"messages": messages}).to_string().into())
}

#[tokio::test]
async fn what_is_accepted_and_how_long_its_hand_over_takes() {
    let rig = Rig::new();
    for priority in ["low", "HIGH"] {
        rig.submit_over(slow(&rig), with_members(json!({"priority": priority}))).await;
    }
    let messages = [json!({"type": "demo"}), json!({"type": "demo", "priority": "low"}), json!({})];
    rig.submit_over(slow(&rig), batch(&messages)).await;
    let accepted = rig.meter.by_priority(Metric::MessagesAccepted);
    assert_eq!(accepted, [(Low, 1), (High, 1), (Medium, 1), (Low, 1)]);
    let times = rig.meter.by_priority(Metric::HandoverTime);
    assert_eq!(times, [(Low, 120), (High, 120), (Medium, 120), (Low, 120)]);
    assert_eq!(rig.meter.values(Metric::RejectedInvalid), [1]);
}

/// Neither a hand-over that fails nor one that is not `ingest`'s has a time.
#[tokio::test]
async fn hand_overs_that_fail() {
    let rig = Rig::new();
    rig.submit(with_members(json!({"delay_seconds": 3600}))).await;
    rig.broker.set_down(true);
    rig.submit(with_members(json!({"priority": "high"}))).await;
    rig.submit(batch(&[json!({"type": "demo"})])).await;
    assert_eq!(rig.meter.by_priority(Metric::HandoversFailed), [(High, 1), (Medium, 1)]);
    assert_eq!(rig.meter.values(Metric::HandoverTime), [0_u64; 0]);
    assert_eq!(rig.meter.values(Metric::MessagesAccepted).len(), 3);
}

#[tokio::test]
async fn what_is_replayed() {
    let rig = Rig::new();
    for _ in 0..2 {
        rig.submit(request("http/submit-idempotent")).await;
        rig.submit(request("http/batch-idempotent")).await;
    }
    let accepted = rig.meter.by_priority(Metric::MessagesAccepted);
    assert!(accepted.len() > 1, "{accepted:?}");
    assert_eq!(rig.meter.by_priority(Metric::MessagesReplayed), accepted);
}

/// Each way to be refused is counted under its reason, and under no other one.
#[tokio::test]
async fn what_is_refused_by_its_reason() {
    use Metric::{RejectedForbidden, RejectedInvalid, RejectedKeyReused, RejectedUnavailable};
    let mut rig = Rig::new();
    rig.scope = "urgent";
    rig.submit(request("http/submit-idempotent")).await;
    let other = changed("http/submit-idempotent", |event| event["body"] = json!(r#"{"type": "other"}"#));
    rig.submit(other).await;
    rig.submit(with_members(json!({"priority": "high"}))).await;
    rig.submit(request("http/submit-without-tenant")).await;
    rig.submit(with_body("{")).await;
    rig.submit(with_members(json!({"max_attempts": 0, "unknown": 1}))).await;
    rig.submit(request("http/submit-form")).await;
    rig.store.faults.order([Some(Fault::Refused)]);
    rig.submit(with_members(json!({}))).await;
    rig.submit(request("http/unknown-route")).await;
    for (metric, count) in
        [(RejectedKeyReused, 1), (RejectedForbidden, 2), (RejectedInvalid, 3), (RejectedUnavailable, 1)]
    {
        assert_eq!(rig.meter.values(metric), vec![1; count], "{metric:?}");
    }

    let rig = Rig::new();
    rig.store.faults.order([None, Some(Fault::Refused)]);
    let answer = rig.submit(batch(&[json!({"type": "demo"}), json!({"type": "demo"})])).await;
    assert_eq!((&answer.body["accepted"], &answer.body["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(rig.meter.values(RejectedUnavailable), [1]);
    assert_eq!(rig.meter.values(Metric::MessagesAccepted), [1]);
}
