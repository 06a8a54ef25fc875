//! What a message is and how it may change.
//!
//! This crate is pure: no I/O, no clock, no randomness, no serialisation. Time, ids and jitter come in as
//! arguments, so that every rule of the system can be read and tested here. Nothing outside of [`transition`]
//! sets a state.

mod aging;
mod backoff;
mod event;
mod message;
mod name;
mod owed;
mod priority;
mod state;
mod time;
mod topic;
mod transition;
mod view;
mod waits;
mod window;

pub use aging::{Aging, Raise};
pub use backoff::{BACKOFF_BASE, BACKOFF_CAP, backoff};
pub use event::{Event, Outcome, Refused};
pub use message::{
    Fields, Fingerprint, Lease, MAX_DELAY, Message, Submission, TIMELINE_LIMIT, Timeline, TimelineEntry,
};
pub use name::{Invalid, MaxAttempts, MessageId, MessageType, Owner, Subject, Tenant, Trace};
pub use owed::{Owed, owed};
pub use priority::Priority;
pub use state::{Handover, State};
pub use time::Timestamp;
pub use topic::Topic;
pub use transition::transition;
pub use view::View;
pub use window::LOOKED_AT_WITHIN;
