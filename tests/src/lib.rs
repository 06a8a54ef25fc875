//! What the system tests, the model and the demo share: an HTTP client and a WebSocket client to use a running system as
//! its callers do, the launcher that starts a whole system and ends it with the process, and the ledger of what became of it.

pub mod chaos;
pub mod chart;
pub mod emf;
pub mod fault;
pub mod http;
pub mod launcher;
pub mod ledger;
pub mod load;
pub mod socket;
pub mod tables;
pub mod template;
pub mod wire;

/// What goes wrong in a test ends it.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
