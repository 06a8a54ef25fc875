//! A batch ends before its function must, whatever is slow. Time here passes only while somebody waits.

use super::{of, statuses};
use crate::{http::Answer, ingest::Rig};
use expedite::{
    conformance::NOON,
    domain::{Aging, Message, State, Timestamp},
    envelope::Envelope,
    fakes::{FakeBroker, FakeStore},
    payload::Payload,
    ports::{Broker, Clock, Created, Key, MessageStore, Parcel, Replaced, SEND_LIMIT, SendError, StoreError},
};
use ingest::Ingest;
use lambda_http::{Context, RequestExt};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// The clock by which the runtime's timers go.
struct Timer(Instant);

impl Clock for Timer {
    fn now(&self) -> Timestamp {
        NOON.plus(self.0.elapsed())
    }
}

/// A table whose writes take a while, each as long as it is told.
struct SlowStore<'a, F>(&'a FakeStore, F);

impl<F: Fn() -> Duration + Send + Sync> MessageStore for SlowStore<'_, F> {
    async fn create(&self, message: &Message, payload: &Payload) -> Result<Created, StoreError> {
        sleep(self.1()).await;
        self.0.create(message, payload).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Message>, StoreError> {
        self.0.read(key).await
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Message>, StoreError> {
        self.0.read_many(keys).await
    }

    async fn read_payload(&self, key: &Key) -> Result<Option<Payload>, StoreError> {
        self.0.read_payload(key).await
    }

    async fn replace(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        sleep(self.1()).await;
        self.0.replace(before, next).await
    }
}

/// A broker that takes as long as a broker may, and confirms everything in the end.
struct SlowBroker<'a>(&'a FakeBroker);

impl Broker for SlowBroker<'_> {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        sleep(SEND_LIMIT).await;
        self.0.send(envelope, delay).await
    }

    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Result<(), SendError>> {
        if !parcels.is_empty() {
            sleep(SEND_LIMIT).await;
        }
        self.0.send_all(parcels).await
    }
}

/// Submits five hundred to a function that may run for so long, and says how long it took.
async fn submit(rig: &Rig, write: Duration, limit: Option<Duration>) -> (Answer, Duration) {
    submit_these(rig, &vec![json!({"type": "demo"}); 500], || write, limit).await
}

async fn submit_these(
    rig: &Rig,
    messages: &[Value],
    write: impl Fn() -> Duration + Send + Sync,
    limit: Option<Duration>,
) -> (Answer, Duration) {
    let started = Instant::now();
    let ingest = Ingest {
        store: SlowStore(&rig.store, write),
        broker: SlowBroker(&rig.broker),
        clock: Timer(started),
        entropy: &rig.entropy,
        meter: &rig.meter,
        aging: Aging::OFF,
        tenant_claim: "sub".to_owned(),
        high_priority_scope: String::new(),
    };
    let mut request = of(messages);
    if let Some(limit) = limit {
        let mut context = Context::default();
        context.deadline = u64::try_from(NOON.plus(limit).millis()).unwrap();
        request = request.with_lambda_context(context);
    }
    let answer = Answer::of(ingest.handle(&request).await);
    (answer, started.elapsed())
}

fn count(statuses: &[u64], wanted: u64) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

/// Everything at its slowest: what was not stored is said so, and what was stored is handed over, though not all of it is
/// marked. Of 29 s sixteen are for storing and four for marking; API Gateway waits for 30, whatever the function may take.
#[tokio::test(start_paused = true)]
async fn a_slow_table_and_a_slow_broker() {
    let write = 2 * SECOND;
    for (limit, stored) in
        [(Some(29 * SECOND), 256), (Some(20 * SECOND), 128), (Some(HOUR), 288), (None, 288)]
    {
        let rig = Rig::new();
        let (answer, took) = submit(&rig, write, limit).await;
        assert!(took < limit.unwrap_or(HOUR).min(30 * SECOND), "{took:?} of {limit:?}");
        let statuses = statuses(&answer);
        // A round of 32 more or less, by which of two timers of the same moment comes first.
        assert!(count(&statuses, 202).abs_diff(stored) <= 32, "{} of {limit:?}", count(&statuses, 202));
        let stored = count(&statuses, 202);
        assert_eq!(count(&statuses, 503), 500 - stored);
        assert_eq!((rig.store.len(), rig.broker.sent().len()), (stored, stored));
        let marked = rig.store.all().iter().filter(|message| message.state == State::Queued).count();
        assert!((32..=96).contains(&marked), "{marked} of {limit:?}");
        assert!(rig.store.all().iter().all(|message| message.due_at.is_some()), "the sweep sees to the rest");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_without_time_stores_nothing() {
    for write in [Duration::ZERO, SECOND] {
        let rig = Rig::new();
        let (answer, took) = submit(&rig, write, Some(13 * SECOND)).await;
        assert_eq!((count(&statuses(&answer), 503), took), (500, Duration::ZERO));
        assert!(rig.nothing_happened());
    }
}

#[tokio::test(start_paused = true)]
async fn time_that_is_not_needed_is_not_taken() {
    let rig = Rig::new();
    let (answer, took) = submit(&rig, Duration::from_millis(10), Some(29 * SECOND)).await;
    assert_eq!(statuses(&answer), [202; 500]);
    assert!(took < SEND_LIMIT + SECOND, "{took:?}");
    assert!(rig.store.all().iter().all(|message| message.state == State::Queued));
}

/// Whichever is stored faster, the first one with a key is the one in front.
#[tokio::test(start_paused = true)]
async fn a_key_that_stands_twice_where_the_later_one_is_faster() {
    let keyed = |payload: u32| json!({"type": "demo", "payload": payload, "idempotency_key": "k"});
    let left = AtomicU64::new(100);
    let ever_faster = || Duration::from_millis(left.fetch_sub(1, Ordering::Relaxed));
    let rig = Rig::new();
    let (answer, _) = submit_these(&rig, &[keyed(1), keyed(2), keyed(1)], ever_faster, None).await;
    assert_eq!(statuses(&answer), [202, 422, 200]);
    assert_eq!(rig.broker.sent()[0].envelope.payload.get(), "1");
}
