//! A subscriber that keeps to the versions, and can't be led astray by what is lost, late or doubled.

use expedite::domain::{Message, View as Seen};
use serde_json::Value;
use std::collections::BTreeMap;

/// What it knows of each message, by id.
#[derive(Debug, Default)]
pub struct View(BTreeMap<String, Known>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    version: u64,
    state: String,
    priority: String,
    attempt: u64,
}

impl View {
    /// Takes messages as a push or a list shows them, where they are newer than what it knows.
    pub fn take(&mut self, messages: &Value) {
        for message in messages.as_array().unwrap() {
            let id = message["id"].as_str().unwrap().to_owned();
            let text = |name: &str| message[name].as_str().unwrap().to_owned();
            let known = Known {
                version: message["version"].as_u64().unwrap(),
                state: text("state"),
                priority: text("priority"),
                attempt: message["attempt"].as_u64().unwrap(),
            };
            if self.0.get(&id).is_none_or(|old| old.version < known.version) {
                self.0.insert(id, known);
            }
        }
    }

    /// The messages of which it knows something else than what is stored.
    pub fn wrong(&self, stored: &[Message]) -> Vec<String> {
        let is_wrong = |message: &&Message| {
            let at = message.timeline.entries.last().map_or(message.created_at, |entry| entry.at);
            let truth = Known {
                version: message.version,
                state: Seen::of(message, at).as_str().to_owned(),
                priority: message.priority.as_str().to_owned(),
                attempt: message.attempt.into(),
            };
            self.0.get(&message.id.to_string()) != Some(&truth)
        };
        stored.iter().filter(is_wrong).map(|message| message.id.to_string()).collect()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
