//! Functions and adapters without services.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up fails")]

mod amqp;
mod architecture;
mod control;
mod cost;
mod dead_letter;
mod events;
mod fanout;
mod fuzz;
mod http;
mod ingest;
mod lambda_handler;
mod logs;
mod metrics;
mod monitor;
mod process;
mod relay;
mod repository;
mod sending;
mod stand_in;
mod state_machine;
mod store;
mod stream;
mod template;
mod throttling;
mod watching;
mod websocket;
