//! What a message may become, and what it must never.

#![expect(clippy::unwrap_used, reason = "a sample that can't be made fails its test")]

mod accepting;
mod attempts;
mod commands;
mod matrix;
mod owing;
mod sample;
mod waits;
mod walks;
