//! What a run is made of, and the record of all that was called.

use crate::{
    broker::Broker,
    history::History,
    invocation::{Fault, Function},
};
use expedite::fakes::{FakeClock, FakeConnections, FakeEntropy, FakePush, FakeStore};
use std::sync::{Mutex, MutexGuard};

pub struct World {
    pub store: FakeStore,
    pub connections: FakeConnections,
    pub push: FakePush,
    pub entropy: FakeEntropy,
    pub clock: FakeClock,
    broker: Mutex<Broker>,
    history: Mutex<History>,
    calls: Mutex<Calls>,
}

/// A call to a port.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub function: Function,
    pub name: &'static str,
}

impl Call {
    /// The faults that make a difference. Of what changes nothing it does not matter whether it happened.
    pub fn faults(self) -> &'static [Fault] {
        const OF_READS: [Fault; 2] = [Fault::CrashAfter, Fault::AnswerLost];
        let reads = ["read", "read_many", "read_payload", "due", "list", "in_state", "subscribers"];
        if reads.contains(&self.name) { &OF_READS } else { &Fault::ALL }
    }
}

/// What goes wrong, by the number of the call.
pub type Plan = Vec<(usize, Fault)>;

#[derive(Default)]
struct Calls {
    made: Vec<Call>,
    plan: Plan,
    /// From then on nothing is noted, and nothing goes wrong.
    over: bool,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        Self {
            store: FakeStore::default(),
            connections: FakeConnections::default(),
            push: FakePush::default(),
            entropy: FakeEntropy::default(),
            clock: FakeClock::at(expedite::conformance::NOON),
            broker: Mutex::default(),
            history: Mutex::default(),
            calls: Mutex::new(Calls { plan, ..Calls::default() }),
        }
    }

    pub fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap()
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    /// Notes a call, and says what is planned for it.
    pub fn called(&self, call: Call) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap();
        if calls.over {
            return None;
        }
        let number = calls.made.len();
        calls.made.push(call);
        calls.plan.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
    }

    /// Ends the part of the run in which something can go wrong.
    pub fn calm(&self) {
        self.calls.lock().unwrap().over = true;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().made.clone()
    }
}
