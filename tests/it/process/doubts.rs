//! Deliveries that come late or twice, and a table that fails.

use super::{MINUTE, Rig, TIMEOUT, batch, medium, recorded};
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Event, Lease, Message, Owner, Priority, State, transition},
    fakes::Fault,
    ports::{MessageStore, Replaced},
};
use futures_util::join;
use process::{BatchError, Report};
use std::time::Duration;

/// Deliveries that no longer count are acknowledged, and nothing runs.
#[tokio::test(start_paused = true)]
async fn late_and_doubled_deliveries_are_dropped() {
    let dropped = |count| Report { dropped: count, ..Report::default() };
    let rig = Rig::done();
    rig.seed(&medium([1]));

    let stale = batch(&[(1, Priority::Medium, 0), (1, Priority::Medium, 2)]);
    assert_eq!(rig.run(stale).await.unwrap(), dropped(2), "other epochs");
    assert_eq!(rig.run(medium([9])).await.unwrap(), dropped(1), "no such message");
    assert!(rig.jobs().is_empty());

    let twice = rig.run(medium([1, 1])).await.unwrap();
    assert_eq!(twice, Report { recorded: 1, dropped: 1, ..Report::default() }, "twice in one batch");
    assert_eq!(rig.run(medium([1])).await.unwrap(), dropped(1), "after its end");
    assert_eq!(rig.jobs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_live_lease_keeps_others_out_and_a_lapsed_one_lets_them_in() {
    let rig = Rig::done();
    rig.seed(&medium([1]));
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(MINUTE) };
    let held = transition(&rig.message(1).await, Event::Claimed { epoch: 1, lease }, NOON).unwrap();
    rig.store.put(held, payload("{}"));
    assert_eq!(rig.run(medium([1])).await.unwrap().dropped, 1);
    rig.clock.advance(MINUTE);
    assert_eq!(rig.run(medium([1])).await.unwrap(), recorded(1));
    assert_eq!((rig.message(1).await.state, rig.jobs()[0].attempt), (State::Completed, 2));
}

/// The claim took effect, and nobody knows: the lease lapses, and the next delivery is the second attempt.
#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_got_lost_costs_an_attempt_and_no_message() {
    let rig = Rig::done();
    rig.seed(&medium([1]));
    rig.store.faults.order([None, Some(Fault::AnswerLost)]);
    assert!(matches!(rig.run(medium([1])).await, Err(BatchError::NothingRecorded(_))));
    assert!(rig.jobs().is_empty());
    rig.clock.advance(Duration::from_secs(TIMEOUT + 9));
    assert_eq!(rig.run(medium([1])).await.unwrap().dropped, 1, "the lost claim holds it");
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.run(medium([1])).await.unwrap(), recorded(1));
    assert_eq!(rig.message(1).await.attempt, 2);
}

/// The outcome is recorded, and nobody knows: the redelivery finds it and runs nothing.
#[tokio::test(start_paused = true)]
async fn an_outcome_whose_answer_got_lost_is_recorded_once() {
    let rig = Rig::done();
    rig.seed(&medium([1]));
    rig.store.faults.order([None, None, Some(Fault::AnswerLost)]);
    assert!(matches!(rig.run(medium([1])).await, Err(BatchError::NothingRecorded(_))));
    assert_eq!(rig.run(medium([1])).await.unwrap().dropped, 1);
    assert_eq!((rig.message(1).await.state, rig.jobs().len()), (State::Completed, 1));
}

/// The batch is read at once, and the second message changes while the first one is worked on.
#[tokio::test(start_paused = true)]
async fn what_changed_since_the_batch_was_read_is_decided_anew() {
    let mut rig = Rig::done();
    rig.concurrency = 1;
    rig.seed(&medium([1]));
    let accepted = Message::accept(submission(&tenant("acme"), 2), NOON);
    rig.store.put(accepted.clone(), payload("{}"));
    let mark = async {
        tokio::time::sleep(rig.work / 2).await;
        let marked = transition(&accepted, Event::HandedOver { epoch: 1, raise: None }, NOON).unwrap();
        (&rig.store).replace(&accepted, &marked).await.unwrap()
    };
    let (report, mark) = join!(rig.run(medium([1, 2])), mark);
    assert_eq!((report.unwrap(), mark), (recorded(2), Replaced::Written));
}

/// Another attempt took the message over while this one worked: its result is refused and the new one stands.
#[tokio::test(start_paused = true)]
async fn whoever_lost_the_lease_records_nothing() {
    let mut rig = Rig::done();
    // Longer than the lease, by a clock that ran on while this sandbox was frozen.
    rig.pace = MINUTE;
    rig.seed(&medium([1]));
    let (one, two) = join!(rig.run(medium([1])), async {
        tokio::time::sleep(rig.work / 2).await;
        let held = rig.message(1).await;
        let event = Event::LeaseLapsed { retry_at: NOON.plus(MINUTE) };
        let lapsed = transition(&held, event, NOON.plus(MINUTE)).unwrap();
        (&rig.store).replace(&held, &lapsed).await.unwrap()
    });
    assert_eq!((one.unwrap().dropped, two), (1, Replaced::Written));
    assert_eq!(rig.message(1).await.state, State::Retrying);
}

/// Calls to the table: one read for the batch, then a claim and an outcome for each message. How many outcomes got
/// recorded, and how many changes not; nothing where the function fails and the batch comes again.
#[tokio::test(start_paused = true)]
async fn the_function_fails_only_when_it_could_record_nothing() {
    let (fine, refused) = (None, Some(Fault::Refused));
    for (faults, expected) in [
        (vec![refused], None),
        (vec![fine, refused, refused], None),
        (vec![fine, fine, refused, fine, refused], None),
        (vec![fine, refused, fine, fine], Some((1, 1))),
        (vec![fine, fine, refused, fine, fine], Some((1, 1))),
    ] {
        let mut rig = Rig::done();
        rig.concurrency = 1;
        rig.seed(&medium([1, 2]));
        rig.store.faults.order(faults.clone());
        let counted = match rig.run(medium([1, 2])).await {
            Ok(report) => Some((report.recorded, report.unrecorded)),
            Err(BatchError::NothingRecorded(_)) => None,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(counted, expected, "{faults:?}");
        for number in [1, 2] {
            let message = rig.message(number).await;
            assert_eq!(message.due_at.is_none(), message.state.is_final(), "nothing is forgotten");
        }
    }
}

/// Whoever can only drop or give back has recorded something: bringing the batch again would help nobody.
#[tokio::test(start_paused = true)]
async fn a_batch_with_nothing_to_run_does_not_fail() {
    let (fine, refused) = (None, Some(Fault::Refused));
    let rig = Rig::done();
    rig.seed(&medium([1]));
    rig.store.faults.order([fine, refused]);
    let report = rig.run(medium([9, 1])).await.unwrap();
    assert_eq!(report, Report { dropped: 1, unrecorded: 1, ..Report::default() });
    rig.seed(&medium([1, 2]));
    rig.store.faults.order([fine, refused]);
    let report = rig.run_within(medium([1, 2]), 1).await.unwrap();
    assert_eq!(report, Report { given_back: 1, unrecorded: 1, ..Report::default() });
}
