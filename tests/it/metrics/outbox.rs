//! What the relay measures.

use super::intake::Slow;
use crate::{
    events::event,
    relay::{Rig, accepted, claim, finish, queued, then},
};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{
        Aging, Event, MaxAttempts, Message, Outcome,
        Priority::{self, High, Low, Medium},
        Submission,
    },
    fakes::stream_record,
    metrics::Metric,
};
use serde_json::json;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What the relay owes since noon.
fn owed(number: u128) -> Message {
    let failed = Event::HandoverFailed { epoch: 1, reason: "rain".to_owned() };
    then(&accepted(number, NOON), failed)
}

/// From the stream, two seconds after noon, over a broker that takes half a second.
#[tokio::test]
async fn how_long_hand_overs_were_owed_and_took() {
    let rig = Rig::at(NOON.plus(2 * SECOND));
    let messages = [owed(1), owed(2)];
    for message in &messages {
        rig.put(message.clone());
    }
    let records: Vec<_> =
        (1..).zip(&messages).map(|(number, message)| stream_record(number, message)).collect();
    let broker = Slow { broker: &rig.broker, clock: &rig.clock, takes: SECOND / 2 };
    rig.run_over(broker, json!({"Records": records}), MINUTE).await.unwrap();
    assert_eq!(rig.meter.by_priority(Metric::HandoverTime), [(Medium, 500), (Medium, 500)]);
    assert_eq!(rig.meter.by_priority(Metric::OutboxAge), [(Medium, 2), (Medium, 2)]);
    assert_eq!(rig.meter.values(Metric::StreamLag), [2000], "one for the batch");
    assert_eq!(rig.meter.values(Metric::HandoversOverdue), [0_u64; 0]);
}

/// What waits for its time is owed from when its window opens, and what the broker has is not owed at all.
#[tokio::test]
async fn what_is_not_owed_yet_has_no_age() {
    let rig = Rig::at(NOON.plus(HOUR));
    rig.put(accepted(1, NOON.plus(HOUR + 14 * MINUTE)));
    rig.put(queued(2));
    rig.sweep().await;
    assert_eq!(rig.meter.by_priority(Metric::OutboxAge), [(Medium, 60)]);
    assert_eq!(rig.meter.values(Metric::HandoverTime).len(), 2);
    assert_eq!(rig.meter.values(Metric::DeliveriesOverdue), [1]);
    assert_eq!(rig.meter.values(Metric::StreamLag), [0_u64; 0], "it came by no stream");
}

#[tokio::test]
async fn a_broker_that_does_not_confirm() {
    let rig = Rig::at(NOON.plus(MINUTE));
    rig.put(owed(1));
    rig.broker.set_down(true);
    rig.sweep().await;
    assert_eq!(rig.meter.by_priority(Metric::HandoversFailed), [(Medium, 1)]);
    assert_eq!(rig.meter.values(Metric::RelayFailures), [1]);
    assert_eq!(rig.meter.values(Metric::OutboxAge), [0_u64; 0]);
    assert_eq!(rig.meter.values(Metric::HandoversOverdue), [0_u64; 0], "only what was made counts as late");
    rig.broker.set_down(false);
    rig.sweep().await;
    assert_eq!(rig.meter.values(Metric::HandoversOverdue), [1]);
    assert_eq!(rig.meter.values(Metric::RelayFailures), [1], "none any more");
}

#[tokio::test]
async fn what_the_sweep_ends_or_brings_back() {
    let now = NOON.plus(HOUR);
    let rig = Rig::at(now);
    let once = Submission { max_attempts: MaxAttempts::new(1).unwrap(), ..submission(&tenant("acme"), 2) };
    let urgent =
        Submission { priority: Priority::High, start_by: Some(now), ..submission(&tenant("acme"), 3) };
    rig.put(claim(&queued(1), NOON.plus(MINUTE)));
    rig.put(claim(&Message::accept(once, NOON), NOON.plus(MINUTE)));
    rig.put(Message::accept(urgent, NOON));
    rig.put(finish(&claim(&queued(4), NOON.plus(MINUTE)), Outcome::Done));
    rig.sweep().await;
    assert_eq!(rig.meter.values(Metric::LeasesLapsed), [2]);
    assert_eq!(rig.meter.by_priority(Metric::MessagesRetried), [(Medium, 1)]);
    assert_eq!(rig.meter.by_priority(Metric::MessagesFailed), [(Medium, 1)]);
    assert_eq!(rig.meter.by_priority(Metric::EndToEndTime), [(Medium, 3_600_000)]);
    assert_eq!(rig.meter.by_priority(Metric::MessagesExpired), [(High, 1)]);
}

/// By the class that it leaves.
#[tokio::test]
async fn what_is_raised() {
    let mut rig = Rig::at(NOON.plus(HOUR));
    rig.aging = Aging { low: Some(15 * MINUTE), medium: None, cap: Priority::High };
    let low = Submission { priority: Low, ..submission(&tenant("acme"), 1) };
    let raise = rig.aging.raise(Low);
    rig.put(then(&Message::accept(low, NOON), Event::HandedOver { epoch: 1, raise }));
    rig.sweep().await;
    assert_eq!(rig.meter.by_priority(Metric::MessagesAged), [(Low, 1)]);
}

#[tokio::test]
async fn what_can_not_be_read_is_a_failure() {
    let rig = Rig::at(NOON);
    rig.run(event("dynamodb/corrupt-beside-good")).await.unwrap();
    assert!(rig.meter.values(Metric::RelayFailures)[0] >= 1);
}
