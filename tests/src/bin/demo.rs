//! Sends a mixed load through a system of its own, follows it over a WebSocket, and draws what happened.
//!
//! While processing is paused, messages of all priorities come in, the least urgent first; some ask for a delay. Then
//! processing resumes. One sees the order in which they run, that high ones have a lane of their own, and that they bypass
//! their delay. Fails if a message got lost or the order was broken.

#![expect(clippy::print_stdout, reason = "the drawing is the point")]

use expedite_tests::{
    Result,
    chart::{Life, Rank, draw, overtakers, summary},
    http::Caller,
    launcher::System,
    socket::Subscriber,
};
use serde_json::{Value, json};
use std::{io::IsTerminal, process::ExitCode};

/// Small batches, one message after the other: the order shows with few messages.
const BATCH_SIZE: usize = 2;

/// Lambda polls with five batches at a time.
const BATCHES: usize = 5;

const WORK_MS: u64 = 150;
const DELAY_SECONDS: u64 = 4;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let batch_size = format!("BatchSize={BATCH_SIZE}");
    let arguments = ["--parameter", &batch_size, "--parameter", "HandlerConcurrency=1"];
    let system = System::start("demo", &arguments)?;
    let caller = system.caller("demo")?;
    let mut subscriber = Subscriber::open(&system.endpoints.websocket_url, &caller, &["type:demo"]).await?;

    println!("\nProcessing is paused. Messages come in, the least urgent first.");
    system.order("poller stop")?;
    let mut ids = Vec::new();
    for priority in ["low", "medium", "high"] {
        for _ in 0..10 {
            ids.push(submit(&caller, priority, 0).await?);
        }
    }
    for priority in ["low", "medium", "high"] {
        for _ in 0..3 {
            ids.push(submit(&caller, priority, DELAY_SECONDS).await?);
        }
    }
    println!("Processing resumes.\n");
    system.order("poller start")?;
    let mut lost = 0;
    for id in &ids {
        if subscriber.wait_for(id, &["completed"]).await.is_err() {
            println!("lost: {id}");
            lost += 1;
        }
    }

    let mut lives = Vec::new();
    for id in &ids {
        lives.extend(Life::of(&caller.message(id).await?));
    }
    print!("{}", draw(&lives, std::io::stdout().is_terminal()));
    println!("{}", summary(&lives));
    let on_standard = |life: &&Life| !life.delayed && life.priority != Rank::High;
    let waiting: Vec<_> = lives.iter().filter(on_standard).cloned().collect();
    let worst = overtakers(&waiting);
    let bound = BATCH_SIZE * BATCHES;
    println!("{} of {} messages completed.", ids.len() - lost, ids.len());
    println!(
        "At most {worst} low ones started before a medium one; the bound is {bound}. High ones had the express lane."
    );
    if lost == 0 && worst <= bound && lives.len() == ids.len() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("This is not as it must be.");
    Ok(ExitCode::FAILURE)
}

async fn submit(caller: &Caller, priority: &str, delay_seconds: u64) -> Result<String> {
    let message: Value = json!({
        "type": "demo",
        "priority": priority,
        "delay_seconds": delay_seconds,
        "payload": {"work_ms": WORK_MS},
    });
    caller.submit(&message).await
}
