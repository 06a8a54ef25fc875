//! The functions behind their triggers, driven by hand: whoever polls an invocation decides when it goes on.

use crate::{
    broker::Held,
    caller::Request,
    invocation::{Function, Invocation},
    ports::Ports,
    triggers::Reader,
    world::{Plan, World},
};
use expedite::{
    conformance::NOON,
    domain::{Aging, Priority, Timestamp, Topic},
    ports::{Clock, Connection, ConnectionId, Connections, Key},
};
use futures_util::FutureExt;
use lambda_http::{Body, Response};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// The tenants that a run may have.
pub const TENANTS: [&str; 2] = ["acme", "rival"];

/// How often the sweep comes.
pub const MINUTE: Duration = Duration::from_secs(60);

pub struct System {
    pub world: Arc<World>,
    pub aging: Aging,
    /// How many messages `process` handles at once.
    pub concurrency: usize,
    /// How many seconds `process` has for a batch.
    pub batch_seconds: u64,
    /// Whether the mappings on the lanes are on.
    pub processing: bool,
    /// So many invocations of `process` die before they do anything.
    pub broken_starts: u32,
    /// The stream's readers.
    pub to_relay: Reader,
    pub to_fanout: Reader,
    runtime: Runtime,
    pub next_sweep: Timestamp,
    invocations: usize,
    /// How far the invocations' clocks are ahead of the true time, in milliseconds, in turn; none where all are right.
    pub skews: Vec<i64>,
}

pub struct Running {
    pub by: Arc<Invocation>,
    purpose: Purpose,
    ends_at: Timestamp,
    work: Pin<Box<dyn Future<Output = Ended> + Send>>,
}

/// What an invocation is for, which says what its end means.
pub enum Purpose {
    Request(Request, Option<Key>),
    Batch(Vec<Held>),
    Relay,
    Fanout,
    Sweep,
}

pub enum Ended {
    Answered(Response<Body>),
    Done,
    Failed,
}

/// Where an invocation stands after it was polled.
pub enum Progress {
    AtCall,
    /// Only time brings it on.
    Waits,
    /// None where it died.
    Over(Option<Ended>),
}

impl System {
    pub fn new(plan: Plan) -> Self {
        let world = Arc::new(World::new(plan));
        for tenant in TENANTS {
            let connection = Connection {
                id: Self::socket(tenant),
                tenant: tenant.parse().unwrap(),
                topics: vec![Topic::All],
                expires_at: NOON.plus(60 * MINUTE),
            };
            (&world.connections).open(&connection).now_or_never().unwrap().unwrap();
        }
        let minutes = |count| Some(MINUTE * count);
        Self {
            world,
            // The template's defaults.
            aging: Aging { low: minutes(15), medium: minutes(30), cap: Priority::High },
            concurrency: 10,
            batch_seconds: 60,
            processing: true,
            broken_starts: 0,
            to_relay: Reader::default(),
            to_fanout: Reader::default(),
            runtime: Builder::new_current_thread().enable_time().start_paused(true).build().unwrap(),
            next_sweep: NOON.plus(MINUTE),
            invocations: 0,
            skews: Vec::new(),
        }
    }

    /// The socket on which a tenant has subscribed to everything.
    pub fn socket(tenant: &str) -> ConnectionId {
        ConnectionId(format!("socket of {tenant}"))
    }

    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Lets time pass, and nothing else happen.
    pub fn pass(&self, time: Duration) {
        self.world.clock.advance(time);
        self.runtime.block_on(tokio::time::advance(time));
    }

    pub fn invocation(&mut self, function: Function) -> Invocation {
        self.invocations += 1;
        let skew = self.invocations.checked_rem(self.skews.len()).map(|turn| self.skews[turn]);
        Invocation::new(self.invocations, function, skew)
    }

    pub fn launch<F: Future<Output = Ended> + Send + 'static>(
        &self,
        by: Invocation,
        purpose: Purpose,
        seconds: u64,
        work: impl FnOnce(Ports, Timestamp) -> F,
    ) -> Running {
        let by = Arc::new(by);
        let ends_at = self.now().plus(Duration::from_secs(seconds));
        let ports = Ports { world: Arc::clone(&self.world), by: Arc::clone(&by) };
        let work = Box::pin(work(ports, by.clock(ends_at)));
        Running { by, purpose, ends_at, work }
    }

    /// Lets an invocation go on to its next call.
    pub fn poll(&self, running: &mut Running) -> Progress {
        if running.ends_at <= self.now() {
            return Progress::Over(None);
        }
        let _entered = self.runtime.enter();
        let polled = running.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let at_call = running.by.take_at_call();
        match polled {
            Poll::Ready(ended) => Progress::Over(Some(ended)),
            Poll::Pending if running.by.is_dead() => Progress::Over(None),
            Poll::Pending if at_call => Progress::AtCall,
            Poll::Pending => Progress::Waits,
        }
    }

    /// Lets an invocation go on to its end, and sees to what follows from that; none where it died.
    pub fn run(&mut self, mut running: Running) -> Option<Ended> {
        loop {
            match self.poll(&mut running) {
                Progress::AtCall => (),
                Progress::Waits => self.pass(Duration::from_millis(500)),
                Progress::Over(ended) => {
                    self.over(running, ended.as_ref());
                    return ended;
                }
            }
        }
    }

    /// What follows from the end of an invocation.
    pub fn over(&mut self, running: Running, ended: Option<&Ended>) {
        let done = matches!(ended, Some(Ended::Done));
        match (running.purpose, ended) {
            (Purpose::Request(request, target), Some(Ended::Answered(answer))) => {
                self.answered(&request, target.as_ref(), answer);
            }
            (Purpose::Batch(batch), _) if !done => self.world.broker().failed(batch, self.now()),
            (Purpose::Relay, _) => self.to_relay.over(done),
            (Purpose::Fanout, _) => self.to_fanout.over(done),
            _ => (),
        }
    }
}
