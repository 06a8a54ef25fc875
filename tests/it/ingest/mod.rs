//! `POST /v1/messages` and its batch.

mod batch;
mod callers;
mod refusing;
mod submitting;

use crate::http::{Answer, changed};
use expedite::{
    conformance::NOON,
    domain::Aging,
    fakes::{FakeBroker, FakeClock, FakeEntropy, FakeMeter, FakeStore},
    metrics::Function,
    ports::Broker,
};
use ingest::Ingest;
use lambda_http::Request;
use serde_json::{Value, json};

/// The function over doubles.
pub struct Rig {
    pub store: FakeStore,
    pub broker: FakeBroker,
    pub clock: FakeClock,
    entropy: FakeEntropy,
    pub meter: FakeMeter,
    /// What a token needs for a high message.
    pub scope: &'static str,
    tenant_claim: &'static str,
}

impl Rig {
    pub fn new() -> Self {
        Self {
            store: FakeStore::default(),
            broker: FakeBroker::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
            meter: FakeMeter::of(Function::Ingest),
            scope: "",
            tenant_claim: "sub",
        }
    }

    pub async fn submit(&self, request: Request) -> Answer {
        self.submit_over(&self.broker, request).await
    }

    pub async fn submit_over(&self, broker: impl Broker, request: Request) -> Answer {
        let ingest = Ingest {
            store: &self.store,
            broker,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &self.meter,
            aging: Aging::OFF,
            tenant_claim: self.tenant_claim.to_owned(),
            high_priority_scope: self.scope.to_owned(),
        };
        Answer::of(ingest.handle(&request).await)
    }

    pub fn nothing_happened(&self) -> bool {
        self.store.is_empty() && self.broker.sent().is_empty()
    }
}

pub fn with_body(body: &str) -> Request {
    changed("http/submit", |event| event["body"] = json!(body))
}

pub fn with_members(members: Value) -> Request {
    let mut body = json!({"type": "demo"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    with_body(&body.to_string())
}
