//! What the APIs of Amazon MQ and Lambda tell an operator, against a stand-in for each.

use crate::stand_in::{Call, Reply, sdk, serve};
use expedite::{
    adapters::{mappings::LambdaMappings, mq::MqBroker},
    ports::{BrokerStatus, BrokerWatch, MappingStatus, MappingWatch, WatchError},
};
use futures_util::join;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// As Amazon MQ's API reference lays it out, for a broker with a stand-by.
fn described() -> Value {
    json!({
        "actionsRequired": [],
        "authenticationStrategy": "SIMPLE",
        "autoMinorVersionUpgrade": true,
        "brokerArn": "arn:aws:mq:eu-west-1:123456789012:broker:expedite-broker:b-1234",
        "brokerId": "b-1234",
        "brokerInstances": [
            {
                "consoleURL": "https://b-1234-1.mq.eu-west-1.amazonaws.com:8162",
                "endpoints": [
                    "ssl://b-1234-1.mq.eu-west-1.amazonaws.com:61617",
                    "amqp+ssl://b-1234-1.mq.eu-west-1.amazonaws.com:5671",
                ],
                "ipAddress": "10.0.0.11",
            },
            {"consoleURL": "https://b-1234-2.mq.eu-west-1.amazonaws.com:8162", "endpoints": [], "ipAddress": "10.0.1.11"},
        ],
        "brokerName": "expedite-broker",
        "brokerState": "RUNNING",
        "configurations": {"current": {"id": "c-1", "revision": 1}, "history": []},
        "created": "2026-01-31T12:00:00Z",
        "deploymentMode": "ACTIVE_STANDBY_MULTI_AZ",
        "encryptionOptions": {"useAwsOwnedKey": true},
        "engineType": "ACTIVEMQ",
        "engineVersion": "5.19",
        "hostInstanceType": "mq.m5.large",
        "logs": {"audit": true, "auditLogGroup": "/aws/amazonmq/broker/b-1234/audit", "general": true},
        "maintenanceWindowStartTime": {"dayOfWeek": "MONDAY", "timeOfDay": "03:00", "timeZone": "UTC"},
        "pendingSecurityGroups": [],
        "publiclyAccessible": false,
        "securityGroups": ["sg-1"],
        "storageType": "efs",
        "subnetIds": ["subnet-1", "subnet-2"],
        "tags": {},
        "users": [{"username": "mapping"}, {"username": "producer"}],
    })
}

async fn broker(
    status: u16,
    headers: &'static str,
    body: String,
) -> (Result<BrokerStatus, WatchError>, Call) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = MqBroker::new(&sdk(&listener), "b-1234".to_owned());
    join!(broker.status(), async { serve(&listener, Reply::Answer(status, headers, body.leak())).await })
}

fn status(state: &str, pending: &[&str], actions: &[&str]) -> BrokerStatus {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    BrokerStatus { state: state.to_owned(), instances: 2, pending: owned(pending), actions: owned(actions) }
}

#[tokio::test]
async fn a_broker_is_told_as_it_stands() {
    for (changes, expected, runs) in [
        (json!({}), status("RUNNING", &[], &[]), true),
        (json!({"brokerState": "REBOOT_IN_PROGRESS"}), status("REBOOT_IN_PROGRESS", &[], &[]), false),
        (json!({"brokerState": "SOMETHING_NEW"}), status("SOMETHING_NEW", &[], &[]), false),
        (
            json!({
                "brokerState": "CRITICAL_ACTION_REQUIRED",
                "actionsRequired": [{"actionRequiredCode": "BROKER_OOM", "actionRequiredInfo": "restarts"}],
            }),
            status("CRITICAL_ACTION_REQUIRED", &[], &["BROKER_OOM: restarts"]),
            true,
        ),
        (
            json!({"configurations": {
                "current": {"id": "c-1", "revision": 1}, "history": [], "pending": {"id": "c-1", "revision": 3},
            }}),
            status("RUNNING", &["configuration revision 3"], &[]),
            true,
        ),
        // A revision that is applied already waits for nothing.
        (
            json!({"configurations": {
                "current": {"id": "c-1", "revision": 3}, "history": [], "pending": {"id": "c-1", "revision": 3},
            }}),
            status("RUNNING", &[], &[]),
            true,
        ),
        (
            json!({
                "pendingEngineVersion": "5.20",
                "pendingHostInstanceType": "mq.m5.xlarge",
                "pendingSecurityGroups": ["sg-2"],
                "logs": {"general": true, "generalLogGroup": "/g", "pending": {"general": false}},
                "users": [{"username": "mapping", "pendingChange": "UPDATE"}, {"username": "producer"}],
            }),
            status(
                "RUNNING",
                &[
                    "engine version 5.20",
                    "instance type mq.m5.xlarge",
                    "security groups",
                    "logs",
                    "user mapping",
                ],
                &[],
            ),
            true,
        ),
    ] {
        let mut answer = described();
        answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let (found, call) = broker(200, "", answer.to_string()).await;
        assert_eq!(call.target, "GET /v1/brokers/b-1234 HTTP/1.1");
        let found = found.unwrap();
        assert_eq!((found.runs(), found), (runs, expected), "{changes}");
    }
}

#[tokio::test]
async fn a_broker_that_nothing_is_told_of_is_an_error() {
    const DENIED: &str = "x-amzn-errortype: ForbiddenException\r\n";
    for (code, headers, body, words) in [
        (403, DENIED, r#"{"message":"not yours"}"#, "ForbiddenException: not yours"),
        (200, "", "{}", "no state"),
    ] {
        let (found, _) = broker(code, headers, body.to_owned()).await;
        let error = found.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

async fn mapping(
    status: u16,
    headers: &'static str,
    body: Value,
) -> (Result<MappingStatus, WatchError>, Call) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mappings = LambdaMappings::new(&sdk(&listener));
    let body = body.to_string().leak();
    join!(mappings.status("1c4e-1"), async { serve(&listener, Reply::Answer(status, headers, body)).await })
}

/// As Lambda's developer guide shows a mapping on Amazon MQ.
#[tokio::test]
async fn a_mapping_is_told_as_it_stands() {
    for (state, reason, works) in [
        ("Enabled", "USER_INITIATED", true),
        ("Enabled", "User action", true),
        ("Updating", "User action", true),
        ("Creating", "USER_INITIATED", false),
        ("Disabled", "USER_INITIATED", false),
        ("Enabled", "EVENT_SOURCE_AUTHN_ERROR", false),
        ("Enabled", "EVENT_SOURCE_AUTHZ_ERROR: no mq:DescribeBroker", false),
        ("Disabled", "FUNCTION_CONFIG_NOT_VALID", false),
        ("Enabled", "ESM_CONFIG_NOT_VALID", false),
    ] {
        let answer = json!({
            "UUID": "1c4e-1",
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0,
            "EventSourceArn": "arn:aws:mq:eu-west-1:123456789012:broker:expedite-broker:b-1234",
            "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:expedite-process",
            "LastModified": 1_769_860_800.531,
            "LastProcessingResult": "No records processed",
            "State": state,
            "StateTransitionReason": reason,
            "Queues": ["standard"],
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:…"}],
        });
        let (found, call) = mapping(200, "", answer).await;
        assert_eq!(call.target, "GET /2015-03-31/event-source-mappings/1c4e-1 HTTP/1.1");
        let found = found.unwrap();
        assert_eq!(found.works(), works, "{state} {reason}");
        assert_eq!(found, MappingStatus { state: state.to_owned(), reason: reason.to_owned() });
    }
}

#[tokio::test]
async fn a_mapping_that_nothing_is_told_of_is_an_error() {
    const MISSING: &str = "x-amzn-errortype: ResourceNotFoundException\r\n";
    for (code, headers, words) in [(404, MISSING, "ResourceNotFoundException"), (200, "", "no state")] {
        let (found, _) = mapping(code, headers, json!({})).await;
        let error = found.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
