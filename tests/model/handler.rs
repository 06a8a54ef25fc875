//! The work itself, as the payload says.

use expedite::handler::{Job, Verdict};
use serde::Deserialize;
use std::time::Duration;

/// What a message asks of the handler.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Script {
    /// The sender's name for the message.
    pub name: String,
    /// So many runs take their sandbox along.
    dies: usize,
    /// So many runs after that fail.
    fails: usize,
    /// So many runs after that snooze.
    snoozes: usize,
    /// The run after that can never succeed.
    discards: bool,
    /// How long a run takes.
    takes_seconds: u64,
}

pub fn script(payload: &str) -> Script {
    serde_json::from_str(payload).unwrap_or_default()
}

impl Script {
    pub const fn takes(&self) -> Duration {
        Duration::from_secs(self.takes_seconds)
    }

    /// The verdict of a run after so many others; none where it takes its sandbox along.
    pub fn verdict(&self, earlier: usize, job: &Job) -> Option<Verdict> {
        let reason = || "as the payload says".to_owned();
        let alive = earlier.checked_sub(self.dies)?;
        if alive < self.fails {
            return Some(Verdict::Retry { after: Some(Duration::from_secs(5)), reason: reason() });
        }
        if alive - self.fails < self.snoozes {
            return Some(Verdict::Snooze { after: Duration::from_secs(60), reason: reason() });
        }
        // A redriven one has more attempts than it asked for at first, and succeeds.
        if self.discards && job.attempt == 1 {
            return Some(Verdict::Discard { reason: reason() });
        }
        Some(Verdict::Done)
    }
}
