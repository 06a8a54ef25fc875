//! A load that runs while something breaks, and the ledger of what became of it.

use crate::{
    Result,
    http::Caller,
    ledger::{Counts, Ledger},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// How often one message is asked for, with the same key, before its sender gives up.
const TRIES: usize = 3;

/// How long a caller waits for an answer: API Gateway's own limit.
const ANSWER: Duration = Duration::from_secs(30);

/// So many attempts that none of the faults uses them up: a message that could be done is to be completed.
const MAX_ATTEMPTS: u32 = 20;

/// How many messages are read at once.
const READERS: usize = 8;

/// Messages of all kinds, sent until it is ended.
///
/// Each third is of another priority. Of twenty, one fails at first, one is discarded, one asks for a delay and one works
/// for a while; the others are quick.
#[derive(Debug)]
pub struct Load {
    caller: Caller,
    ledger: Arc<Mutex<Ledger>>,
    stop: oneshot::Sender<()>,
    senders: JoinHandle<()>,
}

/// How much and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many messages, unless the load is ended earlier.
    pub count: usize,
    /// How many requests are begun in a second, unless answers take too long.
    pub per_second: u32,
    /// How many requests are under way at once.
    pub at_once: usize,
}

impl Pace {
    /// Until it is ended, and slow enough for two cores to do something else besides.
    pub const STEADY: Self = Self { count: usize::MAX, per_second: 20, at_once: 16 };
}

impl Load {
    /// Starts at [`Pace::STEADY`]. The caller's tenant must be used by nobody else.
    pub fn start(caller: &Caller) -> Self {
        Self::at(caller, Pace::STEADY)
    }

    /// Starts at a pace.
    pub fn at(caller: &Caller, pace: Pace) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let (stop, stopped) = oneshot::channel();
        let (to, kept) = (caller.clone(), Arc::clone(&ledger));
        let senders = tokio::spawn(async move {
            let mut beat = interval(Duration::from_secs(1) / pace.per_second);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            stream::unfold(beat, async |mut beat| {
                beat.tick().await;
                Some(((), beat))
            })
            .take(pace.count)
            .take_until(stopped)
            .enumerate()
            .for_each_concurrent(pace.at_once, |(number, ())| send(&to, number, &kept))
            .await;
        });
        Self { caller: caller.clone(), ledger, stop, senders }
    }

    /// What is known by now: requests and their answers.
    pub fn counts(&self) -> Counts {
        locked(&self.ledger).counts()
    }

    /// Waits until at least so many are acknowledged.
    ///
    /// # Errors
    /// They are not after `limit`.
    pub async fn wait_for(&self, acknowledged: usize, limit: Duration) -> Result<()> {
        let enough = async {
            while self.counts().acknowledged < acknowledged {
                sleep(Duration::from_millis(20)).await;
            }
        };
        Ok(timeout(limit, enough)
            .await
            .map_err(|_| format!("not {acknowledged} acknowledged in {limit:?}"))?)
    }

    /// Whether all has been sent.
    pub fn is_sent(&self) -> bool {
        self.senders.is_finished()
    }

    /// How many messages the system holds that are in no final state; none where it does not say.
    pub async fn unfinished(&self) -> Option<u64> {
        left(&self.caller).await
    }

    /// Sends no more, waits until everything has ended or `limit` is over, and reads what became of each message.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn settle(self, limit: Duration) -> Result<Ledger> {
        let Self { caller, ledger, stop, senders } = self;
        // Nobody listens any more where everything was sent before.
        let _ = stop.send(());
        senders.await?;
        wait_until_nothing_is_left(&caller, limit).await;
        let messages = caller.list("").await?;
        stream::iter(&messages)
            .map(|message| read(&caller, message))
            .buffer_unordered(READERS)
            .try_for_each(async |message| {
                enter(&mut locked(&ledger), &message);
                Ok(())
            })
            .await?;
        let ledger = locked(&ledger).clone();
        Ok(ledger)
    }

    /// [`settle`](Self::settle), for a test.
    ///
    /// # Errors
    /// Something is lost or unexpected; the text names it.
    pub async fn end(self, limit: Duration) -> Result<Ledger> {
        let ledger = self.settle(limit).await?;
        let (lost, unexpected): (Vec<_>, Vec<_>) = (ledger.missing().collect(), ledger.surprises().collect());
        if ledger.counts().is_sound() {
            Ok(ledger)
        } else {
            Err(format!("lost {lost:?}, unexpected {unexpected:?}\n{}", ledger.counts()).into())
        }
    }
}

/// Whether the message of that number asks to fail once.
const fn fails_at_first(number: usize) -> bool {
    number % 20 == 7
}

/// What a message asks for. The state that it is to end in stands in its type, so that another one shows in the ledger.
fn message(number: usize) -> (String, Value) {
    let (ending, payload) = match number % 20 {
        _ if fails_at_first(number) => ("completed", json!({"fail_times": 1, "retry_after_ms": 200})),
        13 => ("failed", json!({"discard": true})),
        17 => ("completed", json!({"work_ms": 500})),
        _ => ("completed", json!({"work_ms": 5})),
    };
    let name = format!("{ending}.{number}");
    let priority = ["low", "medium", "high"][number % 3];
    let delay_seconds = if number % 20 == 11 { 2 } else { 0 };
    let message = json!({
        "type": name,
        "priority": priority,
        "delay_seconds": delay_seconds,
        "max_attempts": MAX_ATTEMPTS,
        "payload": payload,
    });
    (name, message)
}

/// Asks for one message as a caller does that wants it: again, with the same key, where there is no good answer.
async fn send(caller: &Caller, number: usize, ledger: &Mutex<Ledger>) {
    let (name, message) = message(number);
    locked(ledger).asked(&name);
    for _ in 0..TRIES {
        let request = caller.request(Method::POST, "/v1/messages").timeout(ANSWER);
        let answer = caller.send(request.header("idempotency-key", &name).json(&message)).await;
        if answer.is_ok_and(|answer| answer.status.is_success()) {
            locked(ledger).acknowledged(&name);
            return;
        }
    }
}

async fn wait_until_nothing_is_left(caller: &Caller, limit: Duration) {
    let started = Instant::now();
    while started.elapsed() < limit && left(caller).await != Some(0) {
        sleep(Duration::from_millis(500)).await;
    }
}

async fn left(caller: &Caller) -> Option<u64> {
    unfinished(&caller.get("/v1/stats").await.ok()?.body)
}

/// How many messages are in no final state; none where the answer is no statistics.
fn unfinished(stats: &Value) -> Option<u64> {
    let priorities = stats["priorities"].as_object()?;
    let of = |counts: &Value| -> Option<u64> {
        ["waiting", "scheduled", "running", "retrying"].iter().map(|name| counts[name].as_u64()).sum()
    };
    priorities.values().map(of).sum()
}

async fn read(caller: &Caller, listed: &Value) -> Result<Value> {
    caller.message(listed["id"].as_str().ok_or("a message without an id")?).await
}

/// Enters what a message's timeline says: each run but the one that was to fail, and each final state under the name that
/// asks for it.
fn enter(ledger: &mut Ledger, message: &Value) {
    let kind = message["type"].as_str().unwrap_or_default();
    let number = kind.rsplit('.').next().unwrap_or_default();
    let timeline = message["timeline"].as_array().into_iter().flatten();
    let states = timeline.map(|entry| entry["state"].as_str().unwrap_or_default());
    let to_fail = usize::from(number.parse().is_ok_and(fails_at_first));
    states.clone().filter(|state| *state == "processing").skip(to_fail).for_each(|_| ledger.ran(kind));
    states
        .filter(|state| matches!(*state, "completed" | "failed" | "cancelled" | "expired"))
        .for_each(|ending| ledger.ended(&format!("{ending}.{number}")));
}

fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_ends_otherwise_than_it_asked_is_lost_and_unexpected() {
        for (ending, sound) in [("completed", true), ("failed", false)] {
            let mut ledger = Ledger::default();
            let (name, _) = message(0);
            ledger.asked(&name);
            ledger.acknowledged(&name);
            let timeline = json!([{"state": "accepted"}, {"state": "processing"}, {"state": ending}]);
            enter(&mut ledger, &json!({"type": name, "timeline": timeline}));
            assert_eq!(ledger.counts().is_sound(), sound, "{ledger:?}");
        }
    }

    #[test]
    fn only_a_run_that_nobody_asked_for_counts_twice() {
        for (number, runs, duplicated) in [(0, 1, 0), (0, 2, 1), (7, 2, 0), (7, 3, 1)] {
            let mut ledger = Ledger::default();
            let (name, _) = message(number);
            let timeline = vec![json!({"state": "processing"}); runs];
            enter(&mut ledger, &json!({"type": name, "timeline": timeline}));
            assert_eq!(ledger.counts().duplicated, duplicated, "{name}, {runs} runs");
        }
    }

    #[test]
    fn statistics_are_summed_up_and_anything_else_is_none() {
        let counts = json!({"waiting": 1, "scheduled": 2, "running": 3, "retrying": 4, "failed": 5});
        assert_eq!(unfinished(&json!({"priorities": {"high": counts, "low": counts}})), Some(20));
        assert_eq!(unfinished(&json!({"title": "Internal Server Error"})), None);
        assert_eq!(unfinished(&json!({"priorities": {"high": {"waiting": 0}}})), None);
    }
}
