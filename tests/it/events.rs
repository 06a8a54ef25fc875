//! The event files: what API Gateway, the broker's mapping and the tables' streams send.

use crate::repository;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The event in `events/<name>.json`, `name` being `<source>/<case>`.
pub fn event(name: &str) -> Value {
    typed(name)
}

/// The same, read as the functions' runtime reads it.
pub fn typed<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same, unread.
pub fn text(name: &str) -> String {
    repository::read(&format!("events/{name}.json"))
}

#[test]
fn every_event_is_used_by_a_test() {
    let tests = repository::files("tests/it").into_iter().filter(|path| path.ends_with(".rs"));
    let code: String = tests.map(|path| repository::read(&path)).collect();
    for path in repository::files("events") {
        let name = path.strip_prefix("events/").and_then(|path| path.strip_suffix(".json"));
        let name = name.unwrap_or_else(|| panic!("{path} is no event"));
        assert!(code.contains(&format!("\"{name}\"")), "no test uses {path}");
    }
}
