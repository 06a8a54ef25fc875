//! Where the template and the code, or two parts of the template, have to say the same.

use super::{Template, check, target};
use crate::architecture::{functions, sources, words};
use expedite::{adapters::amqp::Lane, config};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The variables that a function's code reads.
fn read_by(function: &str) -> BTreeSet<String> {
    let code: String =
        sources(&format!("functions/{function}/src")).into_iter().map(|(_, code)| code).collect();
    let names = code.split("config::").skip(1).filter_map(|rest| words(rest).next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Each function of the repository is deployed, and given exactly the variables that it reads.
fn environment(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let mut missing = functions();
    let mut unread: BTreeSet<_> =
        config::VARIABLES.iter().map(|variable| variable.name().to_owned()).collect();
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or_default();
        if !missing.remove(binary) {
            broken.push(format!("{name} is built from {binary:?}, which is no function, or not its own"));
            continue;
        }
        let variables = function["Properties"]["Environment"]["Variables"].as_object();
        let given: BTreeSet<_> = variables.into_iter().flat_map(|all| all.keys().cloned()).collect();
        let read = read_by(binary);
        if given != read {
            let differ: Vec<_> = given.symmetric_difference(&read).collect();
            broken.push(format!("{name} is given or reads alone {differ:?}"));
        }
        unread.retain(|variable| !read.contains(variable));
    }
    broken.extend(missing.iter().map(|function| format!("{function} is not deployed")));
    broken.extend(unread.iter().map(|variable| format!("nobody reads {variable}")));
    broken
}

#[test]
fn each_function_is_deployed_with_exactly_the_variables_that_it_reads() {
    check(
        environment,
        &[
            (
                "          ALLOWED_ORIGINS: ",
                "          ALLOWED_ORIGIN: ",
                "WsConnectFunction is given or reads",
            ),
            ("          ADMIN_SCOPE: !Ref AdminScope\n", "", "ControlFunction is given or reads"),
            ("Binary: fanout}", "Binary: relay}", "which is no function, or not its own"),
            ("Binary: ws-message}", "Binary: ws-other}", "ws-message is not deployed"),
        ],
    );
}

/// What stands in `attribute="…"` of the broker's configuration.
fn values(configuration: &str, attribute: &str) -> BTreeSet<String> {
    let opening = format!("{attribute}=\"");
    let parts = configuration.split(&opening).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Senders, the broker's destinations and its mappings mean the same queues: those of both lanes, and their dead letters.
fn queues(template: &Template) -> Vec<String> {
    let configuration = &template.resource("BrokerConfiguration")["Properties"]["Data"]["Fn::Base64"];
    let configuration = configuration.as_str().unwrap_or_default();
    let prefix = values(configuration, "queuePrefix").pop_first().unwrap_or_default();
    let work = Lane::ALL.map(|lane| (lane.queue().to_owned(), "ProcessFunction"));
    let dead = Lane::ALL.map(|lane| (format!("{prefix}{}", lane.queue()), "DeadLetterFunction"));
    let mut broken = Vec::new();
    let mut expected = BTreeSet::new();
    let all = template.resources("AWS::Lambda::EventSourceMapping");
    for (queue, function) in work.into_iter().chain(dead) {
        let reading: Vec<_> =
            all.iter().filter(|(_, it)| it["Properties"]["Queues"] == json!([queue])).collect();
        let [(name, mapping)] = reading.as_slice() else {
            broken.push(format!("{} mappings read {queue}", reading.len()));
            continue;
        };
        let properties = &mapping["Properties"];
        if target(&properties["FunctionName"]) != Some(function) {
            broken.push(format!("{name} is not for {function}"));
        }
        if mapping["Condition"] != Value::Null {
            broken.push(format!("{name} is not there whether or not messages are sent to it"));
        }
        if function == "ProcessFunction" && target(&properties["BatchSize"]) != Some("BatchSize") {
            broken.push(format!("{name} has batches of its own size"));
        }
        let access = properties["SourceAccessConfigurations"].as_array();
        let kinds: Vec<_> = access.into_iter().flatten().map(|access| &access["Type"]).collect();
        if kinds != ["BASIC_AUTH"] {
            broken.push(format!("{name} signs in by {kinds:?}"));
        }
        expected.insert(queue);
    }
    let made = values(configuration, "physicalName");
    if made != expected {
        broken.push(format!("the broker makes {made:?}"));
    }
    broken
}

#[test]
fn broker_mappings_and_senders_mean_the_same_queues() {
    let mapping = "      FunctionName: !Ref DeadLetterFunction\n      EventSourceArn: !If [OwnBroker, !GetAtt Broker.Arn, !Ref BrokerArn]\n";
    check(
        queues,
        &[
            ("Queues: [express]", "Queues: [expres]", "0 mappings read express"),
            ("Queues: [DLQ.standard]", "Queues: [standard]", "2 mappings read standard"),
            ("queuePrefix=\"DLQ.\"", "queuePrefix=\"Dead.\"", "0 mappings read Dead.standard"),
            ("physicalName=\"DLQ.express\"", "physicalName=\"DLQ.expres\"", "the broker makes"),
            (
                mapping,
                "      FunctionName: !Ref ProcessFunction\n      EventSourceArn: !If [OwnBroker, !GetAtt Broker.Arn, !Ref BrokerArn]\n",
                "DeadLetterMapping is not for DeadLetterFunction",
            ),
            (
                "      Queues: [express]\n      BatchSize: !Ref BatchSize\n",
                "      Queues: [express]\n      BatchSize: 10\n",
                "ExpressMapping has batches of its own size",
            ),
            (
                "  ExpressMapping:\n    Type: AWS::Lambda::EventSourceMapping\n",
                "  ExpressMapping:\n    Type: AWS::Lambda::EventSourceMapping\n    Condition: OnEmulator\n",
                "ExpressMapping is not there whether or not",
            ),
            ("{Type: BASIC_AUTH, ", "{Type: VIRTUAL_HOST, ", "StandardMapping signs in by"),
        ],
    );
}
