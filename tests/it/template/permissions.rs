//! Grants are for named actions on named resources; where that can't be, a comment says why.

use super::{Template, check, texts};
use serde_json::Value;

/// All statements of all policies that allow something, with where they stand.
fn statements(template: &Template) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, resource) in template.tree["Resources"].as_object().into_iter().flatten() {
        let inline = resource["Properties"]["Policies"].as_array().into_iter().flatten();
        let inline = inline.flat_map(|policy| [policy, &policy["PolicyDocument"]]);
        let own = ["PolicyDocument", "KeyPolicy"].map(|property| &resource["Properties"][property]);
        for document in inline.chain(own) {
            let all = document["Statement"].as_array().into_iter().flatten();
            for statement in all.filter(|statement| statement["Effect"] == "Allow") {
                found.push((
                    format!("{name}'s {}", statement["Sid"].as_str().unwrap_or("nameless")),
                    statement,
                ));
            }
        }
    }
    found
}

fn least(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let all = statements(template);
    assert!(!all.is_empty(), "the search finds nothing any more");
    for (name, statement) in all {
        if statement["Sid"].is_null() {
            broken.push(format!("{name} statement has no name"));
        }
        let sid = statement["Sid"].as_str().unwrap_or_default();
        for action in texts(&statement["Action"]) {
            if action.contains('*') && !is_explained(&template.text, sid) {
                broken.push(format!("{name} allows {action}"));
            }
        }
        if statement["Resource"].to_string().contains("\"*\"") && !is_explained(&template.text, sid) {
            broken.push(format!("{name} is for every resource, and no comment says why"));
        }
    }
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let policies = function["Properties"]["Policies"].as_array().into_iter().flatten();
        for managed in policies.filter_map(Value::as_str) {
            broken.push(format!("{name} has the policy {managed}, which others change"));
        }
    }
    broken
}

/// Whether each statement of that name stands under a comment.
fn is_explained(text: &str, sid: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let heads = lines.iter().enumerate().filter(|(_, line)| **line == format!("- Sid: {sid}"));
    heads.clone().count() > 0 && heads.into_iter().all(|(at, _)| at > 0 && lines[at - 1].starts_with('#'))
}

#[test]
fn nobody_may_more_than_they_do() {
    check(
        least,
        &[
            ("Action: mq:DescribeBroker", "Action: mq:*", "ProcessPolicy's ReadQueue allows mq:*"),
            (
                "Resource: !Sub '${MessagesTable.Arn}/index/due'",
                "Resource: '*'",
                "RelayFunction's Sweep is for every resource",
            ),
            (
                "          # As in ProcessPolicy.\n",
                "",
                "DeadLetterPolicy's NetworkInterfaces is for every resource",
            ),
            (
                "            Action: kms:Decrypt\n",
                "            Action: kms:*\n",
                "SecretKeyPolicy's BySecretsManager allows",
            ),
            (
                "            - Sid: Sweep\n              Effect",
                "            - Effect",
                "nameless statement has no name",
            ),
            (
                "        - Statement:\n            - Sid: Forget",
                "        - AmazonDynamoDBFullAccess\n        - Statement:\n            - Sid: Forget",
                "WsDisconnectFunction has the policy AmazonDynamoDBFullAccess",
            ),
        ],
    );
}
