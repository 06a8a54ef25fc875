use super::locked;
use crate::{
    envelope::Envelope,
    ports::{Broker, Parcel, SendError},
};
use std::{sync::Mutex, time::Duration};

/// A broker that remembers what it took.
#[derive(Debug, Default)]
pub struct FakeBroker {
    sent: Mutex<Vec<Parcel>>,
    /// How many sends it still takes; none is no bound.
    room: Mutex<Option<usize>>,
}

impl FakeBroker {
    /// Everything that was sent, in its order.
    pub fn sent(&self) -> Vec<Parcel> {
        locked(&self.sent).clone()
    }

    /// From here on every send fails, or none.
    pub fn set_down(&self, down: bool) {
        *locked(&self.room) = down.then_some(0);
    }

    /// From here on so many sends succeed, and then every one fails.
    pub fn set_room(&self, sends: usize) {
        *locked(&self.room) = Some(sends);
    }
}

impl Broker for &FakeBroker {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        if let Some(room) = locked(&self.room).as_mut() {
            *room = room
                .checked_sub(1)
                .ok_or_else(|| SendError::Unavailable("ordered by the test".to_owned()))?;
        }
        locked(&self.sent).push(Parcel { envelope: envelope.clone(), delay });
        Ok(())
    }

    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Result<(), SendError>> {
        let mut results = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            results.push(self.send(&parcel.envelope, parcel.delay).await);
        }
        results
    }
}
