//! In-memory doubles of the ports. They pass the same [`conformance`](crate::conformance) suite as the adapters.

mod broker;
mod connections;
mod meter;
mod sources;
mod store;
mod strays;
mod stream;
mod watch;

pub use broker::FakeBroker;
pub use connections::{FakeConnections, FakePush};
pub use meter::FakeMeter;
pub use sources::{FakeClock, FakeEntropy};
pub use store::FakeStore;
pub use stream::stream_record;
pub use watch::{FakeBrokerWatch, FakeMappingWatch};

use crate::ports::StoreError;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What goes wrong with a call to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens and the caller is told so.
    Refused,
    /// It takes effect, and the answer gets lost.
    AnswerLost,
}

/// Faults for the calls to come, in their order. Calls beyond them go well.
#[derive(Debug, Default)]
pub struct Faults(Mutex<VecDeque<Option<Fault>>>);

impl Faults {
    /// Orders faults for the next calls; `None` lets one pass.
    pub fn order(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        locked(&self.0).extend(faults);
    }

    /// Runs a call under the next fault.
    fn around<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fault = locked(&self.0).pop_front().flatten();
        let lost = || StoreError::Unavailable("ordered by the test".to_owned());
        match fault {
            None => call(),
            Some(Fault::Refused) => Err(lost()),
            Some(Fault::AnswerLost) => call().and_then(|_| Err(lost())),
        }
    }
}

/// A test that panics while it holds a lock has failed already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
