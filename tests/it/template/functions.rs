//! What every function has, and what none may hold.

use super::{Template, check, target};
use std::collections::BTreeSet;

/// A log group that forgets, logs that machines read, a time-out, memory, and a sentence on what it is for.
fn complete(template: &Template) -> Vec<String> {
    let globals = &template.tree["Globals"]["Function"];
    let mut broken = Vec::new();
    let mut groups = BTreeSet::new();
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        let given = |property: &str| !properties[property].is_null() || !globals[property].is_null();
        for property in ["Timeout", "MemorySize", "Description", "FunctionName"] {
            if !given(property) {
                broken.push(format!("{name} has no {property}"));
            }
        }
        let logging = &properties["LoggingConfig"];
        if logging["LogFormat"] != "JSON" {
            broken.push(format!("{name} does not log JSON"));
        }
        let group = target(&logging["LogGroup"]).map(|group| template.resource(group));
        if group.is_none_or(|group| target(&group["Properties"]["RetentionInDays"]).is_none()) {
            broken.push(format!("{name} has no log group that forgets"));
        }
        if !groups.insert(target(&logging["LogGroup"])) {
            broken.push(format!("{name} has another one's log group"));
        }
    }
    broken
}

#[test]
fn every_function_is_complete() {
    check(
        complete,
        &[
            ("    Timeout: 15\n", "", "WsConnectFunction has no Timeout"),
            ("    MemorySize: 256\n", "", "has no MemorySize"),
            (
                "      Description: Redeems a ticket and remembers the connection.\n",
                "",
                "WsConnectFunction has no Desc",
            ),
            (
                "LogFormat: JSON, LogGroup: !Ref RelayLogs",
                "LogGroup: !Ref RelayLogs",
                "RelayFunction does not log",
            ),
            ("LogGroup: !Ref FanoutLogs", "LogGroup: !Ref Nothing", "FanoutFunction has no log group"),
            (
                "LogGroup: !Ref FanoutLogs",
                "LogGroup: !Ref RelayLogs",
                "RelayFunction has another one's log group",
            ),
        ],
    );
}

/// A secret's value stands in the broker's users alone; functions get its name and read it themselves.
fn secrets_stay_secret(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, resource) in template.tree["Resources"].as_object().into_iter().flatten() {
        let resolved = resource.to_string().matches("{{resolve:").count();
        let may = if resource["Type"] == "AWS::AmazonMQ::Broker" {
            resource["Properties"]["Users"].as_array().map_or(0, Vec::len)
        } else {
            0
        };
        if resolved > may {
            broken.push(format!("{name} holds a secret's value"));
        }
    }
    let outputs = template.tree["Outputs"].to_string();
    if outputs.contains("{{resolve:") || outputs.contains("Secret}") {
        broken.push("an output tells a secret".to_owned());
    }
    broken
}

#[test]
fn no_function_is_given_a_password() {
    let value = "BROKER_SECRET_ARN: !Sub '{{resolve:secretsmanager:${ProducerSecret}}}'";
    check(
        secrets_stay_secret,
        &[
            (
                "BROKER_SECRET_ARN: !If [OwnBroker, !Ref ProducerSecret, !Ref ProducerSecretArn]",
                value,
                "RelayFunction holds a secret's value",
            ),
            (
                "Value: !If [OwnBroker, !GetAtt Broker.Arn, !Ref BrokerArn]",
                "Value: !Sub '{{resolve:secretsmanager:${ProducerSecret}}}'",
                "an output tells a secret",
            ),
        ],
    );
}

/// Only who sends to the broker is in its network: `PostToConnection` can't leave one through an endpoint.
fn network(template: &Template) -> Vec<String> {
    let functions = template.resources("AWS::Serverless::Function");
    let inside = functions.iter().filter(|(_, function)| !function["Properties"]["VpcConfig"].is_null());
    let sends = functions.iter().filter(|(_, function)| {
        !function["Properties"]["Environment"]["Variables"]["BROKER_ENDPOINTS"].is_null()
    });
    let (inside, sends): (Vec<_>, Vec<_>) =
        (inside.map(|(name, _)| name).collect(), sends.map(|(name, _)| name).collect());
    if inside == sends { Vec::new() } else { vec![format!("in the network: {inside:?}; send: {sends:?}")] }
}

#[test]
fn only_senders_are_in_the_network() {
    let vpc = "      VpcConfig:\n";
    let fanout = "      LoggingConfig: {LogFormat: JSON, LogGroup: !Ref FanoutLogs}\n";
    let inside = format!("{fanout}{vpc}        SubnetIds: [subnet-1]\n");
    check(network, &[(vpc, "      Other:\n", "in the network: []"), (fanout, &inside, "FanoutFunction")]);
}
