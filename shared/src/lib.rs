//! What the functions share.
//!
//! - [`domain`]: what a message is and how it may change; pure.
//! - [`ports`]: what a function needs of the world, one capability each, free of any SDK's types.
//! - [`adapters`]: the ports over DynamoDB, the broker, API Gateway and Lambda. Nothing else names an SDK.
//! - [`change`]: the one way in which a stored message changes.
//! - [`envelope`], [`mq_event`], [`view`], [`problem`]: the wire formats that more than one function speaks.
//! - [`body`]: requests, read so that every bad field is named at once.
//! - [`caller`], [`ticket`]: who calls.
//! - [`config`]: the environment. Nothing else reads it.

pub mod adapters;
pub mod body;
pub mod caller;
pub mod change;
pub mod config;
pub mod envelope;
pub mod handler;
pub mod metrics;
pub mod mq_event;
pub mod payload;
pub mod ports;
pub mod problem;
pub mod telemetry;
pub mod ticket;
pub mod view;

#[cfg(feature = "fakes")]
pub mod conformance;
#[cfg(feature = "fakes")]
pub mod fakes;

pub use expedite_domain as domain;
