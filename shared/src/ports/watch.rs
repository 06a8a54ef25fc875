use super::{DuePosition, StoreError};
use expedite_domain::{Priority, State, Timestamp};
use std::future::Future;

/// AWS did not answer, or refused. It passes, or an operator mends it; the next look comes in a minute.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WatchError(pub String);

/// How the broker stands, as Amazon MQ tells it. Of its machines it tells no states, only how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Amazon MQ's word: `RUNNING`, `REBOOT_IN_PROGRESS`, `CRITICAL_ACTION_REQUIRED`, …
    pub state: String,
    /// How many machines it has: one, or two of which one stands by.
    pub instances: usize,
    /// What has been changed and waits for a reboot, each as a few words.
    pub pending: Vec<String>,
    /// What Amazon MQ asks its operator to do: its code and what it says.
    pub actions: Vec<String>,
}

impl BrokerStatus {
    /// Whether it takes and gives messages, as far as Amazon MQ knows: also where it is degraded and asks for action.
    pub fn runs(&self) -> bool {
        ["RUNNING", "CRITICAL_ACTION_REQUIRED"].contains(&self.state.as_str())
    }
}

/// The broker, seen by its operator.
pub trait BrokerWatch: Send + Sync {
    /// How it stands.
    fn status(&self) -> impl Future<Output = Result<BrokerStatus, WatchError>> + Send;
}

/// How an event source mapping stands, as Lambda tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingStatus {
    /// Lambda's word: `Enabled`, `Disabled`, `Updating`, …
    pub state: String,
    /// Why it is in that state.
    pub reason: String,
}

/// With these a mapping on a broker has stopped for good, whatever its state says (Lambda's developer guide,
/// "Troubleshoot Amazon MQ event source mapping errors").
const STOPPED_BY: [&str; 4] = [
    "ESM_CONFIG_NOT_VALID",
    "EVENT_SOURCE_AUTHN_ERROR",
    "EVENT_SOURCE_AUTHZ_ERROR",
    "FUNCTION_CONFIG_NOT_VALID",
];

impl MappingStatus {
    /// Whether it delivers.
    pub fn works(&self) -> bool {
        ["Enabled", "Updating"].contains(&self.state.as_str())
            && !STOPPED_BY.iter().any(|code| self.reason.contains(code))
    }
}

/// The event source mappings, seen by their operator.
pub trait MappingWatch: Send + Sync {
    /// How the mapping with this id stands.
    fn status(&self, id: &str) -> impl Future<Output = Result<MappingStatus, WatchError>> + Send;
}

/// What the index over `due_at` tells of a message without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands; never in a final state.
    pub state: State,
    /// Not to be started earlier than this.
    pub deliver_at: Timestamp,
    /// When somebody has to look at it.
    pub due_at: Timestamp,
}

/// A page of what is not finished.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnfinishedPage {
    /// The messages, the most overdue first.
    pub messages: Vec<Unfinished>,
    /// Where the next page starts, opaque to callers; none behind the last one.
    pub next: Option<DuePosition>,
    /// How many entries can't be read as a message. They are passed over, and counted.
    pub unreadable: usize,
}

/// What is not finished, over all tenants. May lag behind [`MessageStore`](super::MessageStore) by a moment.
pub trait Backlog: Send + Sync {
    /// The messages of one shard of the index over `due_at` that are due before `before`: as many as one read gives,
    /// some thousands.
    fn unfinished(
        &self,
        shard: u8,
        before: Timestamp,
        after: Option<DuePosition>,
    ) -> impl Future<Output = Result<UnfinishedPage, StoreError>> + Send;
}
