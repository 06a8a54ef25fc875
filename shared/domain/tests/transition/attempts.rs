//! What an attempt counts, what its end leaves behind, and what comes too late.

use crate::sample::{
    self, ATTEMPTS, LEASE, NOON, OVERDUE, WINDOW, after, aged, amended, claimed, discard, finished,
    given_back, given_up, handed_over, handover_failed, holder, redriven, retry, seconds, snooze, submission,
    then,
};
use expedite_domain::{
    Event, Handover, Message, Outcome, Priority, Refused, State, TIMELINE_LIMIT, Timestamp, transition,
};
use std::time::Duration;

/// What each event adds to the attempts and to the epoch.
#[test]
fn what_counts_as_an_attempt_and_what_makes_a_hand_over_void() {
    let check = |message: Message, event: Event, now: Timestamp, attempts: i64, epochs: u32| {
        let next = then(&message, event.clone(), now);
        let counted = i64::from(next.attempt) - i64::from(message.attempt);
        assert_eq!((counted, next.epoch - message.epoch), (attempts, epochs), "{event:?}");
    };
    let (accepted, queued, running) = (sample::accepted(), sample::queued(), sample::processing());
    check(accepted.clone(), handed_over(&accepted), NOON, 0, 0);
    check(accepted.clone(), handover_failed(&accepted), NOON, 0, 0);
    check(queued.clone(), claimed(&queued, NOON), NOON, 1, 0);
    check(queued.clone(), given_back(&queued), NOON, 0, 1);
    check(running.clone(), finished(Outcome::Done), NOON, 0, 0);
    check(running.clone(), finished(discard()), NOON, 0, 0);
    check(running.clone(), finished(retry(NOON)), NOON, 0, 1);
    check(running.clone(), finished(snooze(NOON)), NOON, -1, 1);
    check(running.clone(), Event::LeaseLapsed { retry_at: NOON }, after(LEASE), 0, 1);
    check(running.clone(), claimed(&running, after(LEASE)), after(LEASE), 1, 0);
    check(queued.clone(), given_up(&queued, NOON), NOON, 1, 1);
    check(running.clone(), given_up(&running, NOON), after(LEASE), 0, 1);
    check(queued.clone(), aged(Priority::High), NOON, 0, 1);
    check(queued.clone(), Event::Cancelled, NOON, 0, 1);
    check(queued, amended(Some(Priority::Low), None), NOON, 0, 1);
    check(sample::failed(), redriven(NOON), NOON, 0, 1);
    check(sample::urgent(), Event::Expired, seconds(60), 0, 0);
}

#[test]
fn the_last_attempt_fails_with_its_number_and_the_reason() {
    let last = sample::processing_for_the_last_time();
    let by_handler = then(&last, finished(retry(NOON)), NOON);
    let by_lease = then(&last, Event::LeaseLapsed { retry_at: NOON }, after(LEASE));
    let by_broker = then(&sample::retrying(), given_up(&sample::retrying(), NOON), NOON);
    for (message, reason) in [
        (by_handler, "attempt 2 of 2 failed: it rained"),
        (by_lease, "attempt 2 of 2 failed: the attempt ended without an outcome: its lease lapsed"),
        (by_broker, "attempt 2 of 2 failed: the broker gave it up: delivered seven times"),
        (sample::failed(), "no such address"),
    ] {
        assert_eq!(message.state, State::Failed);
        assert_eq!(message.reason(), Some(reason));
    }
}

#[test]
fn snoozing_and_giving_back_use_no_attempt_up() {
    let mut message = sample::queued();
    for _ in 0..=ATTEMPTS {
        let running = then(&message, claimed(&message, NOON), NOON);
        let snoozed = then(&running, finished(snooze(NOON)), NOON);
        message = then(&snoozed, given_back(&snoozed), NOON);
    }
    assert_eq!((message.state, message.attempt), (State::Accepted, 0));
}

/// When the next attempt is due, and whose it is to bring the message there.
#[test]
fn what_an_attempt_that_did_not_end_it_leaves_behind() {
    let running = sample::processing();
    let grace = seconds(30);
    for (event, deliver_at, due_at) in [
        (finished(retry(seconds(2))), seconds(2), grace),
        (finished(retry(NOON.minus(LEASE))), NOON, grace),
        (finished(snooze(after(WINDOW))), after(WINDOW), grace),
        (finished(snooze(seconds(3600))), seconds(3600), seconds(3600).minus(WINDOW)),
    ] {
        let next = then(&running, event.clone(), NOON);
        assert_eq!((next.deliver_at, next.due_at), (deliver_at, Some(due_at)), "{event:?}");
        assert_eq!((next.handover, next.lease), (Some(Handover::Relay), None));
        assert_eq!(next.priority, running.priority);
    }
}

/// It was delivered, so its time has come, even where this clock is behind the broker's.
#[test]
fn giving_back_makes_a_message_due_at_once() {
    let waiting = Message::accept(submission(Priority::Low, Some(seconds(60))), NOON);
    for (delivered, at, deliver_at) in [(sample::queued(), 5, NOON), (waiting, 59, seconds(59))] {
        let back = then(&delivered, given_back(&delivered), seconds(at));
        assert_eq!((back.deliver_at, back.due_at), (deliver_at, Some(seconds(at + 30))));
        assert_eq!(back.handover, Some(Handover::Relay));
    }
}

#[test]
fn a_delivery_may_overtake_the_mark() {
    let accepted = sample::accepted();
    let running = then(&accepted, claimed(&accepted, NOON), NOON);
    let late = Err(Refused::NotApplicable(State::Processing));
    assert_eq!(transition(&running, handed_over(&accepted), NOON), late);
    let again = then(&running, finished(retry(NOON)), NOON);
    assert_eq!(transition(&again, handed_over(&accepted), NOON), Err(Refused::StaleEpoch));
}

#[test]
fn a_message_that_the_broker_lost_is_handed_over_again() {
    let queued = sample::queued();
    let early = after(OVERDUE).minus(Duration::from_millis(1));
    assert!(transition(&queued, handed_over(&queued), early).is_err());
    let again = then(&queued, handed_over(&queued), after(OVERDUE));
    assert_eq!(again.due_at, Some(after(OVERDUE).plus(OVERDUE)), "and again, if that one gets lost too");
    assert!(again.reason().is_some());
    assert_eq!(again.epoch, queued.epoch, "the first copy counts if it comes after all");
}

#[test]
fn a_lease_holds_to_its_last_moment() {
    let running = sample::processing();
    let last = after(LEASE).minus(Duration::from_millis(1));
    let leased = Err(Refused::Leased { until: after(LEASE) });
    assert_eq!(transition(&running, claimed(&running, last), last), leased);
    assert_eq!(transition(&running, Event::LeaseLapsed { retry_at: last }, last), leased);
    let taken = then(&running, claimed(&running, after(LEASE)), after(LEASE));
    assert_eq!(
        taken.lease.map(|lease| (lease.owner, lease.until)),
        Some((holder(), after(LEASE).plus(LEASE)))
    );
    assert!(taken.reason().is_some());
}

#[test]
fn the_timeline_keeps_the_first_step_and_the_newest() {
    let mut message = sample::queued();
    let rounds = 40;
    for second in 0..rounds {
        message = then(&message, claimed(&message, seconds(second)), seconds(second));
        message = then(&message, finished(snooze(seconds(second))), seconds(second));
    }
    let timeline = &message.timeline;
    assert_eq!(timeline.entries.len(), TIMELINE_LIMIT);
    assert_eq!(timeline.entries[0], sample::accepted().timeline.entries[0]);
    assert_eq!(timeline.entries.last().unwrap().at, seconds(rounds - 1));
    assert_eq!(u64::from(timeline.dropped) + TIMELINE_LIMIT as u64, message.version);
}

#[test]
fn a_reason_is_cut_between_characters() {
    let reason = "ä".repeat(600);
    let failed = then(&sample::processing(), finished(Outcome::Discard { reason }), NOON);
    assert_eq!(failed.reason().map(|reason| reason.chars().count()), Some(500));
}
