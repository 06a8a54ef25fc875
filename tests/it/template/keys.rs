//! What is kept is kept under a key of the operator's, and as long as the operator says.

use super::{Template, alternatives, check, target, texts};
use serde_json::Value;
use std::collections::BTreeSet;

/// What holds data, and where it names its key.
const KEYED: [(&str, &str); 6] = [
    ("AWS::AmazonMQ::Broker", "/Properties/EncryptionOptions/KmsKeyId"),
    ("AWS::DynamoDB::Table", "/Properties/SSESpecification/KMSMasterKeyId"),
    ("AWS::Logs::LogGroup", "/Properties/KmsKeyId"),
    ("AWS::SNS::Topic", "/Properties/KmsMasterKeyId"),
    ("AWS::SQS::Queue", "/Properties/KmsMasterKeyId"),
    ("AWS::SecretsManager::Secret", "/Properties/KmsKeyId"),
];

fn resources(template: &Template) -> impl Iterator<Item = (&String, &Value)> {
    template.tree["Resources"].as_object().into_iter().flatten()
}

fn no_key_of_others(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (kind, place) in KEYED {
        for (name, resource) in resources(template).filter(|(_, resource)| resource["Type"] == kind) {
            let key = resource.pointer(place).map(alternatives).unwrap_or_default();
            let keys: Vec<_> = key.into_iter().map(target).collect();
            if keys != [Some("Key"), Some("KmsKeyArn")] {
                broken.push(format!("{name} is under another key than the operator's"));
            }
        }
    }
    if template.resource("Broker")["Properties"]["EncryptionOptions"]["UseAwsOwnedKey"] != false {
        broken.push("the broker is under a key of Amazon MQ's".to_owned());
    }
    // CloudWatch Logs may use the key for those groups alone whose names its policy knows.
    let policy = template.resource("Key")["Properties"]["KeyPolicy"].to_string();
    for (name, group) in template.resources("AWS::Logs::LogGroup") {
        let group_name = group["Properties"]["LogGroupName"]["Fn::Sub"].as_str().unwrap_or_default();
        let prefix = group_name.split_inclusive("${AWS::StackName}").next().unwrap_or_default();
        let whole = group_name == prefix;
        let pattern = format!("log-group:{prefix}{}\"", if whole { "" } else { "-*" });
        if !policy.contains(&pattern) {
            broken.push(format!("{name} can't be written under the key"));
        }
    }
    broken
}

#[test]
fn nothing_is_kept_under_a_key_of_others() {
    let key = "KmsMasterKeyId: !If [OwnKey, !GetAtt Key.Arn, !Ref KmsKeyArn]";
    check(
        no_key_of_others,
        &[
            (key, "SqsManagedSseEnabled: true", "StreamFailures is under another key"),
            (
                ", KMSMasterKeyId: !If [OwnKey, !GetAtt Key.Arn, !Ref KmsKeyArn]}",
                "}",
                "ConnectionsTable is under another key",
            ),
            (
                "      KmsKeyId: !If [OwnKey, !GetAtt Key.Arn, !Ref KmsKeyArn]\n",
                "",
                "AdminSecret is under another key",
            ),
            ("UseAwsOwnedKey: false", "UseAwsOwnedKey: true", "a key of Amazon MQ's"),
            ("/aws/lambda/${AWS::StackName}-relay", "/relay/${AWS::StackName}", "RelayLogs can't be written"),
        ],
    );
}

/// The services that use the key in the name of who calls them, and the policy that lets one.
const BY_SERVICE: [(&str, &str); 3] =
    [("dynamodb:", "TableKeyPolicy"), ("secretsmanager:", "SecretKeyPolicy"), ("sqs:", "QueueKeyPolicy")];

/// What a function or a role may do, and the policies that it shares with others.
type Rights<'a> = (String, Vec<&'a Value>, Vec<&'a str>);

fn rights(template: &Template) -> Vec<Rights<'_>> {
    let mut found = Vec::new();
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let policies: Vec<_> = function["Properties"]["Policies"].as_array().into_iter().flatten().collect();
        if !policies.is_empty() {
            let own = policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
            found.push((
                name.to_owned(),
                own.collect(),
                policies.iter().filter_map(|policy| target(policy)).collect(),
            ));
        }
    }
    for (name, role) in template.resources("AWS::IAM::Role") {
        let shared =
            role["Properties"]["ManagedPolicyArns"].as_array().into_iter().flatten().filter_map(target);
        let own = template.resources("AWS::IAM::RolePolicy").into_iter();
        let own = own.filter(|(_, policy)| target(&policy["Properties"]["RoleName"]) == Some(name));
        let own = own.flat_map(|(_, policy)| {
            policy["Properties"]["PolicyDocument"]["Statement"].as_array().into_iter().flatten()
        });
        found.push((name.to_owned(), own.collect(), shared.collect()));
    }
    found
}

fn who_calls_may_use_it(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, own, shared) in rights(template) {
        let actions: BTreeSet<_> = own.iter().flat_map(|statement| texts(&statement["Action"])).collect();
        for (service, policy) in BY_SERVICE {
            let calls = actions.iter().any(|action| action.starts_with(service));
            match (calls, shared.contains(&policy)) {
                (true, false) => broken.push(format!("{name} calls {service} without {policy}")),
                (false, true) => broken.push(format!("{name} has {policy} for nothing")),
                _ => (),
            }
        }
    }
    for (service, policy) in BY_SERVICE {
        let statements = &template.resource(policy)["Properties"]["PolicyDocument"]["Statement"];
        for statement in statements.as_array().into_iter().flatten() {
            let by = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
                .as_str()
                .unwrap_or_default();
            if !by.starts_with(service.trim_end_matches(':')) {
                broken.push(format!("{policy} is for more than {service}"));
            }
        }
    }
    broken
}

#[test]
fn who_calls_a_service_may_use_the_key_by_way_of_it() {
    check(
        who_calls_may_use_it,
        &[
            (
                "        - !Ref TableKeyPolicy\n        - !Ref QueueKeyPolicy\n",
                "        - !Ref TableKeyPolicy\n",
                "FanoutFunction calls sqs: without",
            ),
            (
                "[!Ref TableKeyPolicy, !Ref SecretKeyPolicy]",
                "[!Ref TableKeyPolicy]",
                "DeadLetterRole calls secretsmanager: without",
            ),
            ("        - !Ref TableKeyPolicy\n", "", "WsConnectFunction calls dynamodb: without"),
            (
                "        - !Ref TableKeyPolicy\n",
                "        - !Ref TableKeyPolicy\n        - !Ref SecretKeyPolicy\n",
                "ControlFunction has SecretKeyPolicy for nothing",
            ),
            (
                "Condition: {StringEquals: {kms:ViaService: !Sub 'sqs.",
                "Condition: {StringEquals: {kms:Other: !Sub 'sqs.",
                "QueueKeyPolicy is for more than sqs",
            ),
        ],
    );
}

/// Whether a value holds in production and another one in a trial.
fn in_production(value: &Value, production: &Value, trial: &Value) -> bool {
    let branches = value["Fn::If"].as_array().map(Vec::as_slice).unwrap_or_default();
    matches!(branches, [condition, yes, no] if condition == "Production" && yes == production && no == trial)
}

fn stays(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, table) in template.resources("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        // What has a stream is the record of something; the rest is of the moment.
        if properties["StreamSpecification"].is_null() {
            continue;
        }
        if !in_production(&properties["DeletionProtectionEnabled"], &true.into(), &false.into()) {
            broken.push(format!("{name} can be deleted in production, or never"));
        }
        if properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            broken.push(format!("{name} has no backup"));
        }
        if table["UpdateReplacePolicy"] != "Retain" {
            broken.push(format!("{name} can be lost by an update"));
        }
    }
    for (name, pool) in template.resources("AWS::Cognito::UserPool") {
        if !in_production(&pool["Properties"]["DeletionProtection"], &"ACTIVE".into(), &"INACTIVE".into()) {
            broken.push(format!("{name} can be deleted in production, or never"));
        }
    }
    for (name, key) in template.resources("AWS::KMS::Key") {
        if ["DeletionPolicy", "UpdateReplacePolicy"].iter().any(|policy| key[*policy] != "Retain") {
            broken.push(format!("{name} ends before the backups that it encrypts"));
        }
    }
    broken
}

#[test]
fn what_must_stay_stays() {
    let protected = "DeletionProtectionEnabled: !If [Production, true, false]";
    check(
        stays,
        &[
            (
                protected,
                "DeletionProtectionEnabled: !If [Production, false, true]",
                "MessagesTable can be deleted",
            ),
            (
                protected,
                "DeletionProtectionEnabled: true",
                "MessagesTable can be deleted in production, or never",
            ),
            (
                "PointInTimeRecoveryEnabled: true",
                "PointInTimeRecoveryEnabled: false",
                "MessagesTable has no backup",
            ),
            (
                "    DeletionPolicy: Delete\n    UpdateReplacePolicy: Retain\n",
                "    DeletionPolicy: Delete\n",
                "MessagesTable can be lost by an update",
            ),
            ("[Production, ACTIVE, INACTIVE]", "[Production, INACTIVE, INACTIVE]", "UserPool can be deleted"),
            ("    DeletionPolicy: Retain\n", "    DeletionPolicy: Delete\n", "Key ends before the backups"),
        ],
    );
}

/// SQS and SNS take calls over plain HTTP unless they are told not to.
fn only_tls(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (kind, policies, list) in [
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ] {
        for (name, _) in resources(template).filter(|(_, resource)| resource["Type"] == kind) {
            let of_it = resources(template).filter(|(_, policy)| {
                let targets = policy["Properties"][list].as_array().into_iter().flatten().filter_map(target);
                policy["Type"] == policies && targets.into_iter().any(|target| target == name)
            });
            let mut statements = of_it.flat_map(|(_, policy)| {
                policy["Properties"]["PolicyDocument"]["Statement"].as_array().into_iter().flatten()
            });
            let refuses = statements.any(|statement| {
                statement["Effect"] == "Deny"
                    && statement["Principal"] == "*"
                    && statement["Condition"]["Bool"]["aws:SecureTransport"] == false
            });
            if !refuses {
                broken.push(format!("{name} takes calls without TLS"));
            }
        }
    }
    broken
}

#[test]
fn queues_and_topics_take_tls_alone() {
    check(
        only_tls,
        &[
            (
                "            Effect: Deny\n",
                "            Effect: Allow\n",
                "StreamFailures takes calls without TLS",
            ),
            (
                "Queues: [!Ref StreamFailures]",
                "Queues: [https://other]",
                "StreamFailures takes calls without TLS",
            ),
        ],
    );
}
