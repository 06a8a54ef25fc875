use super::locked;
use crate::{
    envelope::Envelope,
    ports::{Broker, SendError},
};
use std::{sync::Mutex, time::Duration};

/// A message that the broker took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What was sent.
    pub envelope: Envelope,
    /// How long it is to be held back.
    pub delay: Duration,
}

/// A broker that remembers what it took.
#[derive(Debug, Default)]
pub struct FakeBroker {
    sent: Mutex<Vec<Sent>>,
    down: Mutex<bool>,
}

impl FakeBroker {
    /// Everything that was sent, in its order.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.sent).clone()
    }

    /// From here on every send fails, or none.
    pub fn set_down(&self, down: bool) {
        *locked(&self.down) = down;
    }
}

impl Broker for &FakeBroker {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        if *locked(&self.down) {
            return Err(SendError::Unavailable("ordered by the test".to_owned()));
        }
        locked(&self.sent).push(Sent { envelope: envelope.clone(), delay });
        Ok(())
    }
}
