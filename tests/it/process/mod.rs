//! Batches from the broker's mapping.

mod attempts;
mod batches;
mod doubts;

use base64::{Engine, engine::general_purpose::STANDARD};
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Event, Message, Priority, Submission, Timestamp, transition},
    envelope::Envelope,
    fakes::{FakeClock, FakeEntropy, FakeMeter, FakeStore},
    handler::{Handler, Job, Verdict},
    metrics::Function,
    mq_event::deliveries,
    ports::{Clock, Key, MessageStore},
};
use process::{BatchError, Limits, Process, Report, Starts};
use serde_json::{Value, json};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long an attempt may take in these tests.
const TIMEOUT: u64 = 30;

const MINUTE: Duration = Duration::from_secs(60);

/// The function over doubles. Its handler remembers its jobs, works for a moment, and ends them as it is told.
pub struct Rig {
    pub store: FakeStore,
    pub clock: FakeClock,
    entropy: FakeEntropy,
    pub meter: FakeMeter,
    starts: Starts,
    verdict: fn(&Job) -> Verdict,
    /// How long a job works.
    pub work: Duration,
    /// How much later it is after each job.
    pub pace: Duration,
    pub concurrency: usize,
    jobs: Mutex<Vec<Job>>,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Handler for &Rig {
    async fn handle(&self, job: Job) -> Verdict {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(running, Ordering::SeqCst);
        self.jobs.lock().unwrap().push(job.clone());
        tokio::time::sleep(self.work).await;
        self.clock.advance(self.pace);
        self.running.fetch_sub(1, Ordering::SeqCst);
        (self.verdict)(&job)
    }
}

impl Rig {
    pub fn new(verdict: fn(&Job) -> Verdict) -> Self {
        Self {
            store: FakeStore::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
            meter: FakeMeter::of(Function::Process),
            starts: Starts::default(),
            verdict,
            work: Duration::from_millis(100),
            pace: Duration::ZERO,
            concurrency: 10,
            jobs: Mutex::default(),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }
    }

    pub fn done() -> Self {
        Self::new(|_| Verdict::Done)
    }

    /// Puts the messages behind a batch into the table, as its senders did at noon.
    pub fn seed(&self, batch: &Value) {
        self.seed_with(batch, NOON, |submission| submission);
    }

    /// The same at another time, but for what `of` says.
    pub fn seed_with(&self, batch: &Value, at: Timestamp, of: impl Fn(Submission) -> Submission) {
        for delivery in deliveries(batch.clone()).unwrap() {
            let Ok(envelope) = delivery.content else { continue };
            let submission = Submission {
                id: envelope.id,
                kind: envelope.kind.clone(),
                priority: envelope.priority,
                ..submission(&envelope.tenant, 0)
            };
            let message = Message::accept(of(submission), at);
            let queued = transition(&message, Event::HandedOver { epoch: 1, raise: None }, at).unwrap();
            self.store.put(queued, envelope.payload);
        }
    }

    /// With ten minutes' time.
    pub async fn run(&self, batch: Value) -> Result<Report, BatchError> {
        self.run_within(batch, 600).await
    }

    pub async fn run_within(&self, batch: Value, seconds: u64) -> Result<Report, BatchError> {
        let process = Process {
            store: &self.store,
            handler: self,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &self.meter,
            limits: Limits::new(self.concurrency, TIMEOUT),
            starts: self.starts.clone(),
        };
        process.run(batch, self.clock.now().plus(Duration::from_secs(seconds))).await
    }

    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().unwrap().clone()
    }

    pub async fn message(&self, number: u128) -> Message {
        let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), number).id };
        (&self.store).read(&key).await.unwrap().unwrap()
    }
}

/// A batch of text messages: number, priority, epoch.
pub fn batch(messages: &[(u128, Priority, u32)]) -> Value {
    let message = |&(number, priority, epoch): &(u128, Priority, u32)| {
        let Submission { tenant, id, trace, kind, .. } = submission(&tenant("acme"), number);
        let payload = payload(&format!(r#"{{"n":{number}}}"#));
        let envelope = Envelope { id, tenant, trace, kind, epoch, attempt: 0, priority, payload };
        let data = STANDARD.encode(envelope.to_json().unwrap());
        json!({"messageID": format!("ID:{id}.{epoch}"), "messageType": "jms/text-message", "data": data})
    };
    json!({"eventSource": "aws:mq", "messages": messages.iter().map(message).collect::<Vec<_>>()})
}

pub fn medium(numbers: impl IntoIterator<Item = u128>) -> Value {
    batch(&numbers.into_iter().map(|number| (number, Priority::Medium, 1)).collect::<Vec<_>>())
}

fn recorded(count: usize) -> Report {
    Report { recorded: count, ..Report::default() }
}
