//! The whole system over doubles of its ports, in one thread and in virtual time, so that every run can be replayed.
//!
//! [`points`] lets the system die, or lose an answer, at each of its calls in turn; [`schedules`] lets chance say who goes on,
//! who dies and what gets lost. Whatever happens, the promises hold when everything has come to rest.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up fails")]

mod broker;
mod caller;
mod handler;
mod history;
mod invocation;
mod overlaps;
mod points;
mod ports;
mod rest;
mod rules;
mod scenarios;
mod schedules;
mod subscriber;
mod system;
mod triggers;
mod world;
