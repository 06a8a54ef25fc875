use expedite::domain::{Priority, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The latest starts in this sandbox, by queue and priority: what `PriorityInversions` is counted by.
///
/// A sandbox sees its own starts alone, so the count is a lower bound. What it counts need not be a fault: a message of
/// lower priority that was delivered, or prefetched, before a more urgent one came is not called back.
#[derive(Clone, Debug, Default)]
pub struct Starts(Arc<Mutex<HashMap<(String, Priority), Timestamp>>>);

impl Starts {
    /// Notes a start, and says whether a less urgent message from the same queue was started before it, though this one
    /// could have been started from `since` on. Messages of one batch set out in the order of their priorities.
    pub(crate) fn overtaken(
        &self,
        queue: String,
        priority: Priority,
        since: Timestamp,
        now: Timestamp,
    ) -> bool {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overtakes = |((from, other), at): (&(String, Priority), &Timestamp)| {
            *from == queue && *other < priority && since < *at && *at < now
        };
        let overtaken = starts.iter().any(overtakes);
        starts.insert((queue, priority), now);
        overtaken
    }
}
