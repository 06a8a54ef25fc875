//! All that has happened: what the stream tells, what the handler did, what became of each message.

use crate::{invocation::Invocation, rules};
use expedite::{
    domain::{Message, Owner, State},
    envelope::Envelope,
    handler::{Job, Verdict},
    ports::Key,
};
use expedite_tests::ledger::Ledger;
use std::collections::HashMap;

/// A change of the table.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: Option<Message>,
    pub after: Message,
}

/// A run of the handler.
#[derive(Clone, Debug)]
pub struct Run {
    pub key: Key,
    pub attempt: u32,
    /// None where it took its sandbox along.
    pub verdict: Option<Verdict>,
}

#[derive(Default)]
pub struct History {
    pub changes: Vec<Change>,
    pub runs: Vec<Run>,
    pub ledger: Ledger,
    /// What must not happen and did.
    pub violations: Vec<String>,
    /// Messages whose callers were told that they are cancelled.
    pub cancelled: Vec<Key>,
    /// The senders' names.
    names: HashMap<Key, String>,
    /// How often each was redriven.
    lives: HashMap<Key, u32>,
    /// Which invocation made each claim.
    holders: HashMap<Owner, usize>,
}

impl History {
    /// A message was stored for the first time, with the payload that names it.
    pub fn created(&mut self, by: &Invocation, message: &Message, name: String) {
        self.names.insert(Key::of(message), name);
        self.changed(by, None, message);
    }

    pub fn changed(&mut self, by: &Invocation, before: Option<&Message>, after: &Message) {
        let change = Change { before: before.cloned(), after: after.clone() };
        if let Some(lease) = after.lease {
            self.holders.entry(lease.owner).or_insert(by.number);
        }
        let holder = before.and_then(|before| before.lease).and_then(|lease| self.holders.get(&lease.owner));
        let name = self.life(&Key::of(after));
        for rule in rules::broken(&change, by, holder == Some(&by.number)) {
            let from = before.map(|before| (before.state, before.version));
            self.violations.push(format!(
                "{name}: {rule} ({:?} made {from:?} into {:?})",
                by.function,
                (after.state, after.version)
            ));
        }
        let revived = before.is_some_and(|before| before.state.is_final()) && !after.state.is_final();
        if revived {
            *self.lives.entry(Key::of(after)).or_default() += 1;
            let name = self.life(&Key::of(after));
            self.ledger.asked(&name);
        }
        if after.state.is_final() {
            self.ledger.ended(&name);
        }
        self.changes.push(change);
    }

    pub fn ran(&mut self, job: &Job, verdict: Option<Verdict>) {
        let key = Key { tenant: job.tenant.clone(), id: job.id };
        let name = self.life(&key);
        self.ledger.ran(&name);
        let snoozed = |run: &&Run| matches!(run.verdict, Some(Verdict::Snooze { .. }));
        let mut earlier = self.runs.iter().filter(|run| run.key == key && run.attempt == job.attempt);
        if earlier.any(|run| !snoozed(&run)) {
            self.violations.push(format!("{name}: attempt {} ran twice", job.attempt));
        }
        self.runs.push(Run { key, attempt: job.attempt, verdict });
    }

    /// A message was handed over: with the priority that it has, unless it has changed meanwhile.
    pub fn sent(&mut self, envelope: &Envelope, stored: &[Message]) {
        let same = |message: &&Message| message.id == envelope.id && message.epoch == envelope.epoch;
        if stored.iter().find(same).is_some_and(|message| message.priority != envelope.priority) {
            self.violations.push(format!("{}: handed over as {}", envelope.id, envelope.priority));
        }
    }

    /// The caller was told that a failed message is tried again.
    pub fn redriven(&mut self, key: &Key) {
        let name = self.life(key);
        self.ledger.acknowledged(&name);
    }

    pub fn key(&self, name: &str) -> Option<Key> {
        self.names.iter().find(|(_, known)| *known == name).map(|(key, _)| key.clone())
    }

    /// A message between two redrives, as the ledger counts it.
    fn life(&self, key: &Key) -> String {
        let name = self.names.get(key).map_or("(unknown)", String::as_str);
        match self.lives.get(key) {
            None => name.to_owned(),
            Some(lives) => format!("{name}, redriven {lives}"),
        }
    }

    /// What must hold when everything has come to rest.
    pub fn at_rest(&self, messages: &[Message]) -> Vec<String> {
        let mut broken = self.violations.clone();
        let counts = self.ledger.counts();
        if !counts.is_sound() {
            let (missing, surprises): (Vec<_>, Vec<_>) =
                (self.ledger.missing().collect(), self.ledger.surprises().collect());
            broken.push(format!("lost: {missing:?}, unexpected: {surprises:?}"));
        }
        for message in messages {
            let name = self.life(&Key::of(message));
            if !message.state.is_final() {
                broken.push(format!("{name}: stays {}", message.state));
            }
            let done = |run: &Run| {
                run.key == Key::of(message)
                    && run.attempt == message.attempt
                    && run.verdict == Some(Verdict::Done)
            };
            if message.state == State::Completed && !self.runs.iter().any(done) {
                broken.push(format!("{name}: completed without a handler that was done"));
            }
            if self.cancelled.contains(&Key::of(message)) && message.state != State::Cancelled {
                broken.push(format!(
                    "{name}: its caller was told that it is cancelled, and it is {}",
                    message.state
                ));
            }
        }
        broken
    }
}
