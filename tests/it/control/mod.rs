//! Reading, listing and counting messages, commands on them, tickets.

pub mod commands;
mod listing;
mod reading;
mod redriving;
mod stats;
mod tickets;

use crate::http::Answer;
use control::{Control, Scopes};
use expedite::{
    conformance::{NOON, payload},
    domain::Message,
    fakes::{FakeClock, FakeConnections, FakeEntropy, FakeMeter, FakeStore, Fault},
    metrics::Function,
};
use lambda_http::Request;

/// The function over doubles.
pub struct Rig {
    pub store: FakeStore,
    connections: FakeConnections,
    clock: FakeClock,
    entropy: FakeEntropy,
    pub meter: FakeMeter,
    scopes: Scopes,
}

impl Rig {
    /// With these messages in its table.
    pub fn with(messages: impl IntoIterator<Item = Message>) -> Self {
        let store = FakeStore::default();
        for message in messages {
            store.put(message, payload(r#"{"n":1.10}"#));
        }
        Self {
            store,
            connections: FakeConnections::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
            meter: FakeMeter::of(Function::Control),
            scopes: Scopes::default(),
        }
    }

    pub async fn ask(&self, request: Request) -> Answer {
        let control = Control {
            messages: &self.store,
            tickets: &self.connections,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &self.meter,
            tenant_claim: "sub".to_owned(),
            scopes: self.scopes.clone(),
        };
        Answer::of(control.handle(&request).await)
    }
}

/// Refuses call number `call` of this request to the messages, from 0, which must be said to pass.
async fn check_unavailable(rig: &Rig, request: Request, call: usize) {
    rig.store.faults.order(std::iter::repeat_n(None, call).chain([Some(Fault::Refused)]));
    let answer = rig.ask(request).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "call {call}");
}
