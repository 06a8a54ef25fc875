//! The stack is updated under load and then deleted, on a system of its own.

use crate::{
    aws::{sdk, swept},
    support::{AFTER_A_SWEEP, SOON, path},
};
use expedite_tests::{
    launcher::{System, project},
    load::Load,
    socket::Subscriber,
    template,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, process::Command};
use tokio::task::block_in_place;

const EARLIER: &str = ".aws-sam/build/earlier.json";
const CURRENT: &str = ".aws-sam/build/template.yaml";
/// What the earlier template has not got.
const LATER: &str = "ExpressDeadLetterMapping";

/// The newest template in this repository's history that is not the one of today, with the functions as `sam build` has
/// built them today. Only one that gives them the variables that they read, and none where there is no history.
fn committed(current: &Value) -> Option<Value> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(project()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    let today = template::load().unwrap();
    let commits = git(&["log", "--format=%H", "--", "template.yaml"])?;
    let templates = commits.lines().filter_map(|commit| git(&["show", &format!("{commit}:template.yaml")]));
    let mut earlier = templates.map(|text| template::parse(&text).unwrap()).find(|it| *it != today)?;
    for (name, function) in earlier["Resources"].as_object_mut()? {
        if function["Type"] == "AWS::Serverless::Function" {
            let theirs = &mut function["Properties"];
            let ours = &current["Resources"][name]["Properties"];
            if ours.is_null() || variables(theirs) != variables(ours) {
                return None;
            }
            theirs["CodeUri"] = ours["CodeUri"].clone();
        }
    }
    Some(earlier)
}

/// The names of a function's own environment variables.
fn variables(properties: &Value) -> Option<BTreeSet<&String>> {
    Some(properties["Environment"]["Variables"].as_object()?.keys().collect())
}

/// What the update starts from: the template before the current one, where there is one, and changed so that the update makes
/// something, changes something of each kind in place, and deletes something.
fn earlier(current: &Value) -> Value {
    let committed = committed(current);
    eprintln!("the template before this one: {}", if committed.is_some() { "committed" } else { "made up" });
    let mut template = committed.unwrap_or_else(|| current.clone());
    template["Globals"]["Function"]["MemorySize"] = json!(128);
    let resources = &mut template["Resources"];
    assert!(resources.as_object_mut().unwrap().remove(LATER).is_some());
    forget(resources, LATER);
    resources["Retired"] = json!({"Type": "AWS::SQS::Queue"});
    resources["StandardMapping"]["Properties"]["MaximumBatchingWindowInSeconds"] = json!(1);
    let configuration = &mut resources["BrokerConfiguration"]["Properties"]["Data"]["Fn::Base64"];
    let changed = configuration.as_str().unwrap().replace("maxPageSize=\"10\"", "maxPageSize=\"20\"");
    *configuration = json!(changed);
    template
}

/// Takes out of all lists what names it.
fn forget(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| forget(item, name));
            items.retain(|item| !item.to_string().contains(name));
        }
        Value::Object(members) => members.values_mut().for_each(|member| forget(member, name)),
        _ => (),
    }
}

/// Memory of `ingest` in MB, the batching window of `standard`, and the queues that have a mapping.
async fn deployed(system: &System) -> (Option<i32>, Option<i32>, BTreeSet<String>) {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let function = format!("{}-ingest", system.endpoints.stack_name);
    let memory =
        lambda.get_function_configuration().function_name(function).send().await.unwrap().memory_size;
    let mappings = lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();
    let standard = mappings.iter().find(|mapping| mapping.queues() == ["standard"]).unwrap();
    let queues = mappings.iter().flat_map(|mapping| mapping.queues().iter().cloned()).collect();
    (memory, standard.maximum_batching_window_in_seconds, queues)
}

/// What the template keeps when its stack is deleted, as the launcher names it.
fn retained(template: &Value) -> Value {
    let resources = template["Resources"].as_object().unwrap().iter();
    let kept =
        resources.filter(|(_, it)| it["DeletionPolicy"].as_str().unwrap_or_default().starts_with("Retain"));
    kept.map(|(name, it)| json!(format!("{} {name}", it["Type"].as_str().unwrap()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_keeps_what_waits_and_a_deletion_leaves_what_is_retained() {
    let current = template::parse(&fs::read_to_string(project().join(CURRENT)).unwrap()).unwrap();
    fs::write(project().join(EARLIER), earlier(&current).to_string()).unwrap();
    let system =
        System::start("update-tests", &["--template", EARLIER, "--parameter", "HandlerTimeoutSeconds=5"])
            .unwrap();
    let order = |order: &str| block_in_place(|| system.order(order)).unwrap();
    let (memory, window, mut queues) = deployed(&system).await;
    assert_eq!((memory, window), (Some(128), Some(1)));

    let (caller, bystander) = (system.caller("update").unwrap(), system.caller("update-load").unwrap());
    let mut socket = Subscriber::open(&system.endpoints.websocket_url, &caller, &["all"]).await.unwrap();
    let load = Load::start(&bystander);
    load.wait_for(40, SOON).await.unwrap();
    let held_by_broker = caller.submit(&json!({"type": "demo", "delay_seconds": 40})).await.unwrap();
    let held_by_table = caller.submit(&json!({"type": "demo", "delay_seconds": 3_600})).await.unwrap();
    let ended = json!({"type": "demo", "payload": {"n": 1}});
    let first = caller.post_with_key("before", &ended).await.unwrap();
    caller.wait_for(first.body["id"].as_str().unwrap(), &["completed"], SOON).await.unwrap();
    let running = caller.submit(&json!({"type": "demo", "payload": {"work_ms": 4_000}})).await.unwrap();
    caller.wait_for(&running, &["processing"], SOON).await.unwrap();

    order(&format!("stack update {CURRENT}"));
    let acknowledged = load.counts().acknowledged;
    queues.insert("DLQ.express".to_owned());
    assert_eq!(deployed(&system).await, (Some(256), Some(0), queues));

    let sooner = caller.request(Method::PATCH, &format!("/v1/messages/{held_by_table}"));
    let now = json!({"deliver_at": "2026-01-01T00:00:00Z"});
    assert_eq!(caller.send(sooner.json(&now)).await.unwrap().status, 200);
    let message = caller.wait_for(&held_by_broker, &["completed"], AFTER_A_SWEEP).await.unwrap();
    assert_eq!(path(&message), ["accepted", "queued", "processing", "completed"], "{message}");
    caller.wait_for(&held_by_table, &["completed"], SOON).await.unwrap();
    swept(&system, caller.wait_for(&running, &["completed"], AFTER_A_SWEEP)).await.unwrap();
    let replay = caller.post_with_key("before", &ended).await.unwrap();
    assert_eq!((replay.status.as_u16(), &replay.body["id"]), (200, &first.body["id"]));
    socket.wait_for(&held_by_table, &["completed"]).await.unwrap();
    load.wait_for(acknowledged + 20, SOON).await.unwrap();
    swept(&system, load.end(AFTER_A_SWEEP)).await.unwrap();

    assert_eq!(order("stack delete")["left"], retained(&current));
}
