//! What the layout promises: who may name what, and that template and code agree.

use crate::repository;
use expedite::{adapters::amqp::Lane, config};
use expedite_tests::template;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// A Rust file: its path in the repository and its text without comments.
type Source = (String, String);

fn sources(folder: &str) -> Vec<Source> {
    let files: Vec<_> = repository::files(folder).into_iter().filter(|path| path.ends_with(".rs")).collect();
    assert!(!files.is_empty(), "{folder} has no Rust files");
    files.into_iter().map(|path| (path.clone(), without_comments(&repository::read(&path)))).collect()
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn words(code: &str) -> impl Iterator<Item = &str> {
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

fn functions() -> BTreeSet<String> {
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

/// Each function's resource by the folder that it is built from.
fn resources(template: &Value) -> BTreeMap<String, &Value> {
    let all = template::resources(template, "AWS::Serverless::Function").into_iter();
    all.map(|(name, resource)| {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        (binary.unwrap_or_else(|| panic!("{name} names no binary")).to_owned(), resource)
    })
    .collect()
}

fn variables(resource: &Value) -> BTreeSet<String> {
    resource["Properties"]["Environment"]["Variables"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn each_function_is_deployed_with_a_log_group_of_its_own() {
    let template = template::load().unwrap();
    let resources = resources(&template);
    assert_eq!(resources.keys().cloned().collect::<BTreeSet<_>>(), functions());
    let mut groups = BTreeSet::new();
    for (function, resource) in resources {
        let group = resource["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
        assert!(groups.insert(group.to_owned()), "{function} shares its log group");
        let group = &template["Resources"][group];
        assert_eq!(group["Type"], "AWS::Logs::LogGroup", "{function}");
        assert!(!group["Properties"]["RetentionInDays"].is_null(), "{function} keeps its logs for ever");
    }
}

#[test]
fn a_function_is_given_exactly_the_variables_that_it_reads() {
    let template = template::load().unwrap();
    let mut given = BTreeSet::new();
    for (function, resource) in resources(&template) {
        let code: String =
            sources(&format!("functions/{function}/src")).into_iter().map(|(_, code)| code).collect();
        let read = code.split("config::").skip(1).filter_map(|rest| words(rest).next());
        let read: BTreeSet<_> = read.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(variables(resource), read, "{function}");
        given.extend(read);
    }
    let known = config::VARIABLES.map(|variable| variable.name().to_owned());
    assert_eq!(given, BTreeSet::from(known));
}

/// What stands in `attribute="…"` of the broker's configuration.
fn values(configuration: &str, attribute: &str) -> BTreeSet<String> {
    let opening = format!("{attribute}=\"");
    let parts = configuration.split(&opening).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn broker_mappings_and_senders_mean_the_same_queues() {
    let template = template::load().unwrap();
    let configuration =
        template["Resources"]["BrokerConfiguration"]["Properties"]["Data"]["Fn::Base64"].as_str();
    let configuration = configuration.unwrap();
    let prefix = values(configuration, "queuePrefix").into_iter().next().unwrap();
    let mut expected = BTreeSet::new();
    let mappings = template::resources(&template, "AWS::Lambda::EventSourceMapping");
    let work = Lane::ALL.map(|lane| (lane.queue().to_owned(), "ProcessFunction"));
    let dead = Lane::ALL.map(|lane| (format!("{prefix}{}", lane.queue()), "DeadLetterFunction"));
    for (queue, function) in work.into_iter().chain(dead) {
        let grant = format!("authorizationEntry queue=\"{queue}\" read=\"admins,mappings\"");
        assert!(configuration.contains(&grant), "the mappings' user may not read {queue}");
        let reads = |resource: &Value| resource["Properties"]["Queues"] == serde_json::json!([queue]);
        let mappings: Vec<_> = mappings.iter().filter(|(_, resource)| reads(resource)).collect();
        let [(name, mapping)] = mappings.as_slice() else {
            panic!("{} mappings read {queue}", mappings.len());
        };
        assert_eq!(mapping["Properties"]["FunctionName"]["Ref"], function, "{name}");
        assert_eq!(
            mapping["Condition"],
            Value::Null,
            "{name} is there whether or not messages are sent to it"
        );
        expected.insert(queue);
    }
    for name in ["StandardMapping", "ExpressMapping"] {
        assert_eq!(template["Resources"][name]["Properties"]["BatchSize"]["Ref"], "BatchSize", "{name}");
    }
    assert_eq!(values(configuration, "physicalName"), expected);
}
