//! Whatever comes in from outside, mangled: nothing panics, nothing bad is stored, and good neighbours are not harmed.
//!
//! The corpus is `events/`. `PROPTEST_CASES` says how many cases each test tries; `make fuzz` tries many.

mod http;
mod mangle;
mod queue;
mod streams;
mod websocket;

use proptest::test_runner::Config;
use std::future::Future;

/// How many cases a plain run tries.
const CASES: u32 = 400;

/// A failing case is printed in its smallest form, which belongs into a test of its own; no file keeps it.
fn config() -> Config {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config { cases: given.unwrap_or(CASES), failure_persistence: None, ..Config::default() }
}

/// Runs a case, whose time stands still.
fn run<T>(case: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(case)
}
