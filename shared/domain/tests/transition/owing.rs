//! What the relay owes a message, moment by moment.

use crate::sample::{
    self, LEASE, NOON, OVERDUE, WINDOW, after, finished, handed_over, seconds, snooze, then,
};
use expedite_domain::{Message, Owed, Priority, Timestamp, owed};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

fn check(message: &Message, now: Timestamp, expected: Owed) {
    assert_eq!(owed(message, now), expected, "{:?} at {now:?}", message.state);
}

fn hand_over(seconds: u64) -> Owed {
    Owed::HandOver { delay: Duration::from_secs(seconds) }
}

fn accept(at: Timestamp) -> Message {
    Message::accept(sample::submission(Priority::Low, Some(at)), NOON)
}

#[test]
fn ingest_has_its_time_before_the_relay_steps_in() {
    check(&sample::accepted(), NOON, Owed::Later(seconds(30)));
    check(&sample::accepted(), seconds(30), hand_over(0));
    check(&sample::left_to_the_relay(), NOON, hand_over(0));
    check(&accept(seconds(60)), seconds(30), hand_over(30));
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
    check(&sample::queued(), after(OVERDUE), hand_over(0));
    check(&delayed, after(OVERDUE), Owed::Later(seconds(60).plus(OVERDUE)));
    check(&delayed, seconds(60).plus(OVERDUE), hand_over(0));
}

#[test]
fn the_rest_of_its_life() {
    check(&sample::processing(), after(LEASE).minus(MILLISECOND), Owed::Later(after(LEASE)));
    check(&sample::processing(), after(LEASE), Owed::Lapsed);
    check(&sample::retrying(), NOON, hand_over(0));
    check(&sample::completed(), after(OVERDUE), Owed::Nothing);
    check(&sample::failed(), after(OVERDUE), Owed::Nothing);
}
