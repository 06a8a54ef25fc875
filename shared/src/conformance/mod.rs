//! What every implementation of a port must do. The same suite runs on the fakes, on an embedded DynamoDB and on the
//! emulator that the system tests use. Each check takes a tenant of its own, so that they can share a table.

#![expect(clippy::unwrap_used, reason = "a failed call fails the test that runs the suite")]

mod broker;
mod connections;
mod messages;
mod strays;

pub use broker::broker;
pub use connections::connections;
pub use messages::messages;
pub use strays::strays;

use crate::payload::Payload;
use expedite_domain::{MaxAttempts, MessageId, Priority, Submission, Tenant, Timestamp};
use serde_json::value::RawValue;

/// A moment to count from.
pub const NOON: Timestamp = Timestamp::from_millis(1_769_860_800_000);

/// A tenant of that name.
pub fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

/// A medium message of that number, due at once.
pub fn submission(tenant: &Tenant, number: u128) -> Submission {
    Submission {
        tenant: tenant.clone(),
        id: MessageId::from_bits(number),
        kind: "demo".parse().unwrap(),
        priority: Priority::Medium,
        deliver_at: None,
        max_attempts: MaxAttempts::default(),
        start_by: None,
        submitter: None,
        trace: "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
        fingerprint: [7; 32],
    }
}

/// A payload of that JSON.
pub fn payload(json: &str) -> Payload {
    Payload::new(RawValue::from_string(json.to_owned()).unwrap()).unwrap()
}
