//! The whole system on real parts: the deployed template, the broker, the mapping's poller, IAM enforced.
//!
//! The tests share a few systems, each of which starts with the first test on it and ends with the process. Each test has
//! tenants of its own, so they run side by side; those that disturb a system take one for themselves.

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
mod logs;
mod network;
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
mod update;
mod watching;
mod way;
