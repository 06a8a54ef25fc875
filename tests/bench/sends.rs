//! How many messages a second the broker confirms, and how often it flushes its disk for one: over one connection one
//! after the other, many at once and in transactions, and as `send_all` does it.
//!
//! `cargo bench --package expedite-tests --features system --bench sends -- MS` starts a system of its own, for which
//! `make build` must have been run. `MS`, which can be left out, makes each flush of the broker's disk last so many
//! milliseconds longer, as one over a network does. `strace` does that, and the counting; without it neither is done.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what can't be set up ends it, and the table is the point"
)]

#[path = "../system/aws.rs"]
#[expect(dead_code, reason = "the system tests use more of it")]
mod aws;
mod flushes;
#[path = "../system/raw.rs"]
#[expect(dead_code, reason = "the system tests use more of it")]
mod raw;
#[path = "../system/sender.rs"]
mod sender;

use expedite::{
    adapters::{
        amqp::{AmqpBroker, Lane},
        system::SystemClock,
    },
    conformance::{payload, submission, tenant},
    domain::Message,
    envelope::Envelope,
    ports::{Broker, Clock, Parcel},
};
use expedite_tests::launcher::System;
use fe2o3_amqp::{
    Sender,
    transaction::{Controller, Transaction, TransactionDischarge, TransactionPosting},
    types::messaging::{AmqpValue, Header, Message as AmqpMessage, Outcome},
};
use flushes::Watched;
use futures_util::{StreamExt, stream};
use std::time::{Duration, Instant};

/// As many as a batch may have.
const COUNT: usize = 500;

const ROUNDS: usize = 5;

/// How many are under way at once on one connection, and how many are in one transaction.
const WINDOW: usize = 100;

/// With what the envelope adds, 1 KB.
const PAYLOAD: usize = 850;

struct Bench {
    broker_pid: i32,
    longer: Option<Duration>,
}

impl Bench {
    /// Measures one way of sending all of them.
    async fn row(&self, way: &str, mut send: impl AsyncFnMut()) {
        let slowed = self.longer.map(|_| Watched::start(self.broker_pid, self.longer));
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            send().await;
            rates.push(COUNT as f64 / started.elapsed().as_secs_f64());
        }
        slowed.map(Watched::end);
        rates.sort_by(f64::total_cmp);
        let flushes = if flushes::can_be_watched() {
            let watched = Watched::start(self.broker_pid, self.longer);
            send().await;
            format!("{:.2}", watched.end() as f64 / COUNT as f64)
        } else {
            "-".to_owned()
        };
        println!(
            "{way:<36} {:>8.0} ({:.0} to {:.0}) {flushes:>10}",
            rates[ROUNDS / 2],
            rates[0],
            rates[ROUNDS - 1]
        );
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let longer = std::env::args().find_map(|argument| argument.parse().ok()).map(Duration::from_millis);
    let system = System::start("bench", &[]).unwrap();
    system.order("poller stop").unwrap();
    let broker = sender::sender(&system, None).await;
    let bench = Bench { broker_pid: system.endpoints.pids["broker"], longer };
    let at_once = parcels(Duration::ZERO);
    let (_connection, mut session) = raw::connect(&system).await;
    let controller = Controller::attach(&mut session, "controller").await.unwrap();
    let mut link = Sender::attach(&mut session, "bench", Lane::Standard.queue()).await.unwrap();

    println!("\n{COUNT} persistent messages of 1 KB; each flush takes {longer:?} longer\n");
    println!("{:<36} a second, median of {ROUNDS} (all)   flushes a message", "");
    bench.row("one after the other", async || one_after_the_other(&broker, &at_once).await).await;
    bench.row("many at once on one connection", async || many_at_once(&broker, &at_once).await).await;
    bench.row("in transactions", async || in_transactions(&controller, &mut link, &at_once).await).await;
    bench.row("send_all", async || together(&broker, &at_once).await).await;
    let delayed = parcels(Duration::from_secs(600));
    bench.row("send_all, each with a delay", async || together(&broker, &delayed).await).await;
}

fn parcels(delay: Duration) -> Vec<Parcel> {
    let text = format!("\"{}\"", "x".repeat(PAYLOAD));
    (0..COUNT as u128)
        .map(|number| {
            let message = Message::accept(submission(&tenant("bench"), number), SystemClock.now());
            Parcel { envelope: Envelope::of(&message, payload(&text)), delay }
        })
        .collect()
}

async fn one_after_the_other(broker: &AmqpBroker, parcels: &[Parcel]) {
    for parcel in parcels {
        broker.send(&parcel.envelope, parcel.delay).await.unwrap();
    }
}

async fn many_at_once(broker: &AmqpBroker, parcels: &[Parcel]) {
    let mut sends = stream::iter(0..parcels.len())
        .map(|index| broker.send(&parcels[index].envelope, parcels[index].delay))
        .buffer_unordered(WINDOW);
    while let Some(sent) = sends.next().await {
        sent.unwrap();
    }
}

async fn in_transactions(controller: &Controller, link: &mut Sender, parcels: &[Parcel]) {
    for window in parcels.chunks(WINDOW) {
        let transaction = Transaction::declare(controller, None).await.unwrap();
        let mut pending = Vec::new();
        for parcel in window {
            let header = Header { durable: true, ..Header::default() };
            let body = parcel.envelope.to_json().unwrap();
            let message: AmqpMessage<AmqpValue<String>> =
                AmqpMessage::builder().header(header).value(body).build();
            pending.push(transaction.post_batchable(link, message).await.unwrap());
        }
        for posted in pending {
            assert!(matches!(posted.await.unwrap(), Outcome::Accepted(_)));
        }
        transaction.commit().await.unwrap();
    }
}

async fn together(broker: &AmqpBroker, parcels: &[Parcel]) {
    for sent in broker.send_all(parcels).await {
        sent.unwrap();
    }
}
