//! What invokes the functions: the queues' mappings, the stream's mappings, the schedule.

use crate::{
    broker::{Queue, event},
    invocation::Function,
    system::{Ended, Purpose, Running, System},
};
use dead_letter::DeadLetter;
use expedite::{domain::Handover, fakes::stream_record};
use fanout::Fanout;
use process::{Limits, Process, Starts};
use relay::Relay;
use serde_json::{Value, json};
use std::ops::Range;

/// A stream mapping tries a batch that often: once, and the template's `MaximumRetryAttempts`.
const STREAM_TRIES: u32 = 3;

/// A mapping's place in the stream.
#[derive(Debug, Default)]
pub struct Reader {
    next: usize,
    /// How many records are under way.
    taken: usize,
    tries: u32,
    pub off: bool,
}

impl System {
    /// The mapping of a queue invokes its function, where there is something to deliver.
    pub fn deliver(&mut self, queue: Queue) -> Option<Running> {
        let batch = self.world.broker().batch(queue, self.now());
        if batch.is_empty() {
            return None;
        }
        let event = event(&batch);
        let function = if queue.dead { Function::DeadLetter } else { Function::Process };
        let mut by = self.invocation(function);
        by.deliveries = batch.iter().filter_map(|held| held.content.clone()).collect();
        let purpose = Purpose::Batch(batch);
        if queue.dead {
            return Some(self.launch(by, purpose, 300, |ports, ends_at| async move {
                let (store, clock, entropy, meter) = (ports.clone(), ports.clone(), ports.clone(), ports);
                ended(&DeadLetter { store, clock, entropy, meter }.run(event, ends_at).await)
            }));
        }
        let dies = self.broken_starts > 0;
        self.broken_starts = self.broken_starts.saturating_sub(1);
        let limits = Limits::new(self.concurrency, 30);
        Some(self.launch(by, purpose, self.batch_seconds, move |ports, ends_at| async move {
            if dies {
                return ports.by.die().await;
            }
            let (store, handler) = (ports.clone(), ports.clone());
            let (clock, entropy, meter) = (ports.clone(), ports.clone(), ports);
            let starts = Starts::default();
            let process = Process { store, handler, clock, entropy, meter, limits, starts };
            ended(&process.run(event, ends_at).await)
        }))
    }

    /// The relay's mapping, which filters the stream for what is owed by the relay.
    pub fn relay(&mut self) -> Option<Running> {
        let records = self.to_relay.take(self.world.history().changes.len())?;
        let changes = self.world.history().changes[records.clone()].to_vec();
        let owed =
            changes.iter().zip(records).filter(|(change, _)| change.after.handover == Some(Handover::Relay));
        let owed: Vec<_> = owed.map(|(change, number)| stream_record(number, &change.after)).collect();
        if owed.is_empty() {
            self.to_relay.over(true);
            return None;
        }
        Some(self.launch_relay(Purpose::Relay, json!({"Records": owed})))
    }

    pub fn sweep(&mut self) -> Running {
        self.launch_relay(Purpose::Sweep, json!({"detail-type": "Scheduled Event"}))
    }

    fn launch_relay(&mut self, purpose: Purpose, event: Value) -> Running {
        let (by, aging) = (self.invocation(Function::Relay), self.aging);
        self.launch(by, purpose, 60, move |ports, ends_at| async move {
            let (store, broker) = (ports.clone(), ports.clone());
            let (clock, entropy, meter) = (ports.clone(), ports.clone(), ports);
            ended(&Relay { store, broker, clock, entropy, meter, aging }.run(event, ends_at).await)
        })
    }

    /// The mapping of `fanout`.
    pub fn fanout(&mut self) -> Option<Running> {
        let records = self.to_fanout.take(self.world.history().changes.len())?;
        let changes = self.world.history().changes[records.clone()].to_vec();
        let records: Vec<_> = changes
            .iter()
            .zip(records)
            .map(|(change, number)| stream_record(number, &change.after))
            .collect();
        let event = serde_json::from_value(json!({"Records": records})).unwrap();
        let by = self.invocation(Function::Fanout);
        Some(self.launch(by, Purpose::Fanout, 30, |ports, _| async move {
            let (connections, push) = (ports.clone(), ports.clone());
            let (clock, meter) = (ports.clone(), ports);
            ended(&Fanout { connections, push, clock, meter }.run(event).await)
        }))
    }
}

impl Reader {
    /// The records that come next; none while others are under way.
    fn take(&mut self, end: usize) -> Option<Range<usize>> {
        if self.off || self.taken > 0 || self.next == end {
            return None;
        }
        self.taken = end - self.next;
        Some(self.next..end)
    }

    /// A batch that fails comes again, and is left out in the end.
    pub fn over(&mut self, done: bool) {
        self.tries += 1;
        if done || self.tries == STREAM_TRIES {
            self.next += self.taken;
            self.tries = 0;
        }
        self.taken = 0;
    }

    /// The next record never reaches the function.
    pub fn lose(&mut self, end: usize) {
        if self.taken == 0 && self.next < end {
            self.next += 1;
        }
    }
}

fn ended<T, E>(result: &Result<T, E>) -> Ended {
    if result.is_ok() { Ended::Done } else { Ended::Failed }
}
