//! The broker keeps work and its order, and lets everybody do what they are there for and nothing else.

use super::{Template, check, permitted::PERMITTED, target, texts};
use expedite::adapters::amqp::Lane;
use roxmltree::{Document, Node};
use serde_json::Value;
use std::collections::BTreeSet;

/// Each rule sees the configuration as it stands in the template.
fn with_configuration(template: &Template, rule: impl Fn(&Document<'_>) -> Vec<String>) -> Vec<String> {
    let data = &template.resource("BrokerConfiguration")["Properties"]["Data"]["Fn::Base64"];
    rule(&Document::parse(data.as_str().unwrap()).unwrap())
}

fn elements<'a>(document: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    document
        .descendants()
        .filter(move |node| node.has_tag_name(("http://activemq.apache.org/schema/core", name)))
}

fn survives(template: &Template) -> Vec<String> {
    with_configuration(template, |document| {
        let mut broken = Vec::new();
        for node in document.descendants().filter(Node::is_element) {
            let name = node.tag_name().name();
            let Some((_, attributes, children)) = PERMITTED.iter().find(|(permitted, ..)| *permitted == name)
            else {
                broken.push(format!("{name} would be dropped"));
                continue;
            };
            for attribute in node.attributes() {
                if !attributes.contains(&attribute.name()) {
                    broken.push(format!("{name}'s {} would be dropped", attribute.name()));
                }
                if ["${", "#{"].iter().any(|opening| attribute.value().contains(opening)) {
                    broken.push(format!("{name}'s {} is no plain value", attribute.name()));
                }
            }
            for child in node.children().filter(Node::is_element) {
                if !children.contains(&child.tag_name().name()) {
                    broken.push(format!("{} would be dropped from {name}", child.tag_name().name()));
                }
            }
        }
        broken
    })
}

#[test]
fn nothing_of_the_configuration_is_dropped_by_amazon_mq() {
    check(
        survives,
        &[
            (
                "prioritizedMessages=\"true\"",
                "prioritisedMessages=\"true\"",
                "policyEntry's prioritisedMessages",
            ),
            (
                "<statisticsBrokerPlugin/>",
                "<simpleAuthenticationPlugin/>",
                "simpleAuthenticationPlugin would be",
            ),
            ("<statisticsBrokerPlugin/>", "<destinations/>", "destinations would be dropped from plugins"),
            ("maxPageSize=\"10\"", "maxPageSize=\"${pages}\"", "policyEntry's maxPageSize is no plain value"),
        ],
    );
}

/// What the order of priorities and the safety of messages stand on, by element.
const NEEDED: [(&str, &str, &str); 9] = [
    ("broker", "schedulerSupport", "true"),
    ("broker", "persistent", "true"),
    ("policyEntry", "queue", ">"),
    ("policyEntry", "prioritizedMessages", "true"),
    ("policyEntry", "useCache", "false"),
    ("policyEntry", "maxPageSize", "10"),
    ("policyEntry", "queuePrefetch", "10"),
    ("policyEntry", "expireMessagesPeriod", "0"),
    ("forcePersistencyModeBrokerPlugin", "persistenceFlag", "true"),
];

fn keeps_order(template: &Template) -> Vec<String> {
    with_configuration(template, |document| {
        let is_so = |(element, attribute, value): &&(&str, &str, &str)| {
            elements(document, element).all(|node| node.attribute(*attribute) == Some(value))
                && elements(document, element).count() == 1
        };
        NEEDED.iter().filter(|needed| !is_so(needed)).map(|needed| format!("{needed:?} is not so")).collect()
    })
}

#[test]
fn the_broker_keeps_order_and_work() {
    let mut breaks = Vec::new();
    for (element, attribute, value) in NEEDED {
        if attribute != "queue" {
            breaks.push((
                format!(" {attribute}=\"{value}\""),
                String::new(),
                format!("{element}\", \"{attribute}"),
            ));
        }
    }
    breaks.push((
        "<policyEntry queue=\"&gt;\"".into(),
        "<policyEntry queue=\"standard\"".into(),
        "queue".into(),
    ));
    let breaks: Vec<_> =
        breaks.iter().map(|(from, to, words)| (from.as_str(), to.as_str(), words.as_str())).collect();
    check(keeps_order, &breaks);
}

/// Who may read and write a queue, as the entry for it says.
fn groups<'a>(document: &'a Document<'_>, kind: &str, destination: &str, right: &str) -> BTreeSet<&'a str> {
    elements(document, "authorizationEntry")
        .filter(|entry| entry.attribute(kind) == Some(destination))
        .flat_map(|entry| entry.attribute(right).unwrap_or_default().split(','))
        .collect()
}

/// Everything is closed but work for those who send and take it, and dead letters for those who take them.
fn is_closed(template: &Template) -> Vec<String> {
    with_configuration(template, |document| {
        let work = Lane::ALL.map(|lane| lane.queue().to_owned());
        let dead = Lane::ALL.map(|lane| format!("DLQ.{}", lane.queue()));
        let mut expected: Vec<(&str, String, &[&str], &[&str])> = vec![
            ("queue", ">".to_owned(), &["admins"], &["admins"]),
            ("topic", ">".to_owned(), &["admins"], &["admins"]),
        ];
        expected.extend(
            work.map(|queue| ("queue", queue, &["admins", "mappings"][..], &["admins", "producers"][..])),
        );
        expected.extend(dead.map(|queue| ("queue", queue, &["admins", "mappings"][..], &["admins"][..])));
        let mut broken = Vec::new();
        for (kind, destination, readers, writers) in &expected {
            for (right, allowed) in [("read", readers), ("write", writers), ("admin", &&["admins"][..])] {
                let found = groups(document, kind, destination, right);
                if found != allowed.iter().copied().collect() {
                    broken.push(format!("{right} on {kind} {destination} is for {found:?}"));
                }
            }
        }
        // OpenWire's clients read and make advisories of their own.
        let others = elements(document, "authorizationEntry").filter(|entry| {
            entry.attribute("topic") != Some("ActiveMQ.Advisory.>")
                && !expected.iter().any(|(kind, destination, ..)| entry.attribute(*kind) == Some(destination))
        });
        broken.extend(others.map(|entry| format!("{:?} is open to somebody", entry.attributes().next())));
        broken
    })
}

#[test]
fn everything_is_closed_but_what_a_user_is_there_for() {
    let mine = "<authorizationEntry queue=\"standard\"";
    check(
        is_closed,
        &[
            ("queue=\"&gt;\" read=\"admins\"", "queue=\"&gt;\" read=\"admins,mappings\"", "read on queue >"),
            (
                "topic=\"&gt;\" read=\"admins\" write=\"admins\"",
                "topic=\"&gt;\" read=\"admins\"",
                "write on topic >",
            ),
            (
                "queue=\"DLQ.express\" read=\"admins,mappings\"",
                "queue=\"DLQ.express\" read=\"admins\"",
                "DLQ.express",
            ),
            ("queue=\"express\" read", "queue=\"expres\" read", "queue express is for {}"),
            (
                mine,
                &format!("<authorizationEntry queue=\"other\" read=\"all\"/>{mine}"),
                "is open to somebody",
            ),
        ],
    );
}

/// Each user of the broker has a secret of its own name, and a group that the configuration knows; each mapping signs in
/// as the one that may read, and each sender as the one that may write.
fn users(template: &Template) -> Vec<String> {
    let broker = &template.resource("Broker")["Properties"];
    let known = with_configuration(template, |document| {
        elements(document, "authorizationEntry")
            .flat_map(|entry| {
                ["read", "write"].map(|right| entry.attribute(right).unwrap_or_default().to_owned())
            })
            .flat_map(|groups| groups.split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect()
    });
    let mut broken = Vec::new();
    for user in broker["Users"].as_array().into_iter().flatten() {
        let name = user["Username"].as_str().unwrap_or_default();
        let password = user["Password"]["Fn::Sub"].as_str().unwrap_or_default();
        let secret = password.split("${").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
        let made = &template.resource(secret)["Properties"]["GenerateSecretString"]["SecretStringTemplate"];
        let made: Value = serde_json::from_str(made.as_str().unwrap_or("null")).unwrap_or_default();
        if made["username"] != name {
            broken.push(format!("the secret {secret} of {name} is for {}", made["username"]));
        }
        for group in texts(&user["Groups"]) {
            if !known.iter().any(|known| known == group) {
                broken.push(format!("{name} is in the group {group}, which may nothing"));
            }
        }
    }
    let named: Vec<_> =
        broker["Users"].as_array().into_iter().flatten().map(|user| &user["Username"]).collect();
    if named != ["producer", "mapping", "admin"] {
        broken.push(format!("the broker's users are {named:?}"));
    }
    let console = |user: &&Value| user["ConsoleAccess"] == true && user["Username"] != "admin";
    if broker["Users"].as_array().into_iter().flatten().any(|user| console(&user)) {
        broken.push("the console is open to more than the admin".to_owned());
    }
    if broker["PubliclyAccessible"] != false {
        broken.push("the broker is open to the internet".to_owned());
    }
    for (name, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        for access in mapping["Properties"]["SourceAccessConfigurations"].as_array().into_iter().flatten() {
            if target(&access["URI"]) != Some("MappingSecret") {
                broken.push(format!("{name} signs in as somebody else"));
            }
        }
    }
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let secret = &function["Properties"]["Environment"]["Variables"]["BROKER_SECRET_ARN"];
        if !secret.is_null() && target(secret) != Some("ProducerSecret") {
            broken.push(format!("{name} signs in as somebody else"));
        }
    }
    broken
}

#[test]
fn everybody_signs_in_as_themselves() {
    check(
        users,
        &[
            (
                "'{\"username\": \"producer\"}'",
                "'{\"username\": \"admin\"}'",
                "the secret ProducerSecret of producer",
            ),
            ("Groups: [mappings]", "Groups: [mapping]", "mapping is in the group mapping"),
            ("Username: admin", "Username: root", "the broker's users are"),
            (
                "          Groups: [mappings]\n",
                "          Groups: [mappings]\n          ConsoleAccess: true\n",
                "the console is open to more",
            ),
            ("PubliclyAccessible: false", "PubliclyAccessible: true", "open to the internet"),
            (
                "URI: !If [OwnBroker, !Ref MappingSecret",
                "URI: !If [OwnBroker, !Ref ProducerSecret",
                "StandardMapping signs in as somebody else",
            ),
            (
                "BROKER_SECRET_ARN: !If [OwnBroker, !Ref ProducerSecret",
                "BROKER_SECRET_ARN: !If [OwnBroker, !Ref MappingSecret",
                "IngestFunction signs",
            ),
        ],
    );
}

/// The broker writes down what happens and what is done in its console, and Amazon MQ may write that before there is a
/// broker: otherwise there are no logs, and nobody is told.
fn logs(template: &Template) -> Vec<String> {
    let broker = template.resource("Broker");
    let mut broken = Vec::new();
    for log in ["General", "Audit"] {
        if broker["Properties"]["Logs"][log] != true {
            broken.push(format!("the broker has no log {log}"));
        }
    }
    let first: Vec<_> = texts(&broker["DependsOn"]).into_iter().map(|name| template.resource(name)).collect();
    let mut documents = first.iter().filter(|it| it["Type"] == "AWS::Logs::ResourcePolicy").map(|policy| {
        let text = policy["Properties"]["PolicyDocument"]["Fn::Sub"].as_str().unwrap_or_default();
        serde_json::from_str::<Value>(text).unwrap_or_default()
    });
    let may_write = documents.any(|document| {
        let statement = &document["Statement"][0];
        statement["Principal"]["Service"] == "mq.amazonaws.com"
            && texts(&statement["Action"]) == ["logs:CreateLogStream", "logs:PutLogEvents"]
            && statement["Resource"].as_str().is_some_and(|group| group.ends_with(":/aws/amazonmq/broker/*"))
            && statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "${AWS::AccountId}"
    });
    if !may_write {
        broken.push("Amazon MQ may not write the broker's logs".to_owned());
    }
    broken
}

#[test]
fn the_broker_writes_logs() {
    let denied = "Amazon MQ may not write";
    check(
        logs,
        &[
            ("Logs: {General: true, Audit: true}", "Logs: {General: true}", "no log Audit"),
            ("    DependsOn: BrokerLogsPolicy\n", "", denied),
            ("\"logs:CreateLogStream\", \"logs:PutLogEvents\"", "\"logs:*\"", denied),
            ("\"aws:SourceAccount\": \"${AWS::AccountId}\"", "\"aws:SourceAccount\": \"*\"", denied),
        ],
    );
}
