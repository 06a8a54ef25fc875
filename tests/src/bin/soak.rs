//! Sends many messages through a system of its own while it breaks, mends it, and prints the ledger.
//!
//! Faults come at random while messages are sent, in an order that the seed decides. When all are sent nothing breaks any
//! more, and every message has to come to its end. Fails if one got lost, or if one ended that nobody had asked for or
//! otherwise than it had to.

#![expect(clippy::print_stdout, reason = "the ledger is the point")]

use expedite_tests::{
    Result,
    chaos::{self, Inflicted},
    launcher::System,
    load::{Load, Pace},
};
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use lexopt::{Arg, Parser, ValueExt};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, time::sleep};

/// How long the last message may take once nothing breaks any more: sweeps, leases and a few backoffs.
const PATIENCE: Duration = Duration::from_secs(900);

const HELP: &str = "\
soak [--count N] [--faults-per-minute N] [--seed N]

  --count N              how many messages to send (20 000)
  --faults-per-minute N  how many faults to inflict in a minute; 0 for none (6)
  --seed N               which faults; the same seed gives the same ones in the same order (a random one)
";

struct Options {
    count: usize,
    faults_per_minute: u32,
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Some(options) = options()? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let system = System::start(
        "soak",
        &["--parameter", "HandlerTimeoutSeconds=5", "--parameter", "ProcessTimeoutSeconds=30"],
    )?;
    println!(
        "{} messages, {} faults a minute, seed {}",
        options.count, options.faults_per_minute, options.seed
    );
    let started = Instant::now();
    let load =
        Load::at(&system.caller("soak")?, Pace { count: options.count, per_second: 1_000, at_once: 32 });
    let bar = bar(options.count);
    let (stop, stopped) = oneshot::channel();
    let faults = chaos::inflict(
        &system,
        options.faults_per_minute,
        Rng::with_seed(options.seed),
        stopped,
        |fault, lasts| {
            let (at, acknowledged) = (started.elapsed().as_secs(), load.counts().acknowledged);
            bar.suspend(|| println!("{at:>5} s {acknowledged:>7} acknowledged   {fault:?} for {lasts:.1?}"));
        },
    );
    let sent = async {
        while !load.is_sent() {
            bar.set_position(load.counts().acknowledged as u64);
            sleep(Duration::from_millis(200)).await;
        }
        let _ = stop.send(());
    };
    let (faults, ()) = tokio::join!(faults, sent);
    let faults = faults?;
    let ended = follow(&load, &bar).await;
    let ledger = load.settle(ended).await?;
    bar.finish_and_clear();

    println!("\nafter {:.0} s, with", started.elapsed().as_secs_f64());
    for (fault, Inflicted { times, hits }) in &faults {
        let hits = if *hits > 0 { format!(", {hits} calls") } else { String::new() };
        println!("  {times:>3} × {fault:?}{hits}");
    }
    println!("\n{}", ledger.counts());
    ledger.missing().for_each(|name| println!("lost: {name}"));
    ledger.surprises().for_each(|name| println!("unexpected: {name}"));
    Ok(if ledger.counts().is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows how many are left until none is, and says how much patience is left.
async fn follow(load: &Load, bar: &ProgressBar) -> Duration {
    let started = Instant::now();
    while let Some(left) = PATIENCE.checked_sub(started.elapsed()) {
        match load.unfinished().await {
            Some(0) => return left,
            Some(unfinished) => bar.set_message(format!("{unfinished} not finished")),
            None => {}
        }
        sleep(Duration::from_secs(1)).await;
    }
    Duration::ZERO
}

fn bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} acknowledged {msg}");
    ProgressBar::new(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// None where only help is wanted.
fn options() -> Result<Option<Options>> {
    let mut options = Options { count: 20_000, faults_per_minute: 6, seed: fastrand::u64(..) };
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("count") => options.count = parser.value()?.parse()?,
            Arg::Long("faults-per-minute") => options.faults_per_minute = parser.value()?.parse()?,
            Arg::Long("seed") => options.seed = parser.value()?.parse()?,
            Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}
