//! What callers and the clock change: what a command moves, and what it leaves alone.

use crate::sample::{
    self, ATTEMPTS, NOON, WINDOW, aged, amended, claimed, finished, handed_over, redriven, retry, seconds,
    submission, then,
};
use expedite_domain::{Event, Handover, Message, Priority, Refused, State, Submission, transition};
use std::time::Duration;

#[test]
fn cancelling_makes_every_copy_void() {
    let queued = sample::queued();
    let cancelled = then(&queued, Event::Cancelled, seconds(1));
    assert_eq!((cancelled.state, cancelled.due_at, cancelled.handover), (State::Cancelled, None, None));
    assert_eq!(cancelled.reason(), Some("cancelled by its caller"));
    let late = transition(&cancelled, claimed(&queued, seconds(2)), seconds(2));
    assert_eq!(late, Err(Refused::Final(State::Cancelled)));
}

#[test]
fn a_new_priority_or_time_makes_the_copy_in_the_broker_void() {
    let (low, hour) = (Priority::Low, seconds(3600));
    let queued = sample::queued();
    for (event, priority, deliver_at, words) in [
        (amended(Some(low), None), low, seconds(5), "priority low instead of medium"),
        (amended(None, Some(hour)), Priority::Medium, hour, "another time"),
        (amended(Some(low), Some(hour)), low, hour, "priority low instead of medium, another time"),
    ] {
        let changed = then(&queued, event, seconds(5));
        assert_eq!((changed.priority, changed.deliver_at), (priority, deliver_at));
        assert_eq!((changed.state, changed.handover), (State::Accepted, Some(Handover::Relay)));
        assert_eq!(changed.waiting_since, deliver_at);
        assert!(changed.reason().unwrap().starts_with(&format!("changed by its caller: {words}")));
        let stale = transition(&changed, claimed(&queued, seconds(6)), seconds(6));
        assert_eq!(stale, Err(Refused::StaleEpoch));
    }
}

#[test]
fn what_becomes_high_bypasses_its_time() {
    let waiting = Message::accept(submission(Priority::Low, Some(seconds(3600))), NOON);
    let high = then(&waiting, amended(Some(Priority::High), None), seconds(5));
    assert_eq!((high.priority, high.deliver_at, high.bypassed), (Priority::High, seconds(5), true));
    let nothing = transition(&high, amended(None, Some(seconds(3600))), seconds(5));
    assert_eq!(nothing, Err(Refused::Unchanged), "a high one has no delay to move");
    let due = then(&sample::queued(), amended(Some(Priority::High), Some(seconds(5))), seconds(5));
    assert!(!due.bypassed, "there was no delay left to pass by");
    let retrying = then(&sample::processing(), finished(retry(seconds(60))), NOON);
    let high = then(&retrying, amended(Some(Priority::High), None), seconds(5));
    assert_eq!((high.state, high.deliver_at), (State::Retrying, seconds(5)));
}

#[test]
fn what_changes_nothing_is_no_change() {
    let queued = sample::queued();
    for event in [
        amended(None, None),
        amended(Some(Priority::Medium), None),
        amended(None, Some(seconds(1))),
        amended(Some(Priority::Medium), Some(seconds(4))),
    ] {
        assert_eq!(transition(&queued, event, seconds(5)), Err(Refused::Unchanged));
    }
}

#[test]
fn no_time_is_moved_behind_the_end_that_the_caller_had_set() {
    let urgent = sample::urgent();
    let end = seconds(60);
    let beyond = Err(Refused::BeyondEnd { end });
    assert_eq!(transition(&urgent, amended(None, Some(end)), NOON), beyond);
    let just = end.minus(Duration::from_millis(1));
    assert_eq!(then(&urgent, amended(None, Some(just)), NOON).deliver_at, just);
    // Once it has been started the end has been met.
    let running = then(&urgent, claimed(&urgent, NOON), NOON);
    let retrying = then(&running, finished(retry(NOON)), NOON);
    assert_eq!(then(&retrying, amended(None, Some(seconds(90))), NOON).deliver_at, seconds(90));
}

#[test]
fn a_redrive_gives_as_many_attempts_again_and_keeps_the_history() {
    let last = sample::processing_for_the_last_time();
    let failed = then(&last, finished(retry(NOON)), NOON);
    let again = then(&failed, redriven(seconds(10)), seconds(5));
    assert_eq!(
        (again.state, again.deliver_at, again.waiting_since),
        (State::Accepted, seconds(10), seconds(10))
    );
    assert_eq!((u64::from(again.attempt), u64::from(again.attempt_limit)), (ATTEMPTS, 2 * ATTEMPTS));
    assert_eq!(again.timeline.entries.len(), failed.timeline.entries.len() + 1);
    assert_eq!(again.handover, Some(Handover::Relay));
    assert!(again.due_at.is_some());
    // The handler's key for its own idempotency, id and attempt, is a new one.
    let queued = then(&again, handed_over(&again), seconds(10));
    assert_eq!(u64::from(then(&queued, claimed(&queued, seconds(10)), seconds(10)).attempt), ATTEMPTS + 1);

    let discarded = sample::failed();
    let high = Event::Redriven { priority: Some(Priority::High), deliver_at: NOON };
    let again = then(&discarded, high, seconds(5));
    assert_eq!((again.priority, again.deliver_at), (Priority::High, seconds(5)), "never earlier than now");
    assert_eq!(u64::from(again.attempt_limit), 1 + ATTEMPTS);
}

#[test]
fn ageing_says_so_and_starts_the_next_wait() {
    let low = Message::accept(submission(Priority::Low, None), NOON);
    let queued = then(&low, handed_over(&low), NOON);
    let raised = then(&queued, aged(Priority::Medium), seconds(900));
    assert_eq!((raised.priority, raised.waiting_since), (Priority::Medium, seconds(900)));
    assert_eq!(raised.reason(), Some("raised from low to medium: it has waited for 900 s"));
    assert_eq!(raised.deliver_at, NOON);
    let queued = then(&raised, handed_over(&raised), seconds(900));
    for not_higher in [Priority::Medium, Priority::Low] {
        assert!(transition(&queued, aged(not_higher), seconds(901)).is_err());
    }
}

#[test]
fn what_waits_in_the_table_still_expires_in_time() {
    let submission =
        Submission { start_by: Some(seconds(1_800)), ..submission(Priority::Low, Some(seconds(1_700))) };
    let far = Message::accept(submission, NOON);
    assert_eq!(far.due_at, Some(seconds(1_700).minus(WINDOW)));
    assert!(!far.has_expired(seconds(1_799)) && far.has_expired(seconds(1_800)));
    let running = then(&sample::urgent(), claimed(&sample::urgent(), NOON), NOON);
    assert!(!running.has_expired(seconds(60)), "it was started");
    assert_eq!(then(&running, finished(retry(NOON)), NOON).due_at, Some(seconds(30)));
}
