//! How a message starts, and how readers see one that waits.

use crate::sample::{self, NOON, WINDOW, after, handed_over, seconds, submission, then};
use expedite_domain::{Handover, MAX_DELAY, Message, Priority, State, Timestamp, View};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// By priority and wanted time: the delivery time, whether a delay was bypassed, who hands over, and when somebody must
/// look at it.
#[test]
fn who_hands_over_and_when() {
    let (high, low) = (Priority::High, Priority::Low);
    let (hour, minute) = (seconds(3600), seconds(60));
    let past = NOON.minus(Duration::from_secs(60));
    let (ingest, relay) = (Handover::Ingest, Handover::Relay);
    let grace = seconds(30);
    for (priority, wanted, deliver_at, bypassed, handover, due_at) in [
        (low, None, NOON, false, ingest, grace),
        (low, Some(past), NOON, false, ingest, grace),
        (low, Some(minute), minute, false, ingest, grace),
        (low, Some(after(WINDOW)), after(WINDOW), false, ingest, grace),
        (low, Some(after(WINDOW).plus(MILLISECOND)), after(WINDOW).plus(MILLISECOND), false, relay, grace),
        (low, Some(hour), hour, false, relay, hour.minus(WINDOW)),
        (high, None, NOON, false, ingest, grace),
        (high, Some(past), NOON, false, ingest, grace),
        (high, Some(minute), NOON, true, ingest, grace),
        (high, Some(hour), NOON, true, ingest, grace),
    ] {
        let message = Message::accept(submission(priority, wanted), NOON);
        assert_eq!(
            (message.deliver_at, message.bypassed, message.handover, message.due_at),
            (deliver_at, bypassed, Some(handover), Some(due_at)),
            "{priority} at {wanted:?}"
        );
        assert_eq!((message.state, message.version, message.epoch), (State::Accepted, 1, 1));
        assert_eq!((message.attempt, message.lease, message.created_at), (0, None, NOON));
        assert_eq!(message.timeline.entries.len(), 1);
        assert_eq!(message.reason().is_some(), bypassed, "a bypass is said in the timeline");
    }
}

#[test]
fn a_message_whose_time_has_not_come_is_seen_as_scheduled() {
    let accept = |at: Timestamp| Message::accept(submission(Priority::Low, Some(at)), NOON);
    let near = accept(seconds(60));
    let in_the_broker = then(&near, handed_over(&near), NOON);
    let far = accept(seconds(3600));
    for (message, now, seen) in [
        (&near, NOON, "accepted"),
        (&in_the_broker, NOON, "scheduled"),
        (&in_the_broker, seconds(60).minus(MILLISECOND), "scheduled"),
        (&in_the_broker, seconds(60), "queued"),
        (&far, NOON, "scheduled"),
        (&far, seconds(3600).minus(WINDOW).minus(MILLISECOND), "scheduled"),
        (&far, seconds(3600).minus(WINDOW), "accepted"),
        (&sample::queued(), NOON, "queued"),
        (&sample::processing(), NOON, "processing"),
        (&sample::retrying(), NOON, "retrying"),
        (&sample::completed(), NOON, "completed"),
        (&sample::failed(), NOON, "failed"),
        (&sample::cancelled(), NOON, "cancelled"),
        (&sample::expired(), NOON, "expired"),
    ] {
        assert_eq!(View::of(message, now).as_str(), seen, "{:?} at {now:?}", message.state);
        assert_eq!(seen.parse(), Ok(View::of(message, now)));
    }
}

/// Callers read this number in the README and in refusals.
#[test]
fn the_longest_delay_is_thirty_days() {
    assert_eq!(MAX_DELAY.as_secs(), 2_592_000);
}
