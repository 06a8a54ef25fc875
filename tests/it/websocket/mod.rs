//! The WebSocket API: `$connect`, `$disconnect`, and what a subscriber sends.

pub mod connecting;
pub mod subscribing;

use crate::events::event;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use expedite::{
    conformance::NOON,
    fakes::{FakeClock, FakeConnections, FakeMeter},
    metrics::Function,
    ports::ConnectionId,
};
use serde_json::Value;

/// The doubles that the three functions share.
pub struct Rig {
    connections: FakeConnections,
    clock: FakeClock,
    pub meter: FakeMeter,
}

impl Rig {
    fn new() -> Self {
        Self {
            connections: FakeConnections::default(),
            clock: FakeClock::at(NOON),
            meter: FakeMeter::of(Function::WsConnect),
        }
    }
}

/// The connection in the event files.
fn id() -> ConnectionId {
    ConnectionId("JKKbYfVyLPECJkg=".to_owned())
}

/// The request in an event file, after a change.
pub fn changed(name: &str, change: impl FnOnce(&mut Value)) -> ApiGatewayWebsocketProxyRequest {
    let mut event = event(name);
    change(&mut event);
    serde_json::from_value(event).unwrap()
}
