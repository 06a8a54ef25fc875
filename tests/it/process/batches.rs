//! How a batch is read and worked through.

use super::{Rig, TIMEOUT, batch, medium};
use crate::events::event;
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Handover, Message, Priority, State, Submission},
    ports::{Key, MessageStore},
};
use process::{BatchError, Report};
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

#[tokio::test(start_paused = true)]
async fn every_form_in_which_a_message_arrives() {
    for (name, recorded, unreadable) in [
        ("mq/native", 2, 0),
        ("mq/text", 2, 0),
        ("mq/variants", 5, 0),
        ("mq/broken-beside-good", 2, 10),
        // Readable as an event, and not ours: somebody else's messages on the queue.
        ("mq/documentation", 0, 2),
    ] {
        let rig = Rig::done();
        rig.seed(&event(name));
        assert_eq!(rig.store.len(), recorded, "{name}");
        let expected = Report { recorded, unreadable, ..Report::default() };
        assert_eq!(rig.run(event(name)).await.unwrap(), expected, "{name}");
        for job in rig.jobs() {
            let state =
                (&rig.store).read(&Key { tenant: job.tenant, id: job.id }).await.unwrap().unwrap().state;
            assert_eq!(state, State::Completed, "{name}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_no_batch_fails() {
    for event in [event("mq/not-a-batch"), json!({}), json!({"messages": "none"}), json!(null)] {
        assert!(matches!(Rig::done().run(event).await, Err(BatchError::NotABatch(_))));
    }
    assert_eq!(Rig::done().run(json!({"messages": []})).await.unwrap(), Report::default());
}

#[tokio::test(start_paused = true)]
async fn the_handler_gets_the_job_to_the_letter() {
    let rig = Rig::done();
    rig.seed(&event("mq/native"));
    rig.run(event("mq/native")).await.unwrap();
    let job = &rig.jobs()[0];
    assert_eq!(
        (job.payload.get(), job.kind.as_str(), job.tenant.as_str()),
        (r#"{"n":1}"#, "email.send", "acme")
    );
    assert_eq!((job.attempt, job.max_attempts, job.priority), (1, 5, Priority::High));
    assert_eq!(job.deadline, NOON.plus(Duration::from_secs(TIMEOUT)));
}

/// One that was started in time is finished, however late.
#[tokio::test(start_paused = true)]
async fn what_comes_too_late_to_be_started_expires() {
    let rig = Rig::done();
    let asked = |number, start_by| Submission { start_by, ..submission(&tenant("acme"), number) };
    for (number, seconds) in [(1, Some(0)), (2, Some(1)), (3, None)] {
        let start_by = seconds.map(|seconds| NOON.plus(Duration::from_secs(seconds)));
        rig.store.put(Message::accept(asked(number, start_by), NOON), payload("{}"));
    }
    let report = rig.run(medium([1, 2, 3])).await.unwrap();
    assert_eq!(report, Report { recorded: 2, expired: 1, ..Report::default() });
    assert_eq!(rig.message(1).await.state, State::Expired);
    assert_eq!(rig.jobs().len(), 2, "it is never run");
    let again = rig.run(medium([1])).await.unwrap();
    assert_eq!(again, Report { dropped: 1, ..Report::default() });
}

#[tokio::test(start_paused = true)]
async fn higher_priorities_start_first() {
    use Priority::{High, Low, Medium};
    let mut rig = Rig::done();
    rig.concurrency = 1;
    let mixed =
        batch(&[(1, Low, 1), (2, Medium, 1), (3, High, 1), (4, Low, 1), (5, High, 1), (6, Medium, 1)]);
    rig.seed(&mixed);
    rig.run(mixed).await.unwrap();
    let started: Vec<_> = rig.jobs().iter().map(|job| job.payload.get().to_owned()).collect();
    assert_eq!(started, [3, 5, 2, 6, 1, 4].map(|number| format!(r#"{{"n":{number}}}"#)));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_run_at_once() {
    for (concurrency, most) in [(0, 1), (1, 1), (3, 3), (10, 7)] {
        let mut rig = Rig::done();
        rig.concurrency = concurrency;
        rig.seed(&medium(1..=7));
        assert_eq!(rig.run(medium(1..=7)).await.unwrap().recorded, 7);
        assert_eq!(rig.most_at_once.load(Ordering::SeqCst), most, "limit {concurrency}");
    }
}

/// An attempt may take 30 s and its recording 3; each job moves the clock on by 20.
#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_is_given_back() {
    for (seconds, done) in [(32, 0), (33, 1), (52, 1), (53, 2), (600, 3)] {
        let mut rig = Rig::done();
        rig.concurrency = 1;
        rig.pace = Duration::from_secs(20);
        rig.seed(&medium(1..=3));
        let expected = Report { recorded: done, given_back: 3 - done, ..Report::default() };
        assert_eq!(rig.run_within(medium(1..=3), seconds).await.unwrap(), expected, "within {seconds} s");
        assert_eq!(rig.jobs().len(), done);
        let last = rig.message(3).await;
        if done < 3 {
            assert_eq!((last.state, last.attempt, last.epoch), (State::Accepted, 0, 2));
            assert_eq!(last.handover, Some(Handover::Relay), "which hands it over at once");
        }
    }
}
