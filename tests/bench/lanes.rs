//! How long high messages wait while many slow lows are worked off, with a lane of their own and without.
//!
//! `cargo bench --profile dev --package expedite-tests --features system --bench lanes` starts a system of its own for each,
//! for which `make build` must have been run. All times are those of the timelines, so that nothing here needs to be fast. A
//! high one that waits no longer than about one low's handler is held up by nothing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what can't be set up ends it, and the table is the point"
)]

use expedite_tests::{chart::Life, http::Caller, launcher::System};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Four full batches of the API.
const LOWS: usize = 2_000;

const BATCH: usize = 500;

/// How many high ones are sent, one a second.
const HIGHS: usize = 20;

/// What a low one's handler takes, in milliseconds.
const WORK: u64 = 200;

/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() {
    println!("{LOWS} lows of {WORK} ms, and then a high one every second, {HIGHS} times");
    for lane in ["on", "off"] {
        let parameter = format!("ExpressLane={lane}");
        let system = System::start("bench", &["--parameter", &parameter]).unwrap();
        let caller = system.caller("bench").unwrap();
        system.order("poller stop").unwrap();
        submit_lows(&caller).await;
        system.order("poller start").unwrap();
        let highs = submit_highs(&caller).await;
        let highs = lives(&caller, highs).await;
        let lows = caller.list("&priority=low").await.unwrap();
        let lows: Vec<_> = lows.iter().map(|low| low["id"].as_str().unwrap().to_owned()).collect();
        report(lane, &highs, &lives(&caller, lows).await);
    }
}

async fn submit_lows(caller: &Caller) {
    let low = json!({"type": "slow", "priority": "low", "payload": {"work_ms": WORK}});
    for _ in 0..LOWS / BATCH {
        let request = caller.request(Method::POST, "/v1/messages/batch");
        let answer = caller.send(request.json(&json!({"messages": vec![&low; BATCH]}))).await.unwrap();
        assert_eq!(answer.body["accepted"], BATCH, "{answer:?}");
    }
}

async fn submit_highs(caller: &Caller) -> Vec<String> {
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    let mut ids = Vec::new();
    for _ in 0..HIGHS {
        beat.tick().await;
        ids.push(caller.submit(&json!({"type": "urgent", "priority": "high"})).await.unwrap());
    }
    ids
}

async fn lives(caller: &Caller, ids: Vec<String>) -> Vec<Life> {
    stream::iter(ids)
        .map(|id| async move { caller.wait_for(&id, &["completed"], LIMIT).await })
        .buffered(4)
        .map_ok(|message| Life::of(&message).unwrap())
        .try_collect()
        .await
        .unwrap()
}

fn report(lane: &str, highs: &[Life], lows: &[Life]) {
    let (waited, longest) = median_and_most(highs.iter().map(Life::wait));
    let (handled, _) = median_and_most(lows.iter().map(|low| low.ended - low.started));
    // Lows that started while a high one waited.
    let overtaken = |high: &Life| {
        let between = |low: &&Life| (high.accepted..high.started).contains(&low.started);
        i64::try_from(lows.iter().filter(between).count()).unwrap()
    };
    let (overtakers, most) = median_and_most(highs.iter().map(overtaken));
    let inversions: i64 = highs.iter().map(overtaken).sum();
    println!(
        "lane {lane:<4} highs waited {waited} ms (at most {longest}), {:.2} (at most {:.2}) of the {handled} ms of a low one; \
         overtaken by {overtakers} lows (at most {most}), {inversions} inversions",
        waited as f64 / handled as f64,
        longest as f64 / handled as f64,
    );
}

fn median_and_most(values: impl Iterator<Item = i64>) -> (i64, i64) {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    (values[values.len() / 2], values[values.len() - 1])
}
