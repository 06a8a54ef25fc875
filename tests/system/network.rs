//! A network and a broker that are there already, and a broker with a standby.

use crate::{aws, support::SOON};
use expedite_tests::launcher::{System, project};
use serde_json::json;

fn start(name: &str, parameters: &[&str]) -> expedite_tests::Result<System> {
    let arguments: Vec<_> = parameters.iter().flat_map(|parameter| ["--parameter", parameter]).collect();
    System::start(name, &arguments)
}

#[tokio::test]
async fn an_existing_network_and_a_pair_of_brokers_carry_a_message() {
    let system = start(
        "network-tests",
        &[
            "VpcId=vpc-existing",
            "SubnetIds=subnet-a,subnet-b",
            "DynamoDbPrefixListId=",
            "BrokerDeployment=ACTIVE_STANDBY_MULTI_AZ",
            "Purpose=production",
        ],
    )
    .unwrap();
    let caller = system.caller("acme").unwrap();
    for priority in ["high", "low"] {
        let id = caller.submit(&json!({"type": "demo", "priority": priority})).await.unwrap();
        caller.wait_for(&id, &["completed"], SOON).await.unwrap();
    }
    let endpoints = aws::environment(&system, "ingest").await["BROKER_ENDPOINTS"].clone();
    let (standby, active) = endpoints.split_once(',').unwrap();
    assert_eq!(active, system.endpoints.broker["amqp"]);
    assert_ne!(standby, active);
    for (function, subnets) in
        [("ingest", &["subnet-a", "subnet-b"][..]), ("relay", &["subnet-a", "subnet-b"]), ("fanout", &[])]
    {
        assert_eq!(aws::subnets(&system, function).await, subnets, "{function}");
    }
}

#[tokio::test]
async fn of_what_exists_nothing_is_made() {
    let broker = "arn:aws:mq:us-east-1:000000000000:broker:theirs:b-1";
    let secret =
        |name: &str| format!("{name}SecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}");
    let system = start(
        "existing-tests",
        &[
            "VpcId=vpc-existing",
            "SubnetIds=subnet-a,subnet-b",
            "DynamoDbPrefixListId=",
            "KmsKeyArn=arn:aws:kms:us-east-1:000000000000:key/theirs",
            &format!("BrokerArn={broker}"),
            "BrokerAmqpEndpoints=amqp+ssl://127.0.0.1:1,amqp+ssl://127.0.0.1:2",
            // The emulator's own.
            "BrokerSecurityGroupId=sg-00000001",
            &secret("Producer"),
            &secret("Mapping"),
        ],
    )
    .unwrap();
    assert_eq!(system.endpoints.outputs["BrokerArn"], broker);
    let relay = aws::environment(&system, "relay").await;
    assert_eq!(relay["BROKER_ENDPOINTS"], "amqp+ssl://127.0.0.1:1,amqp+ssl://127.0.0.1:2");
    let log = std::fs::read_to_string(system.endpoints.logs.join("deploy.log")).unwrap();
    let made: Vec<_> = log.lines().filter(|line| line.starts_with("CREATE_COMPLETE")).collect();
    assert!(
        made.iter().any(|line| line.contains("AWS::DynamoDB::Table")),
        "the log names what is made: {log}"
    );
    for kind in ["AWS::AmazonMQ", "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::KMS", "AWS::SecretsManager"] {
        assert!(!made.iter().any(|line| line.contains(kind)), "{kind}: {made:?}");
    }
}

/// The words are the template's. Each of its rules is tried in `local/tests/test_template.py`.
#[test]
fn who_deploys_what_does_not_belong_together_is_told_so() {
    start("refused-tests", &["VpcId=vpc-existing"]).unwrap_err();
    let log = std::fs::read_to_string(project().join(".local/refused-tests/logs/deploy.log")).unwrap();
    assert!(log.contains("SubnetIds are needed"), "{log}");
}
