"""What a deleted stack has left behind: which of its resources the services' own APIs still know."""

from collections.abc import Callable, Iterable

from expedite_local.aws import Aws

#: Resources that are nothing but a part of, or a tie between, others that are looked for.
_PARTS = {
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Cognito::UserPoolClient",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::IAM::RolePolicy",
    "AWS::KMS::Alias",
    "AWS::Lambda::Permission",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    # Nothing that the emulator's API shows.
    "AWS::AmazonMQ::Configuration",
}


def of(aws: Aws, resources: list[dict]) -> list[str]:
    """The types and logical names of those that are still there. A type that nobody looks for counts as left, too."""
    known = {kind: set(existing(aws)) for kind, existing in _EXISTING.items()}
    return sorted(
        f"{resource['ResourceType']} {resource['LogicalResourceId']}"
        for resource in resources
        if resource["ResourceType"] not in _PARTS
        and resource["PhysicalResourceId"] in known.get(resource["ResourceType"], {resource["PhysicalResourceId"]})
    )


def _listed(service: str, call: str, member: str, name: str) -> Callable[[Aws], Iterable[str]]:
    """All that a call lists, by the attribute that is CloudFormation's physical id."""

    def existing(aws: Aws) -> Iterable[str]:
        client = aws.client(service)
        pages = client.get_paginator(call).paginate() if client.can_paginate(call) else [getattr(client, call)()]
        return (item[name] if name else item for page in pages for item in page.get(member, []))

    return existing


def _keys(aws: Aws) -> Iterable[str]:
    """Those that are not on their way out."""
    kms = aws.client("kms")
    described = (kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"])
    return (key["KeyId"] for key in described if key["KeyState"] != "PendingDeletion")


_EXISTING: dict[str, Callable[[Aws], Iterable[str]]] = {
    "AWS::AmazonMQ::Broker": _listed("mq", "list_brokers", "BrokerSummaries", "BrokerId"),
    "AWS::ApiGatewayV2::Api": _listed("apigatewayv2", "get_apis", "Items", "ApiId"),
    "AWS::CloudWatch::Alarm": _listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "AWS::CloudWatch::Dashboard": _listed("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    "AWS::Cognito::UserPool": lambda aws: (
        pool["Id"] for pool in aws.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    ),
    "AWS::DynamoDB::Table": _listed("dynamodb", "list_tables", "TableNames", ""),
    "AWS::EC2::FlowLog": _listed("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    "AWS::EC2::RouteTable": _listed("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    "AWS::EC2::SecurityGroup": _listed("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    "AWS::EC2::Subnet": _listed("ec2", "describe_subnets", "Subnets", "SubnetId"),
    "AWS::EC2::VPC": _listed("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    "AWS::EC2::VPCEndpoint": _listed("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "AWS::IAM::ManagedPolicy": _listed("iam", "list_policies", "Policies", "Arn"),
    "AWS::IAM::Role": _listed("iam", "list_roles", "Roles", "RoleName"),
    "AWS::KMS::Key": _keys,
    "AWS::Lambda::EventSourceMapping": _listed("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    "AWS::Lambda::Function": _listed("lambda", "list_functions", "Functions", "FunctionName"),
    "AWS::Logs::LogGroup": _listed("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "AWS::Logs::ResourcePolicy": _listed("logs", "describe_resource_policies", "resourcePolicies", "policyName"),
    "AWS::SNS::Topic": _listed("sns", "list_topics", "Topics", "TopicArn"),
    "AWS::SQS::Queue": _listed("sqs", "list_queues", "QueueUrls", ""),
    "AWS::Scheduler::Schedule": _listed("scheduler", "list_schedules", "Schedules", "Name"),
    "AWS::SecretsManager::Secret": _listed("secretsmanager", "list_secrets", "SecretList", "ARN"),
}
