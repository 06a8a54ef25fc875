//! How long a message has waited, by what it remembers.

use crate::sample::{
    LEASE, NOON, WINDOW, accepted, after, claimed, completed, finished, handed_over, left_to_the_relay,
    processing, queued, retry, seconds, submission, then,
};
use expedite_domain::{Message, Priority};
use std::time::Duration;

fn queued_at(message: &Message, at: u64) -> Message {
    then(message, handed_over(message), seconds(at))
}

fn started_at(message: &Message, at: u64) -> Message {
    then(message, claimed(message, seconds(at)), seconds(at))
}

#[test]
fn since_when_it_could_have_been_started() {
    let again = then(&queued_at(&accepted(), 1), handed_over(&accepted()), seconds(2_000));
    let retrying = then(&started_at(&queued_at(&accepted(), 1), 2), finished(retry(seconds(60))), seconds(3));
    for (name, message, since) in [
        ("from the queue", started_at(&queued_at(&accepted(), 1), 9), Some(1)),
        ("handed over again, and in the queue all the time", started_at(&again, 2_009), Some(1)),
        ("before its hand-over was marked", started_at(&accepted(), 9), Some(0)),
        ("held back by the broker", started_at(&queued_at(&retrying, 4), 61), Some(60)),
        ("taken over from an attempt that was lost", started_at(&processing(), LEASE.as_secs()), None),
        ("not started", queued(), None),
        ("ended", completed(), None),
        ("accepted", accepted(), None),
    ] {
        assert_eq!(message.startable_since(), since.map(seconds), "{name}");
    }
}

#[test]
fn since_when_the_relay_has_owed_it() {
    let far = Message::accept(submission(Priority::Low, Some(after(WINDOW * 4))), NOON);
    let retrying = then(&processing(), finished(retry(seconds(60))), seconds(3));
    for (name, message, since) in [
        ("ingest owes it", accepted(), None),
        ("left by ingest", left_to_the_relay(), Some(NOON)),
        ("its time comes near", far, Some(after(WINDOW * 3))),
        ("a retry", retrying, Some(seconds(3))),
        ("the broker has it", queued(), None),
        ("ended", completed(), None),
    ] {
        assert_eq!(message.owed_since(), since, "{name}");
    }
}

#[test]
fn how_old_it_is() {
    assert_eq!((accepted().age(), accepted().changed_at()), (Duration::ZERO, NOON));
    let message = queued_at(&accepted(), 7);
    assert_eq!((message.age(), message.changed_at()), (Duration::from_secs(7), seconds(7)));
}
