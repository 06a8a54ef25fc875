//! What was asked for, held against what came of it, with the counters of Jepsen's queue test.

use std::{collections::BTreeMap, fmt};

/// The fate of each message, by a name that its sender chose before it asked.
///
/// Whoever sends says [`asked`](Self::asked) before a request and [`acknowledged`](Self::acknowledged) after its answer;
/// whoever watches says [`ended`](Self::ended) for each final state that was recorded and [`ran`](Self::ran) for each run of
/// the handler. The order of these does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<String, Entry>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    asked: bool,
    acknowledged: bool,
    ends: usize,
    runs: usize,
}

/// The counters. [`lost`](Self::lost) and [`unexpected`](Self::unexpected) must be 0; the others tell how hard it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Asked for, whatever the answer was.
    pub attempted: usize,
    /// Answered with 202, or with 200 on a repeated request.
    pub acknowledged: usize,
    /// Asked for, and ended.
    pub completed: usize,
    /// Acknowledged, and never ended.
    pub lost: usize,
    /// Ended though nobody asked for it, or ended more than once.
    pub unexpected: usize,
    /// The handler ran more than once.
    pub duplicated: usize,
    /// Not acknowledged, since the answer was an error or got lost, and ended all the same.
    pub recovered: usize,
}

impl Ledger {
    /// A request for `name` is about to be made.
    pub fn asked(&mut self, name: &str) {
        self.entry(name).asked = true;
    }

    /// The system has answered that it has `name`.
    pub fn acknowledged(&mut self, name: &str) {
        self.entry(name).acknowledged = true;
    }

    /// A final state of `name` was recorded.
    pub fn ended(&mut self, name: &str) {
        self.entry(name).ends += 1;
    }

    /// The handler ran for `name`.
    pub fn ran(&mut self, name: &str) {
        self.entry(name).runs += 1;
    }

    /// What was acknowledged and has not ended.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.names(|entry| entry.acknowledged && entry.ends == 0)
    }

    /// What ended though nobody asked for it, or ended more than once.
    pub fn surprises(&self) -> impl Iterator<Item = &str> {
        self.names(|entry| entry.ends > usize::from(entry.asked))
    }

    /// All counters.
    pub fn counts(&self) -> Counts {
        let count = |matches: fn(&Entry) -> bool| self.0.values().filter(|entry| matches(entry)).count();
        Counts {
            attempted: count(|entry| entry.asked),
            acknowledged: count(|entry| entry.acknowledged),
            completed: count(|entry| entry.asked && entry.ends > 0),
            lost: self.missing().count(),
            unexpected: self.surprises().count(),
            duplicated: count(|entry| entry.runs > 1),
            recovered: count(|entry| entry.asked && !entry.acknowledged && entry.ends > 0),
        }
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        self.0.entry(name.to_owned()).or_default()
    }

    fn names(&self, matches: fn(&Entry) -> bool) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, entry)| matches(entry)).map(|(name, _)| name.as_str())
    }
}

impl Counts {
    /// Whether nothing is lost and nothing came from nowhere.
    pub const fn is_sound(&self) -> bool {
        self.lost == 0 && self.unexpected == 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in [
            ("attempted", self.attempted),
            ("acknowledged", self.acknowledged),
            ("completed", self.completed),
            ("lost", self.lost),
            ("unexpected", self.unexpected),
            ("duplicated", self.duplicated),
            ("recovered", self.recovered),
        ] {
            writeln!(f, "{name:<14} {count:>8}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each fate by itself: what was said of one message, and the counters that it must show in.
    #[test]
    fn each_fate_is_counted_where_it_belongs() {
        type Said = fn(&mut Ledger, &str);
        const ASKED: Said = Ledger::asked;
        const ACKNOWLEDGED: Said = Ledger::acknowledged;
        const RAN: Said = Ledger::ran;
        const ENDED: Said = Ledger::ended;
        let none = Counts::default();
        let asked = Counts { attempted: 1, ..none };
        let known = Counts { acknowledged: 1, ..asked };
        for (said, expected) in [
            (&[ASKED][..], asked),
            (&[ASKED, ACKNOWLEDGED], Counts { lost: 1, ..known }),
            (&[ASKED, ACKNOWLEDGED, RAN], Counts { lost: 1, ..known }),
            (&[ASKED, ACKNOWLEDGED, RAN, ENDED], Counts { completed: 1, ..known }),
            (&[ASKED, RAN, ENDED, ACKNOWLEDGED], Counts { completed: 1, ..known }),
            (&[ASKED, ACKNOWLEDGED, RAN, RAN, ENDED], Counts { completed: 1, duplicated: 1, ..known }),
            (&[ASKED, ACKNOWLEDGED, RAN, ENDED, ENDED], Counts { completed: 1, unexpected: 1, ..known }),
            (&[ASKED, RAN, ENDED], Counts { completed: 1, recovered: 1, ..asked }),
            (&[RAN, ENDED], Counts { unexpected: 1, ..none }),
        ] {
            let mut ledger = Ledger::default();
            said.iter().for_each(|say| say(&mut ledger, "it"));
            assert_eq!(ledger.counts(), expected, "{ledger:?}");
            assert_eq!(ledger.counts().is_sound(), expected.lost + expected.unexpected == 0);
        }
    }

    #[test]
    fn messages_are_counted_apart_and_the_bad_ones_are_named() {
        let mut ledger = Ledger::default();
        ["a", "b"].iter().for_each(|name| ledger.asked(name));
        ["a", "b"].iter().for_each(|name| ledger.acknowledged(name));
        ["a", "c"].iter().for_each(|name| ledger.ended(name));
        assert_eq!(ledger.missing().collect::<Vec<_>>(), ["b"]);
        assert_eq!(ledger.surprises().collect::<Vec<_>>(), ["c"]);
    }
}
