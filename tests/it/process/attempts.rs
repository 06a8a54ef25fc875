//! How one attempt ends.

use super::{MINUTE, Rig, TIMEOUT, medium, recorded};
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Priority, State, Submission},
    fakes::FakeClock,
    handler::{Handler, Job, Verdict},
};
use process::DemoHandler;
use std::time::Duration;
use tokio::time::Instant;

/// What the message is after `verdict`: its state and the attempts counted, the seconds until its time at least and at
/// most, and the reason.
async fn check(
    verdict: fn(&Job) -> Verdict,
    state: State,
    attempt: u32,
    wait: [u64; 2],
    reason: Option<&str>,
) {
    let rig = Rig::new(verdict);
    rig.seed(&medium([1]));
    assert_eq!(rig.run(medium([1])).await.unwrap(), recorded(1));
    let message = rig.message(1).await;
    assert_eq!((message.state, message.attempt, message.reason()), (state, attempt, reason));
    let seconds = NOON.until(message.deliver_at).as_secs();
    assert!((wait[0]..=wait[1]).contains(&seconds), "{reason:?}: {seconds}");
}

#[tokio::test(start_paused = true)]
async fn each_verdict_is_recorded() {
    use State::{Completed, Failed, Retrying};
    check(|_| Verdict::Done, Completed, 1, [0, 0], None).await;
    check(|_| Verdict::Discard { reason: "never".to_owned() }, Failed, 1, [0, 0], Some("never")).await;
    let named = |_: &Job| Verdict::Retry { after: Some(MINUTE), reason: "rain".to_owned() };
    check(named, Retrying, 1, [60, 60], Some("rain")).await;
    let by_backoff = |_: &Job| Verdict::Retry { after: None, reason: "rain".to_owned() };
    check(by_backoff, Retrying, 1, [0, 2], Some("rain")).await;
    let snooze = |_: &Job| Verdict::Snooze { after: MINUTE, reason: "early".to_owned() };
    check(snooze, Retrying, 0, [60, 60], Some("early")).await;
    check(|_| panic!("no such file"), Retrying, 1, [0, 2], Some("the handler panicked: no such file")).await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_deadline() {
    let mut rig = Rig::done();
    rig.work = Duration::from_secs(TIMEOUT + 1);
    rig.seed(&medium([1]));
    assert_eq!(rig.run(medium([1])).await.unwrap(), recorded(1));
    let message = rig.message(1).await;
    assert_eq!((message.state, message.attempt), (State::Retrying, 1));
    assert_eq!(message.reason(), Some("the handler took longer than 30 s"));
}

#[tokio::test(start_paused = true)]
async fn one_bad_job_leaves_the_others_alone() {
    let rig = Rig::new(|job| match job.payload.get() {
        r#"{"n":2}"# => panic!("poison"),
        _ => Verdict::Done,
    });
    rig.seed(&medium(1..=3));
    assert_eq!(rig.run(medium(1..=3)).await.unwrap(), recorded(3));
    let states =
        [rig.message(1).await, rig.message(2).await, rig.message(3).await].map(|message| message.state);
    assert_eq!(states, [State::Completed, State::Retrying, State::Completed]);
}

fn demo_job(json: &str, attempt: u32) -> Job {
    let Submission { tenant, id, trace, kind, .. } = submission(&tenant("acme"), 1);
    let (priority, max_attempts, deadline) = (Priority::Medium, 5, NOON);
    Job { id, tenant, trace, kind, priority, attempt, max_attempts, deadline, payload: payload(json) }
}

/// What the demo handler makes of a payload, attempt by attempt, and how long it takes.
#[tokio::test(start_paused = true)]
async fn the_demo_handler_does_what_the_payload_says() {
    let clock = FakeClock::at(NOON);
    let demo = DemoHandler { clock: &clock };
    let retry = |times: u32, millis: Option<u64>| Verdict::Retry {
        after: millis.map(Duration::from_millis),
        reason: format!("the payload says fail {times} times"),
    };
    let discard = Verdict::Discard { reason: "the payload says discard".to_owned() };
    let snooze = Verdict::Snooze { after: MINUTE, reason: "the payload says snooze".to_owned() };
    for (json, attempt, millis, expected) in [
        ("null", 1, 0, Verdict::Done),
        (r#"{"other":1}"#, 1, 0, Verdict::Done),
        (r#"{"work_ms":250}"#, 1, 250, Verdict::Done),
        (r#"{"fail_times":2}"#, 1, 0, retry(2, None)),
        (r#"{"fail_times":2,"retry_after_ms":50,"work_ms":7}"#, 2, 7, retry(2, Some(50))),
        (r#"{"fail_times":2}"#, 3, 0, Verdict::Done),
        (r#"{"discard":true,"work_ms":7}"#, 1, 7, discard),
        (r#"{"snooze_until":"2026-01-31T12:01:00Z","work_ms":7}"#, 1, 0, snooze),
        (r#"{"snooze_until":"2026-01-31T12:00:00Z"}"#, 1, 0, Verdict::Done),
    ] {
        let started = Instant::now();
        assert_eq!(demo.handle(demo_job(json, attempt)).await, expected, "{json}");
        assert_eq!(started.elapsed(), Duration::from_millis(millis), "{json}");
    }
}

#[tokio::test]
async fn the_demo_handler_can_panic() {
    let demo = DemoHandler { clock: FakeClock::at(NOON) };
    let task = tokio::spawn(async move { demo.handle(demo_job(r#"{"panic":true}"#, 1)).await });
    assert!(task.await.unwrap_err().is_panic());
}
