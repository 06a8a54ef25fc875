//! The one way in which a stored message changes: decide by [`transition`], write by compare-and-set, and where somebody
//! else was faster decide anew on what stands there now.

use crate::ports::{MessageStore, Replaced, StoreError};
use expedite_domain::{Event, Message, Refused, Timestamp, transition};

/// How often a change is decided anew. Two writers meet now and then; eight in a row is a fault.
const ROUNDS: u32 = 8;

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Changed {
    /// The message as it stands now.
    To(Box<Message>),
    /// The event does not apply to the message as it stands. Nothing was written.
    Refused(Refused, Box<Message>),
    /// There is no such message.
    Missing,
}

/// Applies `event` to a message, which was `seen` like this.
///
/// # Errors
/// The store's. Whether the change took effect is then unknown.
pub async fn change(
    store: &impl MessageStore,
    seen: Message,
    event: Event,
    now: Timestamp,
) -> Result<Changed, StoreError> {
    let mut current = Box::new(seen);
    for _ in 0..ROUNDS {
        let next = match transition(&current, event.clone(), now) {
            Ok(next) => next,
            Err(refused) => return Ok(Changed::Refused(refused, current)),
        };
        match store.replace(&current, &next).await? {
            Replaced::Written => return Ok(Changed::To(Box::new(next))),
            Replaced::Conflict(newer) => current = newer,
            Replaced::Missing => return Ok(Changed::Missing),
        }
    }
    Err(StoreError::Unavailable(format!("message {} changed under every one of {ROUNDS} tries", current.id)))
}
