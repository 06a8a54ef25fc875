//! What becomes of messages: measured by `process`, `dead-letter` and `control`.

use crate::{
    control,
    dead_letter::{self, two},
    http::request,
    process::{Rig, batch, medium},
};
use expedite::{
    conformance::{NOON, payload},
    domain::{
        Event, Lease, MaxAttempts, Owner,
        Priority::{High, Low, Medium},
        Submission, transition,
    },
    fakes::Fault,
    handler::{Job, Verdict},
    metrics::Metric,
};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The metrics of how an attempt ends.
const ENDS: [Metric; 5] = [
    Metric::MessagesCompleted,
    Metric::MessagesRetried,
    Metric::MessagesSnoozed,
    Metric::MessagesFailed,
    Metric::MessagesExpired,
];

/// A verdict, the metric that it counts for, and whether the message ends with it.
type Ending = (fn(&Job) -> Verdict, Metric, bool);

/// An attempt of 250 ms on a message that has waited for 3 s.
async fn attempt(verdict: fn(&Job) -> Verdict) -> Rig {
    let mut rig = Rig::new(verdict);
    rig.pace = Duration::from_millis(250);
    rig.seed(&medium([1]));
    rig.clock.advance(3 * SECOND);
    rig.run(medium([1])).await.unwrap();
    rig
}

#[tokio::test(start_paused = true)]
async fn how_attempts_end() {
    let table: [Ending; 5] = [
        (|_| Verdict::Done, Metric::MessagesCompleted, true),
        (|_| Verdict::Retry { after: None, reason: "rain".to_owned() }, Metric::MessagesRetried, false),
        (|_| panic!("rain"), Metric::MessagesRetried, false),
        (|_| Verdict::Snooze { after: SECOND, reason: "rain".to_owned() }, Metric::MessagesSnoozed, false),
        (|_| Verdict::Discard { reason: "rain".to_owned() }, Metric::MessagesFailed, true),
    ];
    for (verdict, expected, ended) in table {
        let rig = attempt(verdict).await;
        for metric in ENDS {
            let count = if metric == expected { vec![(Medium, 1)] } else { Vec::new() };
            assert_eq!(rig.meter.by_priority(metric), count, "{metric:?} where {expected:?} is due");
        }
        assert_eq!(rig.meter.by_priority(Metric::QueueWait), [(Medium, 3000)], "{expected:?}");
        assert_eq!(rig.meter.by_priority(Metric::HandlerTime), [(Medium, 250)], "{expected:?}");
        let whole = if ended { vec![(Medium, 3250)] } else { Vec::new() };
        assert_eq!(rig.meter.by_priority(Metric::EndToEndTime), whole, "{expected:?}");
    }
}

/// Each delivery that does not count, by what makes it void.
#[tokio::test(start_paused = true)]
async fn deliveries_that_are_dropped() {
    let rig = Rig::done();
    rig.seed(&medium([1, 2]));
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(MINUTE) };
    let held = transition(&rig.message(2).await, Event::Claimed { epoch: 1, lease }, NOON).unwrap();
    rig.store.put(held, payload("{}"));
    rig.run(batch(&[(1, Low, 2), (1, Medium, 1), (2, Medium, 1), (9, Low, 1)])).await.unwrap();
    rig.run(medium([1])).await.unwrap();
    rig.run(json!({"messages": [{"data": "?"}]})).await.unwrap();
    for (metric, count) in [
        (Metric::StaleEpochsDropped, 1),
        (Metric::LeaseConflicts, 1),
        (Metric::DuplicatesDropped, 1),
        (Metric::DeliveriesUnreadable, 2),
        (Metric::MessagesCompleted, 1),
        (Metric::ResultsLost, 0),
    ] {
        assert_eq!(rig.meter.values(metric).iter().sum::<u64>(), count, "{metric:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_for_which_no_time_is_left_and_changes_that_can_not_be_written() {
    let rig = Rig::done();
    rig.seed(&medium([1, 2]));
    rig.run_within(medium([1]), 1).await.unwrap();
    assert_eq!(rig.meter.by_priority(Metric::DeliveriesGivenBack), [(Medium, 1)]);
    rig.store.faults.order([None, Some(Fault::Refused)]);
    rig.run(medium([2])).await.unwrap_err();
    assert_eq!(rig.meter.values(Metric::ChangesUnrecorded), [1], "also where the function fails");
}

/// The attempt took longer than its lease, and another one has begun.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_too_late() {
    let mut rig = Rig::done();
    rig.pace = MINUTE;
    rig.seed(&medium([1]));
    let (report, ()) = futures_util::join!(rig.run(medium([1])), async {
        tokio::time::sleep(rig.work / 2).await;
        let held = rig.message(1).await;
        let lapsed = Event::LeaseLapsed { retry_at: NOON.plus(MINUTE) };
        rig.store.put(transition(&held, lapsed, NOON.plus(MINUTE)).unwrap(), payload("{}"));
    });
    report.unwrap();
    assert_eq!(rig.meter.by_priority(Metric::ResultsLost), [(Medium, 1)]);
    assert_eq!(rig.meter.values(Metric::MessagesCompleted), [0_u64; 0]);
}

fn on_queue(queue: &str, mut batch: Value) -> Value {
    for message in batch["messages"].as_array_mut().unwrap() {
        message["destination"] = json!({"physicalName": queue});
    }
    batch
}

/// A high message waits from noon on. Whether it counts as overtaken depends on what else was started in that time, and
/// from where.
#[tokio::test(start_paused = true)]
async fn messages_that_were_overtaken() {
    for (queue, other, waited_before, expected) in [
        ("standard", Low, true, 1),
        ("standard", Medium, true, 1),
        ("standard", High, true, 0),
        ("express", Low, true, 0),
        ("standard", Low, false, 0),
    ] {
        let rig = Rig::done();
        let high = on_queue("standard", batch(&[(1, High, 1)]));
        let lower = on_queue(queue, batch(&[(2, other, 1)]));
        rig.seed(&lower);
        if waited_before {
            rig.seed(&high);
        }
        rig.clock.advance(SECOND);
        rig.run(lower).await.unwrap();
        rig.clock.advance(SECOND);
        if !waited_before {
            rig.seed_with(&high, NOON.plus(2 * SECOND), |submission| submission);
        }
        rig.run(high).await.unwrap();
        let count = rig.meter.values(Metric::PriorityInversions).iter().sum::<u64>();
        assert_eq!(count, expected, "{other:?} on {queue}, {waited_before}");
    }
    // Together in one batch they start by their priority.
    let rig = Rig::done();
    let both = on_queue("standard", batch(&[(1, Low, 1), (2, High, 1)]));
    rig.seed(&both);
    rig.clock.advance(SECOND);
    rig.run(both).await.unwrap();
    assert_eq!(rig.meter.values(Metric::PriorityInversions), [0_u64; 0]);
}

#[tokio::test]
async fn what_the_broker_gave_up_on() {
    let rig = dead_letter::Rig::with(&two(), |submission| submission);
    rig.clock.advance(MINUTE);
    rig.run(two()).await.unwrap();
    rig.run(two()).await.unwrap();
    assert_eq!(rig.meter.values(Metric::DeadLetters), [1, 1]);
    assert_eq!(rig.meter.values(Metric::MessagesRetried), [1, 1]);
    assert_eq!(rig.meter.values(Metric::StaleEpochsDropped), [1, 1]);
    assert_eq!(rig.meter.values(Metric::EndToEndTime), [0_u64; 0]);

    let once = |submission| Submission { max_attempts: MaxAttempts::new(1).unwrap(), ..submission };
    let rig = dead_letter::Rig::with(&two(), once);
    rig.clock.advance(MINUTE);
    rig.run(two()).await.unwrap();
    rig.run(two()).await.unwrap();
    assert_eq!(rig.meter.values(Metric::MessagesFailed), [1, 1]);
    assert_eq!(rig.meter.values(Metric::EndToEndTime), [60_000, 60_000]);
    assert_eq!(rig.meter.values(Metric::DuplicatesDropped), [1, 1]);

    let until = |submission| Submission { start_by: Some(NOON.plus(MINUTE)), ..submission };
    let rig = dead_letter::Rig::with(&two(), until);
    rig.happens(1, dead_letter::claimed(NOON.plus(2 * MINUTE))).await;
    rig.clock.advance(MINUTE);
    rig.run(two()).await.unwrap();
    assert_eq!(rig.meter.values(Metric::MessagesExpired), [1]);
    assert_eq!(rig.meter.values(Metric::LeaseConflicts), [1]);
    assert_eq!(rig.meter.values(Metric::DeadLetters), [0_u64; 0]);
}

#[tokio::test]
async fn dead_letters_that_belong_to_no_message() {
    let rig = dead_letter::Rig::with(&json!({"messages": []}), |submission| submission);
    rig.run(two()).await.unwrap();
    assert_eq!(rig.meter.values(Metric::Strays), [1, 1]);
}

#[tokio::test]
async fn commands() {
    let rig = control::Rig::with([control::commands::queued()]);
    for _ in 0..2 {
        rig.ask(request("http/cancel")).await;
    }
    assert_eq!(rig.meter.by_priority(Metric::MessagesCancelled), [(Medium, 1)], "refused the second time");

    let rig = control::Rig::with([control::commands::failed()]);
    rig.ask(request("http/redrive")).await;
    assert_eq!(rig.meter.values(Metric::MessagesRedriven), [1]);
    let rig = control::Rig::with([control::commands::failed()]);
    rig.ask(request("http/redrive-many")).await;
    assert_eq!(rig.meter.values(Metric::MessagesRedriven), [1]);
    assert_eq!(rig.meter.values(Metric::MessagesCancelled), [0_u64; 0]);
}

/// It came too late to be started, which `process` finds out.
#[tokio::test(start_paused = true)]
async fn what_was_not_started_by_its_end() {
    let rig = Rig::done();
    rig.seed_with(&medium([1]), NOON, |submission| Submission {
        start_by: Some(NOON.plus(SECOND)),
        ..submission
    });
    rig.clock.advance(SECOND);
    rig.run(medium([1])).await.unwrap();
    assert_eq!(rig.meter.by_priority(Metric::MessagesExpired), [(Medium, 1)]);
    assert_eq!(rig.meter.values(Metric::QueueWait), [0_u64; 0]);
}
