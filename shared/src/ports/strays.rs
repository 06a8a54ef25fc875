use super::StoreError;
use expedite_domain::Timestamp;
use sha2::{Digest, Sha256};
use std::future::Future;

/// What the broker gave up on and belongs to no message: somebody else's, or one that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The broker's name for it.
    pub broker_id: String,
    /// The queue that it lay on.
    pub queue: String,
    /// When the broker put it there, by the broker's clock.
    pub queued_at: Timestamp,
    /// When it was found. It is kept from then on for as long as a message that has ended.
    pub found_at: Timestamp,
    /// Why it belongs to no message.
    pub reason: String,
    /// Why the broker gave it up, in the broker's words.
    pub given_up: Option<String>,
    /// Its data as it came.
    pub data: String,
}

impl Stray {
    /// The name under which it is kept: 15 digits of milliseconds, so that names sort as time does, `#`, and a hash. It is
    /// the same however often the broker delivers it, and another one for other data.
    pub fn name(&self) -> String {
        let mut hash = Sha256::new();
        for text in [&self.broker_id, &self.data] {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
        let millis = self.queued_at.millis().clamp(0, 999_999_999_999_999);
        format!("{millis:015}#{}", hex::encode(&hash.finalize()[..16]))
    }
}

/// Where strays are kept until somebody has looked at them.
pub trait Strays: Send + Sync {
    /// Keeps one, under its name. One that is kept already stays as it is.
    fn keep(&self, stray: &Stray) -> impl Future<Output = Result<(), StoreError>> + Send;
}
