//! The whole system on real parts: the deployed template, the broker, the mapping's poller, IAM enforced.
//!
//! All tests share one system, which starts with the first of them and ends with the process. Each has tenants of its
//! own, so they run side by side; those that disturb the system take it for themselves.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod aging;
mod aws;
mod batch;
mod broker;
mod commands;
mod dead_letters;
mod express;
mod faults;
mod handlers;
mod idempotency;
mod order;
mod permissions;
mod raw;
mod requests;
mod sender;
mod store;
mod subscribers;
mod support;
mod tenants;
mod tickets;
mod way;
