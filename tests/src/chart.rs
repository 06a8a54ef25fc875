//! Draws the lives of messages in a terminal: a line each, over time.

use serde_json::Value;
use std::{fmt::Write, time::Duration};

/// How many columns the time axis has.
const COLUMNS: u64 = 64;

/// What became of one message. Times are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its priority.
    pub priority: Rank,
    /// Whether it asked for a delay that its priority made void.
    pub bypassed: bool,
    /// Whether it waited for a time of its own.
    pub delayed: bool,
    /// When it was accepted.
    pub accepted: i64,
    /// When its handler was started first.
    pub started: i64,
    /// When it completed.
    pub ended: i64,
}

/// A priority, ordered: the less urgent is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Priority `low`.
    Low,
    /// Priority `medium`.
    Medium,
    /// Priority `high`.
    High,
}

impl Rank {
    const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Red, yellow, blue.
    const fn color(self) -> u8 {
        match self {
            Self::High => 31,
            Self::Medium => 33,
            Self::Low => 34,
        }
    }
}

impl Life {
    /// The life of a message that has completed, from its timeline. None for any other.
    pub fn of(message: &Value) -> Option<Self> {
        let at = |state: &str| {
            let timeline = message["timeline"].as_array()?;
            let entry = timeline.iter().find(|entry| entry["state"] == state)?;
            millis(entry["at"].as_str()?)
        };
        let priority = Rank::ALL.into_iter().find(|rank| message["priority"] == rank.name())?;
        Some(Self {
            priority,
            bypassed: message["bypassed"] == true,
            delayed: message["deliver_at"] != message["created_at"],
            accepted: at("accepted")?,
            started: at("processing")?,
            ended: at("completed")?,
        })
    }

    /// How long it waited for its start.
    pub fn wait(&self) -> i64 {
        self.started - self.accepted
    }
}

/// Milliseconds since the epoch, from RFC 3339.
fn millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// A line for each message, in the order in which they came in: dots while it waits, blocks while it runs.
pub fn draw(lives: &[Life], colored: bool) -> String {
    let begin = lives.iter().map(|life| life.accepted).min().unwrap_or_default();
    let end = lives.iter().map(|life| life.ended).max().unwrap_or_default();
    let column = |at: i64| {
        let part = u64::try_from(at - begin).unwrap_or_default() * (COLUMNS - 1);
        usize::try_from(part / u64::try_from(end - begin).unwrap_or_default().max(1)).unwrap_or_default()
    };
    let mut out = String::new();
    for life in lives {
        let (came, ran, ended) = (column(life.accepted), column(life.started), column(life.ended));
        let bar = format!(
            "{}{}{}",
            " ".repeat(came),
            "·".repeat(ran.saturating_sub(came)),
            "█".repeat(ended.saturating_sub(ran).max(1))
        );
        let note = match (life.bypassed, life.delayed) {
            (true, _) => "  bypassed its delay",
            (_, true) => "  delayed",
            _ => "",
        };
        let width = usize::try_from(COLUMNS).unwrap_or_default();
        let padding = " ".repeat(width.saturating_sub(bar.chars().count()));
        let (on, off) = if colored {
            (format!("\x1b[{}m", life.priority.color()), "\x1b[0m")
        } else {
            (String::new(), "")
        };
        let _ = writeln!(out, "{on}{:<7}{off}│{on}{bar}{off}{padding}│{note}", life.priority.name());
    }
    let seconds = Duration::from_millis(u64::try_from(end - begin).unwrap_or_default()).as_secs_f64();
    let _ = writeln!(out, "{:<7}└{}┘", "", "─".repeat(usize::try_from(COLUMNS).unwrap_or_default()));
    let _ = writeln!(out, "{:<8}0 s{:>61}\n", "", format!("{seconds:.1} s"));
    out
}

/// A row for each priority: how many, how many of them bypassed, and how long they waited to start.
pub fn summary(lives: &[Life]) -> String {
    let mut out = String::from("priority  completed  bypassed  median wait  longest wait\n");
    for rank in Rank::ALL {
        let of_rank: Vec<_> = lives.iter().filter(|life| life.priority == rank).collect();
        let mut waits: Vec<_> = of_rank.iter().map(|life| life.wait()).collect();
        waits.sort_unstable();
        let bypassed = of_rank.iter().filter(|life| life.bypassed).count();
        let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
        let longest = waits.last().copied().unwrap_or_default();
        let _ = writeln!(
            out,
            "{:<8}  {:>9}  {bypassed:>8}  {median:>8} ms  {longest:>9} ms",
            rank.name(),
            of_rank.len()
        );
    }
    out
}

/// The largest number of less urgent messages that started before a more urgent one. All must have been there before
/// the first of them started.
pub fn overtakers(lives: &[Life]) -> usize {
    let before = |life: &Life| {
        lives.iter().filter(|other| other.priority < life.priority && other.started < life.started).count()
    };
    lives.iter().map(before).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn life(priority: &str, started: u32) -> Life {
        let at = |seconds: u32| format!("2026-01-31T08:15:{seconds:02}.000Z");
        Life::of(&json!({
            "priority": priority, "bypassed": false, "created_at": at(0), "deliver_at": at(0),
            "timeline": [
                {"state": "accepted", "at": at(0)},
                {"state": "processing", "at": at(started)},
                {"state": "completed", "at": at(started + 1)},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn counts_less_urgent_ones_that_started_first() {
        assert_eq!(overtakers(&[life("high", 1), life("medium", 2), life("low", 3)]), 0);
        assert_eq!(overtakers(&[life("high", 3), life("medium", 2), life("low", 1), life("low", 5)]), 2);
    }

    #[test]
    fn draws_waiting_and_work() {
        let text = draw(&[life("high", 0), life("low", 3)], false);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("high   │███") && lines[1].starts_with("low    │···"), "{text}");
        assert!(
            summary(&[life("low", 3)]).contains("low               1         0      3000 ms       3000 ms")
        );
    }
}
