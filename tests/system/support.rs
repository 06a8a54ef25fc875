//! The system that the tests share.

use expedite_tests::{
    fault::{self, Outage},
    http::Caller,
    launcher::System,
};
use futures_util::future::select_all;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant},
};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long a message may take that nothing holds up.
pub const SOON: Duration = Duration::from_secs(30);

/// How long a message may take that a sweep has to find: it comes once a minute, and grace or a lease go before it.
pub const AFTER_A_SWEEP: Duration = Duration::from_secs(150);

/// The origin that may open sockets.
pub const ORIGIN: &str = "https://console.example";

/// How many systems share the tests: most of these wait most of the time, so two cores have room for two.
const COUNT: usize = 2;

static SYSTEMS: [Shared; COUNT] = [const { Shared::new() }; COUNT];

/// A system, started with the first test on it, and who is on it.
struct Shared {
    system: OnceLock<Result<System, String>>,
    tests: RwLock<()>,
}

impl Shared {
    const fn new() -> Self {
        Self { system: OnceLock::new(), tests: RwLock::const_new(()) }
    }

    /// The running system. Short handler times keep leases short, so that a killed function is found out soon.
    fn system(&'static self, number: usize) -> &'static System {
        let started = self.system.get_or_init(|| {
            let origins = format!("AllowedOrigins={ORIGIN}");
            let parameters = ["HandlerTimeoutSeconds=5", "ProcessTimeoutSeconds=30", origins.as_str()];
            let arguments: Vec<_> =
                parameters.iter().flat_map(|parameter| ["--parameter", parameter]).collect();
            System::start(&format!("system-tests-{number}"), &arguments).map_err(|error| error.to_string())
        });
        started.as_ref().unwrap()
    }
}

/// A system beside other tests.
pub async fn beside_others() -> (&'static System, RwLockReadGuard<'static, ()>) {
    first_free(|shared| shared.tests.read()).await
}

/// A system with no other test on it.
pub async fn alone() -> (&'static System, RwLockWriteGuard<'static, ()>) {
    first_free(|shared| shared.tests.write()).await
}

/// The system that can be had first, and the guard that keeps it.
async fn first_free<F: Future>(wait: impl Fn(&'static Shared) -> F) -> (&'static System, F::Output) {
    let all = SYSTEMS.iter().map(|shared| Box::pin(wait(shared)));
    let (guard, number, _) = select_all(all).await;
    (SYSTEMS[number].system(number), guard)
}

/// The states of a message's timeline, oldest first.
pub fn path(message: &Value) -> Vec<&str> {
    let timeline = message["timeline"].as_array().unwrap();
    timeline.iter().map(|entry| entry["state"].as_str().unwrap()).collect()
}

/// Waits until each of these has completed, in its first attempt.
pub async fn complete(caller: &Caller, ids: &[String]) {
    for id in ids {
        let message = caller.wait_for(id, &["completed", "failed"], AFTER_A_SWEEP).await.unwrap();
        assert_eq!((&message["state"], &message["attempt"]), (&json!("completed"), &json!(1)), "{message}");
    }
}

/// Waits until the functions have logged so many lines with all of these words.
pub async fn logged(system: &System, words: &[&str], times: usize) {
    let log = Log { file: system.endpoints.logs.join("emulator.log"), from: 0 };
    let started = Instant::now();
    loop {
        let found = log.count(|line| words.iter().all(|word| line.contains(word)));
        if found == times {
            return;
        }
        assert!(found < times && started.elapsed() < SOON, "{found} times {words:?}, not {times}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// When a message came into a state for the first time, as RFC 3339 in UTC with milliseconds, which sorts as time does.
pub fn first_at<'a>(message: &'a Value, state: &str) -> &'a str {
    let timeline = message["timeline"].as_array().unwrap();
    let entry = timeline.iter().find(|entry| entry["state"] == state);
    entry.unwrap_or_else(|| panic!("never {state}: {message}"))["at"].as_str().unwrap()
}

/// What a part writes to its log from some moment on.
pub struct Log {
    file: PathBuf,
    from: u64,
}

impl Log {
    /// Of that part, from now on.
    pub fn from_now(system: &System, part: &str) -> Self {
        let file = system.endpoints.logs.join(format!("{part}.log"));
        let from = fs::metadata(&file).unwrap().len();
        Self { file, from }
    }

    /// How many lines are like that.
    pub fn count(&self, like: impl Fn(&str) -> bool) -> usize {
        self.lines().iter().filter(|line| like(line)).count()
    }

    /// All of them.
    pub fn lines(&self) -> Vec<String> {
        let mut log = fs::File::open(&self.file).unwrap();
        log.seek(SeekFrom::Start(self.from)).unwrap();
        let mut text = Vec::new();
        log.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// Waits for a line like that.
    pub async fn wait_for(&self, like: impl Fn(&str) -> bool, limit: Duration) {
        let started = Instant::now();
        while self.count(&like) == 0 {
            assert!(started.elapsed() < limit, "nothing like it in {} after {limit:?}", self.file.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Processing is paused, or the broker down, until this goes, however the test ends.
pub struct Without(Outage<'static>);

impl Without {
    /// Stops the mapping's poller.
    pub fn poller(system: &'static System) -> Self {
        Self(fault::stop_poller(system).unwrap())
    }

    /// Disables the mapping of a queue; what it has begun by then, it ends.
    pub fn mapping(system: &'static System, queue: &str) -> Self {
        Self(fault::disable_mapping(system, queue).unwrap())
    }

    /// Kills the broker; it comes back with the store that it left.
    pub fn broker(system: &'static System) -> Self {
        Self(fault::kill_broker(system).unwrap())
    }

    /// Freezes the broker: connections stay open, and silent.
    pub fn answers_of_the_broker(system: &'static System) -> Self {
        Self(fault::freeze_broker(system).unwrap())
    }

    /// Brings it back.
    pub fn end(self) {
        self.0.end().unwrap();
    }
}
