//! Every state against every event.

use crate::sample::{
    self, LEASE, NOON, OVERDUE, after, aged, amended, claimed, discard, finished, given_back, given_up,
    handed_over, handover_failed, redriven, retry, seconds, snooze,
};
use expedite_domain::{Event, Message, Outcome, Owner, Priority, Refused, State, Timestamp, transition};

/// What happens to a hand-over and to an attempt, in the order of the table's columns.
fn work(message: &Message, now: Timestamp) -> [Event; 10] {
    [
        handed_over(message),
        handover_failed(message),
        claimed(message, now),
        given_back(message),
        finished(Outcome::Done),
        finished(retry(now)),
        finished(snooze(now)),
        finished(discard()),
        Event::Finished { owner: Owner::from_bits(2), outcome: Outcome::Done },
        Event::LeaseLapsed { retry_at: now },
    ]
}

/// What callers, the clock and the dead-letter queue do, in the order of the table's columns.
fn commands(message: &Message, now: Timestamp) -> [Event; 6] {
    [
        given_up(message, now),
        Event::Expired,
        aged(Priority::High),
        Event::Cancelled,
        amended(Some(Priority::High), None),
        redriven(now),
    ]
}

/// The state that an event leads to, or the word for why it does not apply.
fn word(message: &Message, event: Event, now: Timestamp) -> &'static str {
    match transition(message, event, now) {
        Ok(next) => next.state.as_str(),
        Err(refused) => refused.as_str(),
    }
}

fn check<const N: usize>(message: Message, now: Timestamp, events: [Event; N], expected: [&str; N]) {
    for (event, expected) in events.into_iter().zip(expected) {
        let state = message.state;
        assert_eq!(word(&message, event.clone(), now), expected, "{event:?} when {state}, {message:?}");
    }
}

#[test]
// Wider than the rest: a table is read by its columns.
#[rustfmt::skip]
fn each_event_of_the_work_in_each_state() {
    const FINAL: [&str; 10] = ["final"; 10];
    use sample::{accepted, cancelled, completed, expired, failed, left_to_the_relay, processing, processing_for_the_last_time, queued, retrying, urgent};
    let check = |message: Message, now, expected| {
        let events = work(&message, now);
        check(message, now, events, expected);
    };
    //                                                   handed_over       handover_failed   claimed       given_back        done          retry         snooze        discard       a stranger's  lease_lapsed
    check(accepted(), NOON, [                            "queued",         "accepted",       "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(urgent(), seconds(60), [                       "queued",         "accepted",       "expired",    "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(left_to_the_relay(), NOON, [                   "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(queued(), NOON, [                              "not_applicable", "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(queued(), after(OVERDUE), [                    "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(processing(), NOON, [                          "not_applicable", "not_applicable", "leased",     "not_applicable", "completed",  "retrying",   "retrying",   "failed",     "not_holder", "leased"]);
    check(processing(), after(LEASE), [                  "not_applicable", "not_applicable", "processing", "not_applicable", "completed",  "retrying",   "retrying",   "failed",     "not_holder", "retrying"]);
    check(processing_for_the_last_time(), NOON, [        "not_applicable", "not_applicable", "leased",     "not_applicable", "completed",  "failed",     "retrying",   "failed",     "not_holder", "leased"]);
    check(processing_for_the_last_time(), after(LEASE), ["not_applicable", "not_applicable", "exhausted",  "not_applicable", "completed",  "failed",     "retrying",   "failed",     "not_holder", "failed"]);
    check(retrying(), NOON, [                            "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    for ended in [completed(), failed(), cancelled(), expired()] {
        check(ended, after(OVERDUE), FINAL);
    }
}

#[test]
// Wider than the rest: a table is read by its columns.
#[rustfmt::skip]
fn each_command_in_each_state() {
    use sample::{accepted, cancelled, completed, expired, failed, left_to_the_relay, processing, processing_for_the_last_time, queued, retrying, urgent};
    let check = |message: Message, now, expected| {
        let events = commands(&message, now);
        check(message, now, events, expected);
    };
    //                                                   given_up    expired           aged              cancelled         amended           redriven
    check(accepted(), NOON, [                            "retrying", "not_applicable", "not_applicable", "cancelled",      "accepted",       "not_applicable"]);
    check(urgent(), seconds(59), [                       "retrying", "not_applicable", "not_applicable", "cancelled",      "accepted",       "not_applicable"]);
    check(urgent(), seconds(60), [                       "expired",  "expired",        "not_applicable", "cancelled",      "beyond_end",     "not_applicable"]);
    check(left_to_the_relay(), NOON, [                   "retrying", "not_applicable", "not_applicable", "cancelled",      "accepted",       "not_applicable"]);
    check(queued(), NOON, [                              "retrying", "not_applicable", "accepted",       "cancelled",      "accepted",       "not_applicable"]);
    check(processing(), NOON, [                          "leased",   "not_applicable", "not_applicable", "not_applicable", "not_applicable", "not_applicable"]);
    check(processing(), after(LEASE), [                  "retrying", "not_applicable", "not_applicable", "not_applicable", "not_applicable", "not_applicable"]);
    check(processing_for_the_last_time(), after(LEASE), ["failed",   "not_applicable", "not_applicable", "not_applicable", "not_applicable", "not_applicable"]);
    check(retrying(), NOON, [                            "failed",   "not_applicable", "not_applicable", "cancelled",      "retrying",       "not_applicable"]);
    check(failed(), NOON, [                              "final",    "final",          "final",          "final",          "final",          "accepted"]);
    for ended in [completed(), cancelled(), expired()] {
        check(ended, after(OVERDUE), ["final"; 6]);
    }
}

#[test]
fn an_earlier_epoch_is_refused_in_every_state() {
    for message in [
        sample::accepted(),
        sample::left_to_the_relay(),
        sample::queued(),
        sample::processing(),
        sample::retrying(),
    ] {
        for now in [NOON, after(OVERDUE)] {
            for stale in [message.epoch - 1, message.epoch + 1] {
                let lease = sample::processing().lease.unwrap();
                for event in [
                    Event::HandedOver { epoch: stale, raise: None },
                    Event::HandoverFailed { epoch: stale, reason: String::new() },
                    Event::Claimed { epoch: stale, lease },
                    Event::GivenBack { epoch: stale },
                    Event::GivenUp { epoch: stale, retry_at: now, reason: String::new() },
                ] {
                    assert_eq!(transition(&message, event, now), Err(Refused::StaleEpoch), "{message:?}");
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_what_stands_in_the_way() {
    let check = |message: &Message, event, refused| {
        assert_eq!(transition(message, event, NOON), Err(refused));
    };
    let (running, done) = (sample::processing(), sample::completed());
    let until = after(LEASE);
    check(&running, claimed(&running, NOON), Refused::Leased { until });
    check(&running, Event::LeaseLapsed { retry_at: NOON }, Refused::Leased { until });
    check(&running, handed_over(&running), Refused::NotApplicable(State::Processing));
    check(&done, handed_over(&done), Refused::Final(State::Completed));
    check(&sample::failed(), finished(Outcome::Done), Refused::Final(State::Failed));
}
