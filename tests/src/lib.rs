//! What the system tests and the demo need to use a running system as its callers do: an HTTP client, a WebSocket
//! client, and the launcher that starts a whole system and ends it with the process.

pub mod chart;
pub mod http;
pub mod launcher;
pub mod socket;
pub mod tables;
pub mod template;

/// What goes wrong in a test ends it.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
