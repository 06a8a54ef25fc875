"""Resources and properties that the template needs and MiniStack lacks."""

import contextlib
import json
import socket
import unittest
import urllib.request

import boto3
from botocore.exceptions import ClientError

from expedite_local import ports
from expedite_local.aws import REGION
from tests.emulation import TABLE, Emulator, shows

_BROKER = """
    Resources:
      Password:
        Type: AWS::SecretsManager::Secret
        Properties: {SecretString: '{"password": "a password"}'}
      Configuration:
        Type: AWS::AmazonMQ::Configuration
        Properties: {Name: c, EngineType: ACTIVEMQ, EngineVersion: '5.19', Data: {'Fn::Base64': <broker/>}}
      Broker:
        Type: AWS::AmazonMQ::Broker
        Properties:
          BrokerName: !Sub '${AWS::StackName}-broker'
          EngineType: ACTIVEMQ
          EngineVersion: '5.19'
          HostInstanceType: mq.t3.micro
          DeploymentMode: SINGLE_INSTANCE
          PubliclyAccessible: false
          Configuration: {Id: !Ref Configuration, Revision: !GetAtt Configuration.Revision}
          Users:
            - Username: reader
              Password: !Sub '{{resolve:secretsmanager:${Password}:SecretString:password}}'
              Groups: [readers]
"""


@contextlib.contextmanager
def _listening(broker_ports: tuple[int, ...]):
    """Takes the broker's place on its ports."""
    with contextlib.ExitStack() as stack:
        for port in broker_ports:
            stack.enter_context(socket.create_server((ports.HOST, port)))
        yield


class Secrets(unittest.TestCase):
    @shows("secret-ref", without="not found in 'secret-ref-S-")
    def test_ref_of_a_secret_is_its_arn(self, emulator: Emulator) -> None:
        made = emulator.deploy("secret-ref", "Resources: {S: {Type: AWS::SecretsManager::Secret, Properties: {}}}")
        self.assertRegex(made["S"], "arn:aws:secretsmanager:.*:secret:.*")
        secret = emulator.aws.client("secretsmanager").describe_secret(SecretId=made["S"])
        self.assertEqual(secret["ARN"], made["S"])
        cloudformation = emulator.aws.client("cloudformation")
        cloudformation.delete_stack(StackName="secret-ref")
        emulator.wait_for(lambda: _gone(emulator, made["S"]), "the secret's end")


def _gone(emulator: Emulator, secret: str) -> bool:
    secretsmanager = emulator.aws.client("secretsmanager")
    try:
        secretsmanager.describe_secret(SecretId=secret)
        return False
    except secretsmanager.exceptions.ResourceNotFoundException:
        return True


class Roles(unittest.TestCase):
    @shows("role-policy", without="Unrecognized resource types.*RolePolicy")
    def test_a_role_policy_is_put_on_its_role(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "role-policy",
            """
            Resources:
              Role:
                Type: AWS::IAM::Role
                Properties:
                  AssumeRolePolicyDocument:
                    Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
              Policy:
                Type: AWS::IAM::RolePolicy
                Properties:
                  RoleName: !Ref Role
                  PolicyName: reading
                  PolicyDocument:
                    Version: '2012-10-17'
                    Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]
            """,
        )
        policy = emulator.aws.client("iam").get_role_policy(RoleName=made["Role"], PolicyName="reading")
        self.assertEqual(policy["PolicyDocument"]["Statement"][0]["Action"], "s3:GetObject")


class Functions(unittest.TestCase):
    @shows("reserved-concurrency", without="ReservedConcurrentExecutions")
    def test_reserved_concurrency_is_kept(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "reserved-concurrency",
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {ReservedConcurrentExecutions: 3}}}",
        )
        concurrency = emulator.aws.client("lambda").get_function_concurrency(FunctionName=made["F"])
        self.assertEqual(concurrency.get("ReservedConcurrentExecutions"), 3, "ReservedConcurrentExecutions")


    @shows("function-network", without=r"\[\] != \['subnet-a'\]")
    def test_a_function_keeps_its_network(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "function-network",
            """
            Resources:
              F:
                Type: AWS::Serverless::Function
                Properties: {VpcConfig: {SubnetIds: [subnet-a], SecurityGroupIds: [sg-a]}}
            """,
        )
        function = emulator.aws.client("lambda").get_function_configuration(FunctionName=made["F"])
        self.assertEqual(function.get("VpcConfig", {}).get("SubnetIds", []), ["subnet-a"])


class Tables(unittest.TestCase):
    @shows("table-ttl", without="DISABLED")
    def test_time_to_live_is_kept(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "table-ttl",
            TABLE + "          TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}",
        )
        found = emulator.aws.client("dynamodb").describe_time_to_live(TableName=made["Table"])
        self.assertEqual(found["TimeToLiveDescription"], {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"})

    @shows("table-deletion-protection", without="DELETE_COMPLETE|does not exist")
    def test_a_protected_table_outlives_its_stack(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "protected",
            TABLE + "          DeletionProtectionEnabled: true",
        )
        emulator.aws.client("cloudformation").delete_stack(StackName="protected")
        emulator.wait_for(lambda: _ended(emulator, "protected"), "the end of the deletion")
        self.assertIn(made["Table"], emulator.aws.client("dynamodb").list_tables()["TableNames"], "does not exist")
        self.assertEqual(emulator.stack_status("protected"), "DELETE_FAILED")


def _ended(emulator: Emulator, stack: str) -> bool:
    try:
        return not emulator.stack_status(stack).endswith("_IN_PROGRESS")
    except ClientError:
        return True  # it is gone


class Brokers(unittest.TestCase):
    @shows("amazonmq-configuration", without="Unrecognized resource types.*AmazonMQ::Configuration")
    def test_a_configuration_has_a_revision(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "configuration",
            """
            Resources:
              Configuration:
                Type: AWS::AmazonMQ::Configuration
                Properties: {Name: c, EngineType: ACTIVEMQ, EngineVersion: '5.19', Data: {'Fn::Base64': <broker/>}}
              Revision:
                Type: AWS::SSM::Parameter
                Properties: {Type: String, Value: !GetAtt Configuration.Revision}
            """,
        )
        revision = emulator.aws.client("ssm").get_parameter(Name=made["Revision"])["Parameter"]["Value"]
        self.assertEqual(revision, "1")

    @shows("amazonmq-broker", without="Unrecognized resource types.*AmazonMQ::Broker")
    def test_a_broker_is_complete_when_the_real_one_answers(self, emulator: Emulator) -> None:
        emulator.start_deploying("broker", _BROKER)
        emulator.wait_for(emulator.broker_specification.exists, "the broker's specification")
        specification = json.loads(emulator.broker_specification.read_text())
        self.assertEqual(specification["configuration"], "<broker/>")
        reader = {"username": "reader", "password": "a password", "groups": ["readers"]}
        self.assertEqual(specification["users"], [reader])
        self.assertEqual(emulator.stack_status("broker"), "CREATE_IN_PROGRESS")
        with _listening(emulator.broker_ports):
            made = emulator.finish_deploying("broker")
            self._check_described(emulator, made["Broker"])

    def _check_described(self, emulator: Emulator, broker_id: str) -> None:
        mq = emulator.aws.client("mq")
        broker = mq.describe_broker(BrokerId=broker_id)
        amqp, openwire = emulator.broker_ports
        self.assertEqual(broker["BrokerState"], "RUNNING")
        self.assertEqual(
            broker["BrokerInstances"][0]["Endpoints"],
            [f"ssl://127.0.0.1:{openwire}", f"amqp+ssl://127.0.0.1:{amqp}"],
        )
        self.assertRegex(broker["BrokerArn"], f"arn:aws:mq:.*:broker:broker-broker:{broker_id}")
        self.assertIn(broker_id, [summary["BrokerId"] for summary in mq.list_brokers()["BrokerSummaries"]])

    @shows("amazonmq-broker", without="Unrecognized resource types.*AmazonMQ::Broker")
    def test_of_a_pair_nobody_answers_at_the_standby(self, emulator: Emulator) -> None:
        pair = _BROKER.replace("SINGLE_INSTANCE", "ACTIVE_STANDBY_MULTI_AZ")
        endpoints = """
      Endpoints:
        Type: AWS::SSM::Parameter
        Properties: {Type: String, Value: !Join [',', !GetAtt Broker.AmqpEndpoints]}
"""
        with _listening(emulator.broker_ports):
            made = emulator.deploy("pair", pair + endpoints)
            broker = emulator.aws.client("mq").describe_broker(BrokerId=made["Broker"])
        amqp, _openwire = emulator.broker_ports
        value = emulator.aws.client("ssm").get_parameter(Name=made["Endpoints"])["Parameter"]["Value"]
        self.assertEqual(value, f"amqp+ssl://127.0.0.2:{amqp},amqp+ssl://127.0.0.1:{amqp}")
        self.assertEqual([it["IpAddress"] for it in broker["BrokerInstances"]], ["127.0.0.2", "127.0.0.1"])
        self.assertEqual(broker["BrokerState"], "RUNNING")

    @shows("amazonmq-description", without="'RUNNING' != 'REBOOT_IN_PROGRESS'")
    def test_a_broker_is_described_as_it_stands(self, emulator: Emulator) -> None:
        mq = emulator.aws.client("mq")
        with _listening(emulator.broker_ports):
            broker_id = emulator.deploy("standing", _BROKER)["Broker"]
            running = mq.describe_broker(BrokerId=broker_id)
            self.assertEqual(running["BrokerState"], "RUNNING")
            current = running["Configurations"]["Current"]
            self.assertEqual((current["Revision"], running["Configurations"].get("Pending")), (1, None))
            self.assertEqual(len(running["BrokerInstances"]), 1)
            emulator.update("standing", _BROKER.replace("<broker/>", "<broker persistent='true'/>"))
            pending = mq.describe_broker(BrokerId=broker_id)["Configurations"]
            self.assertEqual((pending["Current"], pending["Pending"]), (current, {"Id": current["Id"], "Revision": 2}))
        self.assertEqual(mq.describe_broker(BrokerId=broker_id)["BrokerState"], "REBOOT_IN_PROGRESS")

    @shows("amazonmq-permission", without="is not authorized to perform: mq:DescribeBroker")
    def test_a_permission_on_a_broker_allows(self, emulator: Emulator) -> None:
        with _listening(emulator.broker_ports):
            broker_id = emulator.deploy("permission", _BROKER)["Broker"]
        arn = emulator.aws.client("mq").describe_broker(BrokerId=broker_id)["BrokerArn"]
        mq = _client_that_may(emulator, "mq", "mq:DescribeBroker", arn)
        try:
            self.assertEqual(mq.describe_broker(BrokerId=broker_id)["BrokerArn"], arn)
        except ClientError as refusal:
            self.fail(str(refusal))
        with self.assertRaises(ClientError):
            mq.list_users(BrokerId=broker_id)


def _client_that_may(emulator: Emulator, service: str, action: str, resource: str):
    iam = emulator.aws.client("iam")
    user = f"limited-{service}"
    iam.create_user(UserName=user)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    iam.put_user_policy(UserName=user, PolicyName="only", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return boto3.client(
        service,
        endpoint_url=emulator.aws.endpoint_url,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


class Networks(unittest.TestCase):
    @shows("security-group-rule", without="Unrecognized resource types.*SecurityGroup(In|E)gress")
    def test_a_rule_is_put_on_its_group(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "security-group-rule",
            """
            Resources:
              Group:
                Type: AWS::EC2::SecurityGroup
                Properties:
                  GroupDescription: one that knows itself
                  SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 127.0.0.1/32}]
              In:
                Type: AWS::EC2::SecurityGroupIngress
                Properties:
                  {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 1, ToPort: 1, SourceSecurityGroupId: !Ref Group}
              Out:
                Type: AWS::EC2::SecurityGroupEgress
                Properties:
                  {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 2, ToPort: 2, DestinationSecurityGroupId: !Ref Group}
            """,
        )
        ec2 = emulator.aws.client("ec2")
        [group] = ec2.describe_security_groups(GroupIds=[made["Group"]])["SecurityGroups"]
        for permissions, ports in (("IpPermissions", [1]), ("IpPermissionsEgress", [443, 2])):
            self.assertEqual([permission["FromPort"] for permission in group[permissions]], ports)
            [pair] = group[permissions][-1]["UserIdGroupPairs"]
            self.assertEqual(pair["GroupId"], made["Group"])
        emulator.aws.client("cloudformation").delete_stack(StackName="security-group-rule")

        def gone() -> bool:
            groups = ec2.describe_security_groups()["SecurityGroups"]
            return made["Group"] not in [group["GroupId"] for group in groups]

        emulator.wait_for(gone, "the group's end")

    @shows("flow-log", without="Unrecognized resource types.*FlowLog")
    def test_a_flow_log_is_known(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "flow-log",
            """
            Resources:
              Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/24}}
              Log:
                Type: AWS::EC2::FlowLog
                Properties: {ResourceType: VPC, ResourceId: !Ref Network, TrafficType: ALL, LogGroupName: flows}
            """,
        )
        [log] = emulator.aws.client("ec2").describe_flow_logs(FlowLogIds=[made["Log"]])["FlowLogs"]
        self.assertEqual((log["ResourceId"], log["TrafficType"]), (made["Network"], "ALL"))


class Alarms(unittest.TestCase):
    @shows("metric-math-alarm", without="metric math.* is not supported")
    def test_an_alarm_on_metric_math_is_kept(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "metric-math-alarm",
            """
            Resources:
              Topic: {Type: AWS::SNS::Topic}
              Alarm:
                Type: AWS::CloudWatch::Alarm
                Properties:
                  AlarmActions: [!Ref Topic]
                  Metrics:
                    - {Id: twice, Expression: 2 * age}
                    - Id: age
                      ReturnData: false
                      MetricStat:
                        {Stat: Maximum, Period: 60, Metric: {Namespace: N, MetricName: Age, Dimensions: [{Name: a, Value: b}]}}
                  EvaluationPeriods: 1
                  ComparisonOperator: GreaterThanThreshold
                  Threshold: 1
                  TreatMissingData: missing
              Other:
                Type: AWS::CloudWatch::Alarm
                Properties:
                  {Namespace: N, MetricName: Age, Statistic: Maximum, Period: 60, EvaluationPeriods: 1,
                   ComparisonOperator: GreaterThanThreshold, Threshold: 1}
            """,
        )
        cloudwatch = emulator.aws.client("cloudwatch")
        cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "Age", "Value": 5}])
        found = cloudwatch.describe_alarms(AlarmNames=[made["Alarm"], made["Other"]])["MetricAlarms"]
        self.assertEqual({alarm["AlarmName"] for alarm in found}, {made["Alarm"], made["Other"]})
        alarm = next(alarm for alarm in found if alarm["AlarmName"] == made["Alarm"])
        self.assertEqual((alarm["StateValue"], alarm["Threshold"]), ("INSUFFICIENT_DATA", 1.0))


class Mappings(unittest.TestCase):
    _ARN = "arn:aws:mq:us-east-1:000000000000:broker:name:b-1"
    _ACCESS = [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}]

    @shows("mq-mapping", without=r"None != \['work'\]")
    def test_a_mapping_keeps_its_queue_and_secret(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "mq-mapping",
            f"""
            Resources:
              F: {{Type: AWS::Serverless::Function}}
              Mapping:
                Type: AWS::Lambda::EventSourceMapping
                Properties:
                  FunctionName: !Ref F
                  EventSourceArn: {self._ARN}
                  Queues: [work]
                  SourceAccessConfigurations: {json.dumps(self._ACCESS)}
            """,
        )
        awslambda = emulator.aws.client("lambda")
        for enabled in (False, True):
            awslambda.update_event_source_mapping(UUID=made["Mapping"], Enabled=enabled)
            [mapping] = awslambda.list_event_source_mappings(FunctionName=made["F"])["EventSourceMappings"]
            self.assertEqual(mapping["State"], "Enabled" if enabled else "Disabled")
            self.assertEqual(mapping.get("Queues"), ["work"])
            self.assertEqual(mapping.get("SourceAccessConfigurations"), self._ACCESS)

    @shows("mapping-numbers", without=r"'10' != 10")
    def test_an_update_leaves_numbers_what_they_are(self, emulator: Emulator) -> None:
        template = f"""
            Parameters: {{Size: {{Type: Number, Default: 5}}}}
            Resources:
              F: {{Type: AWS::Serverless::Function}}
              Mapping:
                Type: AWS::Lambda::EventSourceMapping
                Properties:
                  FunctionName: !Ref F
                  EventSourceArn: {self._ARN}
                  BatchSize: !Ref Size
                  MaximumBatchingWindowInSeconds: WINDOW
            """
        emulator.deploy("mapping-numbers", template.replace("WINDOW", "1"))
        made = emulator.update("mapping-numbers", template.replace("WINDOW", "2"), Size="10")
        # boto3 makes a number of any text that is one; other clients don't.
        url = f"{emulator.aws.endpoint_url}/2015-03-31/event-source-mappings/{made['Mapping']}"
        key = {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/lambda/aws4_request"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=key)) as answer:
            mapping = json.load(answer)
        self.assertEqual(mapping["MaximumBatchingWindowInSeconds"], 2)
        self.assertEqual(mapping["BatchSize"], 10)

    @shows("mapping-permission", without="is not authorized to perform: lambda:ListEventSourceMappings")
    def test_a_permission_on_one_mapping_allows_to_read_it(self, emulator: Emulator) -> None:
        made = emulator.deploy(
            "mapping-permission",
            f"""
            Resources:
              F: {{Type: AWS::Serverless::Function}}
              Mapping:
                Type: AWS::Lambda::EventSourceMapping
                Properties: {{FunctionName: !Ref F, EventSourceArn: {self._ARN}, Queues: [work]}}
            """,
        )
        arn = f"arn:aws:lambda:{REGION}:000000000000:event-source-mapping:{made['Mapping']}"
        awslambda = _client_that_may(emulator, "lambda", "lambda:GetEventSourceMapping", arn)
        try:
            mapping = awslambda.get_event_source_mapping(UUID=made["Mapping"])
        except ClientError as refusal:
            self.fail(str(refusal))
        self.assertEqual((mapping["State"], mapping["StateTransitionReason"]), ("Enabled", "USER_INITIATED"))
        with self.assertRaises(ClientError):
            awslambda.list_event_source_mappings()
