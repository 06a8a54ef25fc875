use super::locked;
use crate::ports::{BrokerStatus, BrokerWatch, MappingStatus, MappingWatch, WatchError};
use std::{collections::BTreeMap, sync::Mutex};

fn silent() -> WatchError {
    WatchError("ordered by the test".to_owned())
}

/// Amazon MQ, of which one asks how the broker stands.
#[derive(Debug, Default)]
pub struct FakeBrokerWatch(Mutex<Option<BrokerStatus>>);

impl FakeBrokerWatch {
    /// What it says from here on; nothing, where it can't be asked.
    pub fn set(&self, status: Option<BrokerStatus>) {
        *locked(&self.0) = status;
    }
}

impl BrokerWatch for &FakeBrokerWatch {
    async fn status(&self) -> Result<BrokerStatus, WatchError> {
        locked(&self.0).clone().ok_or_else(silent)
    }
}

/// Lambda, of which one asks how mappings stand.
#[derive(Debug, Default)]
pub struct FakeMappingWatch(Mutex<BTreeMap<String, MappingStatus>>);

impl FakeMappingWatch {
    /// What it says of a mapping from here on. Of one that was never set it says nothing.
    pub fn set(&self, id: &str, state: &str, reason: &str) {
        let status = MappingStatus { state: state.to_owned(), reason: reason.to_owned() };
        locked(&self.0).insert(id.to_owned(), status);
    }
}

impl MappingWatch for &FakeMappingWatch {
    async fn status(&self, id: &str) -> Result<MappingStatus, WatchError> {
        locked(&self.0).get(id).cloned().ok_or_else(silent)
    }
}
