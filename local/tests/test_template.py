"""The template's own rules on its parameters, as CloudFormation keeps them: before anything is made."""

import functools
import unittest
from pathlib import Path

from botocore.exceptions import ClientError

from tests.emulation import with_all_gaps_closed

_TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
_BUCKET = "templates"


@functools.cache
def _uploaded() -> str:
    """Where the template is, which is too long to be sent along. Where the functions' code is, sam writes into it."""
    aws = with_all_gaps_closed().aws
    packaged = _TEMPLATE.read_text().replace("CodeUri: ./", f"CodeUri: s3://{_BUCKET}/function.zip")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=_BUCKET)
    s3.put_object(Bucket=_BUCKET, Key=_TEMPLATE.name, Body=packaged.encode())
    return f"{aws.endpoint_url}/{_BUCKET}/{_TEMPLATE.name}"


def _propose(**parameters: str) -> str:
    """Asks for a stack with these parameters, without making it; gives the change set's status."""
    cloudformation = with_all_gaps_closed().aws.client("cloudformation")
    proposed = cloudformation.create_change_set(
        StackName="proposed",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateURL=_uploaded(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        return cloudformation.describe_change_set(StackName="proposed", ChangeSetName=proposed["Id"])["Status"]
    finally:
        cloudformation.delete_stack(StackName="proposed")


class Rules(unittest.TestCase):
    def test_what_belongs_together_is_taken(self) -> None:
        self.assertEqual(_propose(DynamoDbPrefixListId="pl-1"), "CREATE_COMPLETE")
        self.assertEqual(_propose(VpcId="vpc-1", SubnetIds="subnet-a,subnet-b"), "CREATE_COMPLETE")

    def test_what_does_not_is_refused_with_the_parameter_that_is_missing(self) -> None:
        network = {"DynamoDbPrefixListId": "pl-1"}
        for parameters, missing in (
            ({}, "needs DynamoDbPrefixListId"),
            (network | {"SubnetIds": "subnet-a,subnet-b"}, "Give VpcId with them"),
            ({"VpcId": "vpc-1"}, "SubnetIds are needed"),
            (network | {"BrokerArn": "arn:aws:mq:us-east-1:1:broker:b:b-1"}, "VpcId is needed"),
            (network | {"JwtIssuer": "https://example.com"}, "JwtAudience is needed"),
        ):
            with self.subTest(missing), self.assertRaisesRegex(ClientError, missing):
                _propose(**parameters)
