//! Every state against every event.

use crate::sample::{
    self, LEASE, NOON, OVERDUE, after, claimed, discard, finished, given_back, handed_over, handover_failed,
    retry, snooze,
};
use expedite_domain::{Event, Message, Outcome, Owner, Refused, State, Timestamp, transition};

/// The events of the table below, in the order of its columns.
fn events(message: &Message, now: Timestamp) -> [Event; 10] {
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

/// The state that an event leads to, or the word for why it does not apply.
fn word(message: &Message, event: Event, now: Timestamp) -> &'static str {
    match transition(message, event, now) {
        Ok(next) => next.state.as_str(),
        Err(refused) => refused.as_str(),
    }
}

fn check(message: Message, now: Timestamp, expected: [&str; 10]) {
    for (event, expected) in events(&message, now).into_iter().zip(expected) {
        let state = message.state;
        assert_eq!(word(&message, event.clone(), now), expected, "{event:?} when {state}, {message:?}");
    }
}

#[test]
// Wider than the rest: a table is read by its columns.
#[rustfmt::skip]
fn each_event_in_each_state() {
    const FINAL: [&str; 10] = ["final"; 10];
    use sample::{accepted, completed, failed, left_to_the_relay, processing, processing_for_the_last_time, queued, retrying};
    //                                                   handed_over       handover_failed   claimed       given_back        done          retry         snooze        discard       a stranger's  lease_lapsed
    check(accepted(), NOON, [                            "queued",         "accepted",       "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(left_to_the_relay(), NOON, [                   "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(queued(), NOON, [                              "not_applicable", "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(queued(), after(OVERDUE), [                    "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(processing(), NOON, [                          "not_applicable", "not_applicable", "leased",     "not_applicable", "completed",  "retrying",   "retrying",   "failed",     "not_holder", "leased"]);
    check(processing(), after(LEASE), [                  "not_applicable", "not_applicable", "processing", "not_applicable", "completed",  "retrying",   "retrying",   "failed",     "not_holder", "retrying"]);
    check(processing_for_the_last_time(), NOON, [        "not_applicable", "not_applicable", "leased",     "not_applicable", "completed",  "failed",     "retrying",   "failed",     "not_holder", "leased"]);
    check(processing_for_the_last_time(), after(LEASE), ["not_applicable", "not_applicable", "exhausted",  "not_applicable", "completed",  "failed",     "retrying",   "failed",     "not_holder", "failed"]);
    check(retrying(), NOON, [                            "queued",         "not_applicable", "processing", "accepted",       "not_holder", "not_holder", "not_holder", "not_holder", "not_holder", "not_applicable"]);
    check(completed(), after(OVERDUE), FINAL);
    check(failed(), after(OVERDUE), FINAL);
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
                    Event::HandedOver { epoch: stale },
                    Event::HandoverFailed { epoch: stale, reason: String::new() },
                    Event::Claimed { epoch: stale, lease },
                    Event::GivenBack { epoch: stale },
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
