//! One invocation of a function: who it is, and what goes wrong with its calls.

use expedite::{
    domain::{Tenant, Timestamp},
    ports::Key,
};
use std::{
    future::{Future, poll_fn},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Ingest,
    Process,
    Relay,
    DeadLetter,
    Control,
    Fanout,
}

/// What goes wrong with a call to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller dies before it.
    CrashBefore,
    /// It takes effect, and the caller dies.
    CrashAfter,
    /// It takes effect, and the caller is told that it failed.
    AnswerLost,
    /// Nothing happens, and the caller is told so.
    Refused,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::CrashBefore, Self::CrashAfter, Self::AnswerLost, Self::Refused];
}

pub struct Invocation {
    pub number: usize,
    pub function: Function,
    /// Whose token the request brings, where the function answers requests.
    pub tenant: Option<Tenant>,
    /// The deliveries in its batch, with their epochs.
    pub deliveries: Vec<(Key, u32)>,
    /// How far its clock is ahead of the true time, in milliseconds; none where all clocks are right.
    pub skew: Option<i64>,
    /// What goes wrong with its next call.
    pub fault: Mutex<Option<Fault>>,
    dead: AtomicBool,
    at_call: AtomicBool,
}

impl Invocation {
    pub fn new(number: usize, function: Function, skew: Option<i64>) -> Self {
        Self {
            number,
            function,
            tenant: None,
            deliveries: Vec::new(),
            skew,
            fault: Mutex::default(),
            dead: AtomicBool::new(false),
            at_call: AtomicBool::new(false),
        }
    }

    /// The true time as its clock shows it.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.millis() + self.skew.unwrap_or_default())
    }

    /// Lets others go first: whoever drives the invocation decides when the call is made.
    pub fn stop_at_call(&self) -> impl Future<Output = ()> + Send {
        let mut stopped = false;
        poll_fn(move |context| {
            if stopped {
                return Poll::Ready(());
            }
            stopped = true;
            self.at_call.store(true, Relaxed);
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Ends it here and now, as a killed sandbox ends.
    pub async fn die<T>(&self) -> T {
        self.dead.store(true, Relaxed);
        std::future::pending().await
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Relaxed)
    }

    /// Whether it has stopped at a call since this was last asked.
    pub fn take_at_call(&self) -> bool {
        self.at_call.swap(false, Relaxed)
    }
}
