//! Metrics: the table of them, who measures what, and the lines in which they leave.

mod emf;
mod intake;
mod outbox;
mod outcomes;
mod sockets;

use crate::repository;
use expedite::metrics::Metric;
use std::collections::{BTreeMap, BTreeSet};

/// The code of these files, without comments.
fn code(paths: &[String]) -> String {
    let files = paths.iter().filter(|path| path.ends_with(".rs"));
    let text = files.map(|path| repository::read(path)).collect::<Vec<_>>().join("\n");
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The metrics that some code names.
fn named(code: &str) -> BTreeSet<&str> {
    let names = code.split("Metric::").skip(1);
    names
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next())
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect()
}

/// What the functions that other functions count by count, by their names.
fn helpers(code: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let parts = code.split("\npub fn ").skip(1);
    let named = parts.map(|part| (part.split(['(', '<']).next().unwrap(), named(part)));
    named.filter(|(_, metrics)| !metrics.is_empty()).collect()
}

/// Nothing outside the table can be measured, since a metric is a value of its type. Nothing in it is left out either.
#[test]
fn each_function_measures_what_the_table_says() {
    let shared = code(&["shared/src/metrics.rs".to_owned()]);
    let helpers = helpers(&shared);
    assert_eq!(helpers.keys().copied().collect::<Vec<_>>(), ["count_change", "count_dropped", "stream_lag"]);
    let folders: BTreeSet<_> = repository::files("functions")
        .iter()
        .filter_map(|path| path.split('/').nth(1).map(str::to_owned))
        .collect();
    for folder in &folders {
        let code = code(&repository::files(&format!("functions/{folder}/src")));
        let listed = |metric: &Metric| metric.functions().iter().any(|function| function.as_str() == folder);
        let own = named(&code);
        for name in &own {
            let metric = Metric::ALL.iter().find(|metric| metric.name() == *name).unwrap();
            assert!(listed(metric), "{folder} measures {name}, and the table says nothing of it");
        }
        for metric in Metric::ALL.iter().filter(|metric| listed(metric)) {
            let helped = helpers
                .iter()
                .any(|(helper, names)| names.contains(metric.name()) && code.contains(&format!("{helper}(")));
            assert!(own.contains(metric.name()) || helped, "{folder} does not measure {}", metric.name());
        }
    }
}
