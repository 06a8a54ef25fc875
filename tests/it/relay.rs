//! Hand-overs that are owed: from the stream, and by the sweep.

use crate::{
    events::{event, typed},
    store::Embedded,
    stream::{batch, record},
};
use expedite::{
    adapters::stream::changes,
    conformance::{NOON, payload, submission, tenant},
    domain::{
        Aging, Event, Lease, MaxAttempts, Message, Outcome, Owner, Priority, State, Submission, Timestamp,
        transition,
    },
    fakes::{FakeBroker, FakeClock, FakeEntropy, FakeMeter, FakeStore, Fault},
    metrics::Function,
    ports::{Broker, Clock, Key, MessageStore, Parcel, StoreError},
};
use relay::{Relay, Report};
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The function over doubles.
pub struct Rig {
    store: FakeStore,
    pub broker: FakeBroker,
    pub clock: FakeClock,
    pub entropy: FakeEntropy,
    pub meter: FakeMeter,
    pub aging: Aging,
}

impl Rig {
    pub fn at(now: Timestamp) -> Self {
        Self {
            store: FakeStore::default(),
            broker: FakeBroker::default(),
            clock: FakeClock::at(now),
            entropy: FakeEntropy::default(),
            meter: FakeMeter::of(Function::Relay),
            aging: Aging::OFF,
        }
    }

    /// With the messages of a stream event in the table.
    pub fn behind(name: &str) -> Self {
        let rig = Self::at(NOON);
        for message in changes(typed(name)).into_iter().filter_map(|change| change.message.ok()) {
            rig.put(message);
        }
        rig
    }

    pub fn put(&self, message: Message) {
        self.store.put(message, payload("{}"));
    }

    /// With a minute's time.
    pub async fn run(&self, event: Value) -> Result<Report, StoreError> {
        self.run_within(event, MINUTE).await
    }

    async fn run_within(&self, event: Value, time: Duration) -> Result<Report, StoreError> {
        self.run_over(&self.broker, event, time).await
    }

    pub async fn run_over(
        &self,
        broker: impl Broker,
        event: Value,
        time: Duration,
    ) -> Result<Report, StoreError> {
        let relay = Relay {
            store: &self.store,
            broker,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &self.meter,
            aging: self.aging,
        };
        relay.run(event, self.clock.now().plus(time)).await
    }

    pub async fn sweep(&self) -> Report {
        self.run(event("schedule/sweep")).await.unwrap()
    }

    async fn message(&self, number: u128) -> Message {
        let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), number).id };
        (&self.store).read(&key).await.unwrap().unwrap()
    }

    /// How long the broker is to hold a message back; none where it was not handed over.
    fn delay(&self, message: &Message) -> Option<u64> {
        let of = |sent: &&Parcel| sent.envelope.id == message.id;
        self.broker.sent().iter().find(of).map(|sent| sent.delay.as_secs())
    }
}

pub fn accepted(number: u128, deliver_at: Timestamp) -> Message {
    let submission = Submission { deliver_at: Some(deliver_at), ..submission(&tenant("acme"), number) };
    Message::accept(submission, NOON)
}

pub fn then(message: &Message, event: Event) -> Message {
    transition(message, event, NOON).unwrap()
}

pub fn queued(number: u128) -> Message {
    then(&accepted(number, NOON), Event::HandedOver { epoch: 1, raise: None })
}

pub fn claim(message: &Message, until: Timestamp) -> Message {
    let lease = Lease { owner: Owner::from_bits(1), until };
    then(message, Event::Claimed { epoch: 1, lease })
}

pub fn finish(message: &Message, outcome: Outcome) -> Message {
    then(message, Event::Finished { owner: Owner::from_bits(1), outcome })
}

#[tokio::test]
async fn what_the_stream_brings() {
    for (name, expected) in [
        ("dynamodb/owed-to-relay", Report { handed_over: 1, ..Report::default() }),
        ("dynamodb/corrupt-beside-good", Report { handed_over: 1, unreadable: 1, ..Report::default() }),
        ("dynamodb/insert", Report { not_due: 1, ..Report::default() }),
        ("dynamodb/modify", Report { not_due: 1, ..Report::default() }),
        ("dynamodb/payload", Report::default()),
        ("dynamodb/stray", Report::default()),
        ("dynamodb/expired", Report::default()),
    ] {
        let rig = Rig::behind(name);
        assert_eq!(rig.run(event(name)).await.unwrap(), expected, "{name}");
        assert_eq!(rig.broker.sent().len(), expected.handed_over, "{name}");
    }
}

#[tokio::test]
async fn a_hand_over_is_sent_with_its_epoch_and_marked() {
    let rig = Rig::behind("dynamodb/owed-to-relay");
    rig.run(event("dynamodb/owed-to-relay")).await.unwrap();
    let (message, sent) = (rig.store.only(), rig.broker.sent().remove(0));
    assert_eq!((message.state, message.version, message.handover), (State::Queued, 5, None));
    assert_eq!((sent.envelope.epoch, sent.envelope.attempt), (2, 1));
    assert_eq!((sent.envelope.payload.get(), sent.delay), ("{}", Duration::ZERO));
}

/// The stream delivers at least once, and late.
#[tokio::test]
async fn an_image_that_comes_late_or_twice_changes_nothing() {
    let rig = Rig::behind("dynamodb/owed-to-relay");
    rig.run(event("dynamodb/owed-to-relay")).await.unwrap();
    let marked = rig.store.only();
    rig.clock.advance(Duration::from_secs(1));
    let again = rig.run(event("dynamodb/owed-to-relay")).await.unwrap();
    assert_eq!(again, Report { not_due: 1, ..Report::default() });
    assert_eq!(rig.store.only(), marked);
    let epochs: Vec<_> = rig.broker.sent().iter().map(|sent| sent.envelope.epoch).collect();
    assert_eq!(epochs, [2, 2], "of two copies with one epoch, one can claim");
}

#[tokio::test]
async fn without_the_broker_everything_stays_due() {
    let rig = Rig::behind("dynamodb/owed-to-relay");
    let owed = rig.store.only();
    rig.broker.set_down(true);
    let failed = Report { failed: 1, ..Report::default() };
    assert_eq!(rig.run(event("dynamodb/owed-to-relay")).await.unwrap(), failed);
    assert_eq!(rig.store.only(), owed);

    rig.clock.advance(MINUTE);
    assert_eq!(rig.sweep().await, failed);
    rig.broker.set_down(false);
    assert_eq!(rig.sweep().await, Report { handed_over: 1, late: 1, ..Report::default() });
    assert_eq!(rig.sweep().await, Report::default(), "done is done");
}

/// The mark is lost, so the message stays due and is sent again with the same epoch: only one of the two can claim.
#[tokio::test]
async fn without_the_mark_it_is_sent_again() {
    let rig = Rig::behind("dynamodb/owed-to-relay");
    // The payload is read, the mark is not written.
    rig.store.faults.order([None, Some(Fault::Refused)]);
    assert_eq!(rig.run(event("dynamodb/owed-to-relay")).await.unwrap().failed, 1);
    rig.clock.advance(MINUTE);
    assert_eq!(rig.sweep().await.handed_over, 1);
    let epochs: Vec<_> = rig.broker.sent().iter().map(|sent| sent.envelope.epoch).collect();
    assert_eq!(epochs, [2, 2]);
}

/// What the broker confirmed is marked, whatever became of the rest. Higher priorities go first.
#[tokio::test]
async fn a_broker_that_fails_in_the_middle_of_a_page() {
    let rig = Rig::at(NOON.plus(HOUR));
    let priorities = [Priority::Low, Priority::High, Priority::Medium];
    // All end with the same hexadecimal digit, so they are on one shard; a page of the double has three of them.
    let numbers = [1, 17, 33];
    for (number, priority) in numbers.into_iter().zip(priorities) {
        rig.put(Message::accept(Submission { priority, ..submission(&tenant("acme"), number) }, NOON));
    }
    rig.broker.set_room(2);
    assert_eq!(rig.sweep().await, Report { handed_over: 2, late: 2, failed: 1, ..Report::default() });
    let sent: Vec<_> = rig.broker.sent().iter().map(|sent| sent.envelope.priority).collect();
    assert_eq!(sent, [Priority::High, Priority::Medium]);
    for (number, state) in numbers.into_iter().zip([State::Accepted, State::Queued, State::Queued]) {
        assert_eq!(rig.message(number).await.state, state, "message {number}");
    }
    rig.broker.set_down(false);
    assert_eq!(rig.sweep().await, Report { handed_over: 1, late: 1, ..Report::default() });
}

/// An hour after noon: each kind of message that is due, what becomes of it, and with which delay it is handed over.
#[tokio::test]
async fn the_sweep_sees_to_everything_that_is_due() {
    let now = NOON.plus(HOUR);
    let retry = |at| Outcome::Retry { at, reason: "rain".to_owned() };
    let last = Submission { max_attempts: MaxAttempts::new(1).unwrap(), ..submission(&tenant("acme"), 4) };
    let urgent = Submission { start_by: Some(now), ..submission(&tenant("acme"), 8) };
    let lease_end = NOON.plus(MINUTE);
    let table = [
        (accepted(1, NOON), State::Queued, Some(0)),
        (finish(&claim(&queued(2), lease_end), retry(NOON)), State::Queued, Some(0)),
        (claim(&queued(3), lease_end), State::Retrying, None),
        (claim(&Message::accept(last, NOON), lease_end), State::Failed, None),
        (accepted(5, now.plus(10 * MINUTE)), State::Queued, Some(600)),
        (finish(&claim(&queued(6), lease_end), retry(now.plus(15 * MINUTE))), State::Queued, Some(900)),
        (queued(7), State::Queued, Some(0)),
        (Message::accept(urgent, NOON), State::Expired, None),
        // From here on nothing is due.
        (accepted(9, now.plus(16 * MINUTE)), State::Accepted, None),
        (claim(&queued(10), now.plus(MINUTE)), State::Processing, None),
        (finish(&claim(&queued(11), lease_end), Outcome::Done), State::Completed, None),
        (then(&accepted(12, now), Event::HandedOver { epoch: 1, raise: None }), State::Queued, None),
    ];
    let rig = Rig::at(now);
    for (message, ..) in &table {
        rig.put(message.clone());
    }
    let expected = Report { handed_over: 5, late: 2, overdue: 1, lapsed: 2, expired: 1, ..Report::default() };
    assert_eq!(rig.sweep().await, expected);
    for (number, (before, state, delay)) in (1..).zip(table) {
        let after = rig.message(number).await;
        assert_eq!((after.state, rig.delay(&before)), (state, delay), "message {number}");
        assert_eq!(after.version - before.version, u64::from(after != before), "message {number}");
        assert_eq!(after != before, number < 9, "message {number}");
    }
}

/// The sweep only says so; the copy with the new class is handed over when the stream brings the change.
#[tokio::test]
async fn what_has_waited_too_long_is_raised() {
    let mut rig = Rig::at(NOON.plus(HOUR));
    let minutes = |count| Some(count * MINUTE);
    rig.aging = Aging { low: minutes(15), medium: minutes(60), cap: Priority::High };
    let low = |number| Submission { priority: Priority::Low, ..submission(&tenant("acme"), number) };
    let wait = |message: &Message| {
        let raise = rig.aging.raise(message.priority);
        then(message, Event::HandedOver { epoch: message.epoch, raise })
    };
    for message in [Message::accept(low(1), NOON), accepted(2, NOON), accepted(3, NOON.plus(10 * MINUTE))] {
        rig.put(wait(&message));
    }
    assert_eq!(rig.sweep().await, Report { raised: 2, handed_over: 1, overdue: 1, ..Report::default() });
    for (number, priority, state) in [
        (1, Priority::Medium, State::Accepted),
        (2, Priority::High, State::Accepted),
        (3, Priority::Medium, State::Queued),
    ] {
        let message = rig.message(number).await;
        assert_eq!((message.priority, message.state), (priority, state), "message {number}");
    }
    // The sweep finds what the stream did not bring, and what waits in its new class starts its wait anew.
    rig.clock.advance(MINUTE);
    assert_eq!(rig.sweep().await, Report { handed_over: 2, late: 2, ..Report::default() });
    let sent = rig.broker.sent().into_iter().map(|sent| (sent.envelope.priority, sent.envelope.epoch));
    let mut sent: Vec<_> = sent.collect();
    sent.sort();
    assert_eq!(sent, [(Priority::Medium, 1), (Priority::Medium, 2), (Priority::High, 2)]);
    let due = rig.message(1).await.due_at;
    assert_eq!(due, Some(NOON.plus(HOUR + MINUTE).plus(15 * MINUTE)));
}

/// More pages than one, and on every page one that can't be helped.
#[tokio::test]
async fn the_sweep_pages_past_what_it_cannot_handle() {
    let rig = Rig::at(NOON.plus(HOUR));
    for number in 0..40 {
        let message = accepted(number, NOON);
        rig.put(message.clone());
        if number % 3 == 0 {
            rig.store.lose_payload(&Key::of(&message));
        }
    }
    assert_eq!(rig.sweep().await, Report { handed_over: 26, late: 26, failed: 14, ..Report::default() });
    let lost = rig.message(0).await;
    assert_eq!((lost.state, lost.version), (State::Accepted, 1), "it stays due, and is said every minute");
    assert_eq!(rig.sweep().await, Report { failed: 14, ..Report::default() });
}

/// The double has nothing that can't be read, so this sweep goes over a table.
#[tokio::test]
async fn the_sweep_passes_over_what_is_no_message() {
    let embedded = Embedded::start().await;
    embedded.spoil().await;
    let (store, rig) = (embedded.messages(), Rig::at(NOON.plus(HOUR)));
    store.create(&accepted(1, NOON), &payload("{}")).await.unwrap();
    let relay = Relay {
        store,
        broker: &rig.broker,
        clock: &rig.clock,
        entropy: &rig.entropy,
        meter: &rig.meter,
        aging: Aging::OFF,
    };
    let report = relay.run(event("schedule/sweep"), rig.clock.now().plus(MINUTE)).await.unwrap();
    let expected = Report { handed_over: 1, late: 1, unreadable: 1, failed: 1, ..Report::default() };
    assert_eq!(report, expected, "one names no message, and one can't be read");
}

#[tokio::test]
async fn a_sweep_fails_where_its_index_cannot_be_read() {
    let rig = Rig::at(NOON.plus(HOUR));
    rig.store.faults.order([Some(Fault::Refused)]);
    assert!(rig.run(event("schedule/sweep")).await.is_err());
}

#[tokio::test]
async fn a_sweep_starts_no_page_that_it_has_no_time_for() {
    for (seconds, handed_over) in [(11, 0), (12, 1)] {
        let rig = Rig::at(NOON.plus(HOUR));
        rig.put(accepted(1, NOON));
        let report = rig.run_within(event("schedule/sweep"), Duration::from_secs(seconds)).await.unwrap();
        let expected =
            Report { handed_over, late: handed_over, cut_short: handed_over == 0, ..Report::default() };
        assert_eq!(report, expected, "{seconds} s");
    }
}

/// The stream does not sweep, however empty its batch.
#[tokio::test]
async fn only_the_schedule_sweeps() {
    let rig = Rig::at(NOON.plus(HOUR));
    rig.put(accepted(1, NOON));
    let quiet = record("dynamodb/payload", &[]);
    for batch in [batch(vec![]), batch(vec![quiet])] {
        assert_eq!(rig.run(batch).await.unwrap(), Report::default());
    }
    assert_eq!(rig.run(json!({})).await.unwrap().handed_over, 1);
}
