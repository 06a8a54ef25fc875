//! What the relay owes a message, moment by moment.

use crate::sample::{
    self, HELD_BACK, LEASE, NOON, OVERDUE, WINDOW, after, claimed, finished, handed_over, retry, seconds,
    snooze, then,
};
use expedite_domain::{Aging, Event, Message, Owed, Priority, Timestamp, owed};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

fn check(message: &Message, now: Timestamp, expected: Owed) {
    assert_eq!(owed(message, &Aging::OFF, now), expected, "{:?} at {now:?}", message.state);
}

fn hand_over(seconds: u64) -> Owed {
    Owed::HandOver { delay: Duration::from_secs(seconds), late: false }
}

fn late(seconds: u64) -> Owed {
    Owed::HandOver { delay: Duration::from_secs(seconds), late: true }
}

fn accept(at: Timestamp) -> Message {
    Message::accept(sample::submission(Priority::Low, Some(at)), NOON)
}

#[test]
fn ingest_has_its_time_before_the_relay_steps_in() {
    check(&sample::accepted(), NOON, Owed::Later(seconds(30)));
    check(&sample::accepted(), seconds(30), late(0));
    check(&sample::left_to_the_relay(), NOON, hand_over(0));
    check(&accept(seconds(60)), seconds(30), late(30));
    check(&sample::left_to_the_relay(), seconds(29), hand_over(0));
    check(&sample::left_to_the_relay(), seconds(30), late(0));
}

#[test]
fn a_far_off_message_is_handed_over_when_it_is_near() {
    let time = seconds(3600);
    let near = time.minus(WINDOW);
    let retrying = then(&sample::processing(), finished(snooze(time)), NOON);
    for message in [accept(time), retrying] {
        check(&message, NOON, Owed::Later(near));
        check(&message, near.minus(MILLISECOND), Owed::Later(near));
        check(&message, near, hand_over(900));
        check(&message, time.minus(Duration::from_secs(10)), hand_over(10));
        check(&message, time.plus(WINDOW), hand_over(0));
    }
}

#[test]
fn a_queued_message_is_left_to_the_broker_until_it_is_overdue() {
    let delayed = accept(seconds(60));
    let delayed = then(&delayed, handed_over(&delayed), NOON);
    check(&sample::queued(), after(OVERDUE).minus(MILLISECOND), Owed::Later(after(OVERDUE)));
    check(&sample::queued(), after(OVERDUE), Owed::HandOverAgain);
    // The broker's scheduler can lose what it holds back, so that is looked at sooner.
    let overdue = seconds(60).plus(HELD_BACK);
    check(&delayed, overdue.minus(MILLISECOND), Owed::Later(overdue));
    check(&delayed, overdue, Owed::HandOverAgain);
    // The second copy waits in the queue itself.
    let again = then(&delayed, handed_over(&delayed), overdue);
    check(&again, overdue.plus(HELD_BACK), Owed::Later(overdue.plus(OVERDUE)));
}

#[test]
fn what_waits_too_long_is_raised() {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let aging = Aging { low: Some(minutes(5)), medium: Some(minutes(10)), cap: Priority::High };
    let queued = |message: &Message, at| {
        let raise = aging.raise(message.priority);
        then(message, Event::HandedOver { epoch: message.epoch, raise }, at)
    };
    let low = accept(seconds(60));
    let low = queued(&low, NOON);
    // It waits from its time on; the broker's loss of it is found before.
    let overdue = seconds(60).plus(HELD_BACK);
    assert_eq!(low.due_at, Some(overdue));
    assert_eq!(owed(&low, &aging, overdue), Owed::HandOverAgain);
    let low = queued(&low, overdue);
    let old = seconds(60).plus(minutes(5));
    assert_eq!(low.due_at, Some(old));
    assert_eq!(owed(&low, &aging, old.minus(MILLISECOND)), Owed::Later(old));
    assert_eq!(owed(&low, &aging, old), Owed::Raise { to: Priority::Medium });
    assert_eq!(owed(&low, &Aging::OFF, old), Owed::HandOverAgain, "switched off meanwhile");

    let medium = then(&low, Event::Aged { to: Priority::Medium }, old);
    assert_eq!(owed(&medium, &aging, old), hand_over(0), "the new copy has the new class");
    let medium = queued(&medium, old);
    let old = old.plus(minutes(10));
    assert_eq!(owed(&medium, &aging, old), Owed::Raise { to: Priority::High });
    let high = queued(&then(&medium, Event::Aged { to: Priority::High }, old), old);
    assert_eq!(high.due_at, Some(old.plus(OVERDUE)));
}

#[test]
fn what_was_never_started_expires_at_its_end() {
    let end = seconds(60);
    let urgent = sample::urgent();
    let queued = then(&urgent, handed_over(&urgent), NOON);
    for message in [&urgent, &queued] {
        assert_eq!(message.due_at.map(|due| due <= end), Some(true));
        check(message, end, Owed::Expire);
    }
    check(&queued, end.minus(MILLISECOND), Owed::Later(end));
    let running = then(&queued, claimed(&queued, NOON), NOON);
    check(&running, end, Owed::Lapsed);
    let retrying = then(&running, finished(retry(end)), NOON);
    check(&retrying, end, late(0));
    let snoozed = then(&running, finished(snooze(seconds(3600))), NOON);
    check(&snoozed, NOON, Owed::Later(end));
    check(&snoozed, end, Owed::Expire);
}

#[test]
fn the_rest_of_its_life() {
    check(&sample::processing(), after(LEASE).minus(MILLISECOND), Owed::Later(after(LEASE)));
    check(&sample::processing(), after(LEASE), Owed::Lapsed);
    check(&sample::retrying(), NOON, hand_over(0));
    check(&sample::completed(), after(OVERDUE), Owed::Nothing);
    for ended in [sample::failed(), sample::cancelled(), sample::expired()] {
        check(&ended, after(OVERDUE), Owed::Nothing);
    }
}
