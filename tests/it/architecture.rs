//! What the layout promises: who may name what.

use crate::repository;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// A Rust file: its path in the repository and its text without comments.
type Source = (String, String);

pub fn sources(folder: &str) -> Vec<Source> {
    let files: Vec<_> = repository::files(folder).into_iter().filter(|path| path.ends_with(".rs")).collect();
    assert!(!files.is_empty(), "{folder} has no Rust files");
    files.into_iter().map(|path| (path.clone(), without_comments(&repository::read(&path)))).collect()
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The files in `folders` whose code has a word that `names` takes.
fn who_names(folders: &[&str], names: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let all = folders.iter().flat_map(|folder| sources(folder));
    all.filter(|(_, code)| words(code).any(&names)).map(|(path, _)| path).collect()
}

/// Each package of the workspace with the packages that it depends on, but for its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(repository::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap();
        all.iter().filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    metadata["packages"].as_array().unwrap().iter().map(|package| (name(package), of(package))).collect()
}

pub fn functions() -> BTreeSet<String> {
    let first_part = |path: &String| path.split('/').nth(1).map(str::to_owned);
    repository::files("functions").iter().filter_map(first_part).collect()
}

fn is_sdk(name: &str) -> bool {
    let name = name.replace('-', "_");
    ["aws_sdk_", "aws_config", "aws_smithy", "fe2o3", "serde_amqp", "hyper"]
        .iter()
        .any(|sdk| name.starts_with(sdk))
}

#[test]
fn the_domain_is_pure() {
    assert_eq!(dependencies()["expedite-domain"], BTreeSet::from(["uuid".to_owned()]));
    let impure = ["SystemTime", "Instant", "tokio", "serde", "env", "fs", "net", "thread"];
    let offenders = who_names(&["shared/domain/src"], |word| impure.contains(&word));
    assert_eq!(offenders, BTreeSet::new());
}

#[test]
fn only_adapters_name_an_sdk() {
    let who = who_names(&["functions", "shared"], is_sdk);
    let (adapters, others): (Vec<_>, Vec<_>) =
        who.into_iter().partition(|path| path.starts_with("shared/src/adapters/"));
    assert!(!adapters.is_empty(), "the search finds nothing any more");
    assert_eq!(others, Vec::<String>::new());
    let linked = dependencies();
    for function in functions() {
        assert!(!linked[&function].iter().any(|name| is_sdk(name)), "{function} depends on an SDK");
    }
}

#[test]
fn only_config_reads_the_environment() {
    let who = who_names(&["functions", "shared"], |word| word == "env");
    assert_eq!(who, BTreeSet::from(["shared/src/config.rs".to_owned()]));
}

#[test]
fn only_stores_make_a_message_from_its_fields() {
    let makes = |(path, code): Source| code.contains("Message::restore(").then_some(path);
    let who = ["functions", "shared", "tests/it", "tests/system", "tests/src"].into_iter().flat_map(sources);
    // This file names it, in the line above.
    let who: Vec<_> = who.filter(|(path, _)| path != "tests/it/architecture.rs").filter_map(makes).collect();
    assert!(!who.is_empty(), "the search finds nothing any more");
    for path in who {
        let may = path.starts_with("shared/src/adapters/") || path.starts_with("shared/domain/src/");
        assert!(may, "{path} makes a message that no transition led to");
    }
}

#[test]
fn a_main_only_wires() {
    for function in functions() {
        let main = repository::read(&format!("functions/{function}/src/main.rs"));
        let (imports, wiring) = main.split_once("#[tokio::main").unwrap();
        assert!(!imports.contains("fn "), "{function} wires before its main");
        assert!(
            !main.contains("test"),
            "{function}'s main.rs has tests, which `test = false` in its Cargo.toml leaves out"
        );
        let lines = wiring.lines().count();
        assert!(lines < 30, "{function}'s main.rs has {lines} lines behind its imports");
    }
}

#[test]
fn functions_do_not_know_each_other() {
    let all = functions();
    let linked = dependencies();
    for function in &all {
        let sideways: Vec<_> = linked[function].intersection(&all).collect();
        assert!(sideways.is_empty(), "{function} depends on {sideways:?}");
    }
    for shared in ["expedite", "expedite-domain"] {
        assert!(linked[shared].is_disjoint(&all), "{shared} depends on a function");
    }
}
