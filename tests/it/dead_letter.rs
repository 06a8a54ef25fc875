//! Batches from the mapping on the dead-letter queue.

use crate::{events::event, store::Embedded};
use base64::{Engine, engine::general_purpose::STANDARD};
use dead_letter::{BatchError, DeadLetter, Report};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{
        BACKOFF_BASE, Event, Handover, Lease, MaxAttempts, Message, Owner, State, Submission, Timestamp,
        transition,
    },
    fakes::{FakeClock, FakeEntropy, FakeMeter, FakeStore, Fault},
    metrics::Function,
    mq_event::deliveries,
    ports::{Clock, Key, MessageStore, Replaced},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What the broker says in `mq/dead-letters`, to its end.
const REASON: &str =
    "the broker gave it up: java.lang.Throwable: Delivery[7] exceeds redelivery policy limit";

/// The function over doubles.
pub struct Rig {
    store: FakeStore,
    pub clock: FakeClock,
    entropy: FakeEntropy,
    pub meter: FakeMeter,
}

impl Rig {
    fn new() -> Self {
        Self {
            store: FakeStore::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
            meter: FakeMeter::of(Function::DeadLetter),
        }
    }

    /// With the messages behind a batch in the table, as their senders left them but for what `of` says.
    pub fn with(batch: &Value, of: impl Fn(Submission) -> Submission) -> Self {
        let rig = Self::new();
        for delivery in deliveries(batch.clone()).unwrap() {
            let Ok(envelope) = delivery.content else { continue };
            let submission = Submission {
                id: envelope.id,
                kind: envelope.kind.clone(),
                priority: envelope.priority,
                ..submission(&envelope.tenant, 0)
            };
            let message = Message::accept(of(submission), NOON);
            let handed_over = Event::HandedOver { epoch: 1, raise: None };
            rig.store.put(transition(&message, handed_over, NOON).unwrap(), envelope.payload);
        }
        rig
    }

    /// With five minutes' time.
    pub async fn run(&self, batch: Value) -> Result<Report, BatchError> {
        self.run_within(batch, 300).await
    }

    pub async fn run_within(&self, batch: Value, seconds: u64) -> Result<Report, BatchError> {
        let ends_at = self.clock.now().plus(Duration::from_secs(seconds));
        let function =
            DeadLetter { store: &self.store, clock: &self.clock, entropy: &self.entropy, meter: &self.meter };
        function.run(batch, ends_at).await
    }

    async fn message(&self, number: u128) -> Message {
        let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), number).id };
        (&self.store).read(&key).await.unwrap().unwrap()
    }

    /// What somebody else does to message number `number`.
    pub async fn happens(&self, number: u128, event: Event) {
        let before = self.message(number).await;
        let next = transition(&before, event, self.clock.now()).unwrap();
        assert_eq!((&self.store).replace(&before, &next).await.unwrap(), Replaced::Written);
    }
}

/// Messages 1 and 2 of `acme`, as the broker gave them up.
pub fn two() -> Value {
    event("mq/dead-letters")
}

fn counted(counted: usize) -> Report {
    Report { counted, ..Report::default() }
}

fn dropped(dropped: usize) -> Report {
    Report { dropped, ..Report::default() }
}

pub fn claimed(until: Timestamp) -> Event {
    Event::Claimed { epoch: 1, lease: Lease { owner: Owner::from_bits(1), until } }
}

#[tokio::test]
async fn each_becomes_a_counted_attempt_with_the_brokers_reason() {
    let rig = Rig::with(&two(), |submission| submission);
    assert_eq!(rig.run(two()).await.unwrap(), counted(2));
    for number in [1, 2] {
        let message = rig.message(number).await;
        assert_eq!((message.state, message.attempt, message.epoch), (State::Retrying, 1, 2));
        assert_eq!(message.handover, Some(Handover::Relay), "which hands it over when its time comes");
        assert!(message.reason().unwrap().starts_with(REASON), "{:?}", message.reason());
        assert!((NOON..=NOON.plus(BACKOFF_BASE)).contains(&message.deliver_at));
    }
    let times = (rig.message(1).await.deliver_at, rig.message(2).await.deliver_at);
    assert_ne!(times.0, times.1, "jitter spreads what failed together");
    assert_eq!(rig.run(two()).await.unwrap(), dropped(2), "delivered again");
    assert!(rig.store.strays().is_empty());
}

#[tokio::test]
async fn the_last_attempt_fails_with_the_brokers_reason() {
    let once = |submission| Submission { max_attempts: MaxAttempts::new(1).unwrap(), ..submission };
    let rig = Rig::with(&two(), once);
    assert_eq!(rig.run(two()).await.unwrap(), counted(2));
    let message = rig.message(1).await;
    assert_eq!((message.state, message.attempt), (State::Failed, 1));
    let reason = message.reason().unwrap();
    assert!(reason.starts_with(&format!("attempt 1 of 1 failed: {REASON}")), "{reason}");
    assert_eq!(rig.run(two()).await.unwrap(), dropped(2), "final");
}

#[tokio::test]
async fn a_reason_that_is_missing_or_strange_keeps_no_message_from_being_counted() {
    let name = "mq/dead-letters-variants";
    let rig = Rig::with(&event(name), |submission| submission);
    assert_eq!(rig.run(event(name)).await.unwrap(), counted(4));
    let mut reasons = Vec::new();
    for number in 1..=4 {
        reasons.push(rig.message(number).await.reason().unwrap().to_owned());
    }
    let none = "the broker gave it up: it does not say why".to_owned();
    assert_eq!(reasons, [&none, &none, &none, "the broker gave it up: Message Expired"]);
}

/// Somebody runs it: the outcome is theirs. A lapsed attempt was counted when it started.
#[tokio::test]
async fn a_live_lease_keeps_it_and_a_lapsed_one_is_not_counted_twice() {
    let rig = Rig::with(&two(), |submission| submission);
    rig.happens(1, claimed(NOON.plus(MINUTE))).await;
    rig.happens(2, claimed(NOON)).await;
    assert_eq!(rig.run(two()).await.unwrap(), Report { counted: 1, dropped: 1, ..Report::default() });
    assert_eq!((rig.message(1).await.state, rig.message(1).await.attempt), (State::Processing, 1));
    assert_eq!((rig.message(2).await.state, rig.message(2).await.attempt), (State::Retrying, 1));
    rig.clock.advance(MINUTE);
    assert_eq!(rig.run(two()).await.unwrap(), Report { counted: 1, dropped: 1, ..Report::default() });
    assert_eq!((rig.message(1).await.state, rig.message(1).await.attempt), (State::Retrying, 1));
}

#[tokio::test]
async fn what_was_never_started_by_its_end_expires() {
    let until = |submission| Submission { start_by: Some(NOON.plus(MINUTE)), ..submission };
    let rig = Rig::with(&two(), until);
    rig.clock.advance(MINUTE);
    assert_eq!(rig.run(two()).await.unwrap(), Report { expired: 2, ..Report::default() });
    assert_eq!(rig.message(1).await.state, State::Expired);
    assert_eq!(rig.run(two()).await.unwrap(), dropped(2));
}

#[tokio::test]
async fn what_belongs_to_no_message_is_kept_once() {
    let garbage = event("mq/dead-letters-garbage");
    let rig = Rig::with(&two(), |submission| submission);
    let mut batch = two();
    let more = garbage["messages"].as_array().unwrap().clone();
    batch["messages"].as_array_mut().unwrap().extend(more.clone());
    let strays = more.len();
    assert_eq!(rig.run(batch.clone()).await.unwrap(), Report { counted: 2, strays, ..Report::default() });
    rig.clock.advance(MINUTE);
    assert_eq!(rig.run(batch).await.unwrap(), Report { dropped: 2, strays, ..Report::default() });

    let kept = rig.store.strays();
    assert_eq!(kept.len(), strays, "delivered again, they are kept once");
    let stray = |data: &Value| kept.iter().find(|stray| *data == stray.data).unwrap();

    let bytes = stray(&garbage["messages"][0]["data"]);
    assert_eq!(garbage["messages"][0]["messageID"], bytes.broker_id);
    assert_eq!((bytes.queue.as_str(), bytes.found_at), ("DLQ.standard", NOON));
    assert_eq!(garbage["messages"][0]["brokerInTime"], bytes.queued_at.millis());
    assert_eq!(bytes.reason, "the text is not UTF-8");
    assert!(bytes.given_up.as_ref().unwrap().starts_with("java.lang.Throwable: Delivery[7]"));
    let text = stray(&garbage["messages"][1]["data"]);
    assert!(text.reason.contains("no envelope"), "{text:?}");
    let unknown = stray(&garbage["messages"][2]["data"]);
    let reason =
        "its message, 00000000-0000-8000-8000-000000000009 of acme, is not in the table or can't be read";
    assert_eq!(unknown.reason, reason);
    for message in [&garbage["messages"][3], &garbage["messages"][4]] {
        let nothing = stray(&json!(message.to_string()));
        assert_eq!(nothing.reason, "the message has no data");
        assert_eq!((nothing.broker_id.as_str(), nothing.queue.as_str()), ("unnamed", "unnamed"));
        assert_eq!((nothing.queued_at.millis(), &nothing.given_up), (0, &None));
    }
}

#[tokio::test]
async fn an_event_that_is_no_batch_fails() {
    for event in [event("mq/not-a-batch"), json!({}), json!(null)] {
        assert!(matches!(Rig::new().run(event).await, Err(BatchError::NotABatch(_))));
    }
    assert_eq!(Rig::new().run(json!({"messages": []})).await.unwrap(), Report::default());
}

/// Calls to the table: one read for the batch, then one write for each message. What was written is not tried again.
#[tokio::test(start_paused = true)]
async fn a_table_that_fails_is_tried_again() {
    let (fine, refused, lost) = (None, Some(Fault::Refused), Some(Fault::AnswerLost));
    for (faults, expected) in [
        (vec![refused, refused], Report { retries: 2, ..counted(2) }),
        (vec![fine, refused, refused], Report { retries: 1, ..counted(2) }),
        (vec![fine, fine, refused, refused, refused], Report { retries: 3, ..counted(2) }),
        // It took effect and nobody knows: what is read then has moved on.
        (vec![fine, lost, lost], Report { retries: 1, ..dropped(2) }),
    ] {
        let rig = Rig::with(&two(), |submission| submission);
        rig.store.faults.order(faults.clone());
        assert_eq!(rig.run(two()).await.unwrap(), expected, "{faults:?}");
        for number in [1, 2] {
            assert_eq!(rig.message(number).await.attempt, 1, "{faults:?}");
        }
    }
    let rig = Rig::new();
    rig.store.faults.order([fine, refused, lost]);
    let unknown = json!({"messages": [two()["messages"][0]]});
    let report = rig.run(unknown).await.unwrap();
    assert_eq!(report, Report { strays: 1, retries: 2, ..Report::default() });
    assert_eq!(rig.store.strays().len(), 1);
}

/// Waits of 0.5, 1, 2, 4, 8 and 16 s, then of 20 s each, and no round in the last ten seconds.
#[tokio::test(start_paused = true)]
async fn it_fails_only_when_its_time_is_nearly_over() {
    for (seconds, waited) in [(5, 0), (10, 0), (12, 1_500), (60, 31_500), (300, 271_500)] {
        let rig = Rig::with(&two(), |submission| submission);
        rig.store.faults.order(vec![Some(Fault::Refused); 100]);
        let started = Instant::now();
        let error = rig.run_within(two(), seconds).await.unwrap_err();
        assert!(matches!(error, BatchError::TimeIsUp { left: 2, .. }), "{error}");
        assert_eq!(started.elapsed(), Duration::from_millis(waited), "within {seconds} s");
    }
}

/// Of a batch that fails, what could be taken is taken: the redelivery finds only the rest to do.
#[tokio::test(start_paused = true)]
async fn one_that_can_not_be_taken_holds_no_neighbour_up() {
    let rig = Rig::with(&two(), |submission| submission);
    let mut faults = vec![None, None, Some(Fault::Refused)];
    // Then a read and a write in each of the 18 rounds that there is time for.
    faults.extend([None, Some(Fault::Refused)].repeat(18));
    rig.store.faults.order(faults);
    let error = rig.run(two()).await.unwrap_err();
    assert!(matches!(error, BatchError::TimeIsUp { left: 1, .. }), "{error}");
    let mut attempts = [rig.message(1).await.attempt, rig.message(2).await.attempt];
    attempts.sort_unstable();
    assert_eq!(attempts, [0, 1]);
}

#[tokio::test]
async fn a_message_that_can_not_be_read_is_no_reason_to_fail() {
    let embedded = Embedded::start().await;
    let bad = embedded.spoil().await;
    let store = embedded.messages();
    let message = json!({
        "v": 1, "id": bad.id.to_string(), "tenant": "acme", "type": "demo", "epoch": 1, "attempt": 0,
        "priority": "low", "payload": 1,
    });
    let batch = json!({"messages": [{"data": STANDARD.encode(message.to_string())}]});
    let meter = &FakeMeter::of(Function::DeadLetter);
    let function = DeadLetter { store, clock: FakeClock::at(NOON), entropy: FakeEntropy::default(), meter };
    let report = function.run(batch, NOON.plus(MINUTE)).await.unwrap();
    assert_eq!(report, Report { strays: 1, ..Report::default() });
    let kept = function.store.strays().await.unwrap();
    assert!(kept[0].reason.contains("can't be read"), "{kept:?}");
}
