use super::{Rig, check_unavailable};
use crate::http::{from_tenant, request};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Priority, Submission, transition},
};
use serde_json::{Value, json};
use std::time::Duration;

fn then(message: &Message, event: Event) -> Message {
    transition(message, event, NOON).unwrap()
}

fn finished(message: &Message, outcome: Outcome) -> Message {
    then(message, Event::Finished { owner: Owner::from_bits(1), outcome })
}

/// One of each kind, all of that priority, created so many seconds before noon.
fn one_of_each(priority: Priority, first: u128, age: u64) -> Vec<Message> {
    let hour = Some(NOON.plus(Duration::from_secs(3_600)));
    let accepted = |number: u128, deliver_at| {
        let asked = Submission { priority, deliver_at, ..submission(&tenant("acme"), first + number) };
        Message::accept(asked, NOON.minus(Duration::from_secs(age)))
    };
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(Duration::from_secs(40)) };
    let queued = |message| then(&message, Event::HandedOver { epoch: 1, raise: None });
    let running = |number| then(&accepted(number, None), Event::Claimed { epoch: 1, lease });
    let retry = Outcome::Retry { at: NOON.plus(Duration::from_secs(60)), reason: "rain".to_owned() };
    vec![
        accepted(0, None),
        queued(accepted(1, None)),
        accepted(2, hour),
        queued(accepted(3, hour)),
        running(4),
        finished(&running(5), retry),
        finished(&running(6), Outcome::Discard { reason: "no such address".to_owned() }),
        finished(&running(7), Outcome::Done),
        then(&accepted(8, None), Event::Cancelled),
    ]
}

#[tokio::test]
async fn each_is_counted_where_it_stands() {
    let mut messages = one_of_each(Priority::Low, 0, 30);
    messages.extend(one_of_each(Priority::Medium, 100, 20));
    messages.extend(one_of_each(Priority::Low, 200, 500));
    let rig = Rig::with(messages);
    let answer = rig.ask(request("http/stats")).await;
    let counts = |times: u64, age: u64| {
        json!({
            "waiting": 2 * times, "scheduled": 2 * times, "running": times, "retrying": times, "failed": times,
            "oldest_age_seconds": age,
        })
    };
    let none = json!({
        "waiting": 0, "scheduled": 0, "running": 0, "retrying": 0, "failed": 0, "oldest_age_seconds": null,
    });
    let expected = json!({
        "at": "2026-01-31T12:00:00.000Z", "complete": true,
        "priorities": {"high": none, "medium": counts(1, 20), "low": counts(2, 500)},
    });
    assert_eq!((answer.status, answer.body), (200, expected));
}

#[tokio::test]
async fn what_is_scheduled_or_failed_makes_nothing_old() {
    let messages = one_of_each(Priority::Medium, 0, 900);
    for (kept, age) in [(vec![2, 6, 7, 8], Value::Null), (vec![2, 5, 6], json!(900)), (vec![4], json!(900))] {
        let rig = Rig::with(kept.iter().map(|index| messages[*index].clone()));
        let answer = rig.ask(request("http/stats")).await;
        assert_eq!(answer.body["priorities"]["medium"]["oldest_age_seconds"], age, "{kept:?}");
    }
}

#[tokio::test]
async fn many_are_counted_over_many_pages() {
    let rig = Rig::with((0..4_500).map(|number| Message::accept(submission(&tenant("acme"), number), NOON)));
    let answer = rig.ask(request("http/stats")).await;
    assert_eq!(answer.body["priorities"]["medium"]["waiting"], 4_500);
    assert_eq!(answer.body["complete"], true);
}

#[tokio::test]
async fn another_tenant_sees_its_own() {
    let rig = Rig::with(one_of_each(Priority::High, 0, 5));
    let answer = rig.ask(from_tenant("http/stats", "globex")).await;
    assert_eq!(answer.body["priorities"]["high"]["waiting"], 0);
}

#[tokio::test]
async fn an_index_that_is_away_is_said() {
    check_unavailable(&Rig::with([]), request("http/stats"), 3).await;
}
