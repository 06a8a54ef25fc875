//! The broker as the event source mapping shows it: two lanes in the order of priority, each with its dead-letter queue.

use base64::{Engine, engine::general_purpose::STANDARD};
use expedite::{
    adapters::amqp::{ExpressLane, Lane},
    domain::Timestamp,
    envelope::Envelope,
    ports::Key,
};
use serde_json::{Value, json};
use std::{cmp::Reverse, time::Duration};

/// How often the mapping's client delivers before the broker gives up (measured, `docs/decisions.md`).
const DELIVERIES: u32 = 7;

/// How long it waits between two of them.
const REDELIVERY: Duration = Duration::from_secs(1);

/// The template's `BatchSize`.
const BATCH: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    pub lane: Lane,
    /// Whether it is the lane's dead-letter queue.
    pub dead: bool,
}

impl Queue {
    pub const ALL: [Self; 4] = [
        Self { lane: Lane::Express, dead: false },
        Self { lane: Lane::Standard, dead: false },
        Self { lane: Lane::Express, dead: true },
        Self { lane: Lane::Standard, dead: true },
    ];

    fn name(self) -> String {
        let prefix = if self.dead { "DLQ." } else { "" };
        format!("{prefix}{}", self.lane.queue())
    }
}

/// A message on a queue, or under way to a function.
#[derive(Clone, Debug)]
pub struct Held {
    name: usize,
    queue: Queue,
    priority: u8,
    /// When it came to its queue.
    queued_at: Timestamp,
    ready_at: Timestamp,
    deliveries: u32,
    /// None where it is nobody's envelope.
    pub content: Option<(Key, u32)>,
    data: String,
}

#[derive(Default)]
pub struct Broker {
    held: Vec<Held>,
    names: usize,
    /// What was given up on a dead-letter queue: it lies where nobody reads.
    pub abandoned: usize,
}

impl Broker {
    pub fn take(&mut self, envelope: &Envelope, delay: Duration, now: Timestamp) {
        let key = Key { tenant: envelope.tenant.clone(), id: envelope.id };
        let queue = Queue { lane: ExpressLane::On.lane(envelope), dead: false };
        let text = envelope.to_json().unwrap();
        self.hold(queue, envelope.priority.jms(), now.plus(delay), Some((key, envelope.epoch)), &text);
    }

    /// What somebody else has put on a dead-letter queue.
    pub fn take_stray(&mut self, now: Timestamp) {
        let queue = Queue { lane: Lane::Standard, dead: true };
        self.hold(queue, 4, now, None, "not ours");
    }

    fn hold(
        &mut self,
        queue: Queue,
        priority: u8,
        ready_at: Timestamp,
        content: Option<(Key, u32)>,
        text: &str,
    ) {
        self.names += 1;
        self.held.push(Held {
            name: self.names,
            queue,
            priority,
            queued_at: ready_at,
            ready_at,
            deliveries: 0,
            content,
            data: STANDARD.encode(text),
        });
    }

    /// The next batch, the most urgent first; it is under way from here on.
    pub fn batch(&mut self, queue: Queue, now: Timestamp) -> Vec<Held> {
        let is_ready = |held: &Held| held.queue == queue && held.ready_at <= now;
        let mut ready: Vec<_> = self.held.extract_if(.., |held| is_ready(held)).collect();
        ready.sort_by_key(|held| (Reverse(held.priority), held.name));
        let rest = ready.split_off(ready.len().min(BATCH));
        self.held.extend(rest);
        ready
    }

    /// The function failed: all of the batch comes again, or is given up.
    pub fn failed(&mut self, batch: Vec<Held>, now: Timestamp) {
        for mut held in batch {
            held.deliveries += 1;
            held.ready_at = now.plus(REDELIVERY);
            if held.deliveries < DELIVERIES {
                self.held.push(held);
            } else if held.queue.dead {
                self.abandoned += 1;
            } else {
                let queue = Queue { dead: true, ..held.queue };
                self.held.push(Held { queue, queued_at: now, ready_at: now, deliveries: 0, ..held });
            }
        }
    }

    /// When something can be delivered next, from the queues that are read.
    pub fn next(&self, is_read: impl Fn(Queue) -> bool) -> Option<Timestamp> {
        self.held.iter().filter(|held| is_read(held.queue)).map(|held| held.ready_at).min()
    }

    /// Forgets a message, as the broker's scheduler may.
    pub fn lose(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.held.len()) {
            self.held.swap_remove(index);
        }
    }

    /// Has a message twice, as after a confirmation that got lost.
    pub fn double(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.held.len()) {
            self.names += 1;
            self.held.push(Held { name: self.names, ..self.held[index].clone() });
        }
    }

    /// Delivers a message before all others on its queue.
    pub fn prefer(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.held.len()) {
            self.held[index].priority = u8::MAX;
        }
    }
}

/// A batch as the mapping delivers it.
pub fn event(batch: &[Held]) -> Value {
    let message = |held: &Held| {
        let cause = held.queue.dead.then_some("java.lang.Throwable: exceeds redelivery policy limit");
        json!({
            "messageID": format!("ID:{}", held.name),
            "messageType": "jms/text-message",
            "priority": held.priority,
            "redelivered": held.deliveries > 0,
            "destination": {"physicalName": held.queue.name()},
            "brokerInTime": held.queued_at.millis(),
            "properties": cause.map(|cause| json!({"dlqDeliveryFailureCause": cause})),
            "data": held.data,
        })
    };
    json!({"eventSource": "aws:mq", "messages": batch.iter().map(message).collect::<Vec<_>>()})
}
