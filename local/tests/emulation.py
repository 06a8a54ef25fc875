"""Emulators for the tests, with all gaps closed or with one left open."""

import atexit
import contextlib
import functools
import io
import json
import stat
import tempfile
import textwrap
import time
import unittest
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from expedite_local import ports
from expedite_local.aws import Aws
from expedite_local.emulator import Emulator as Process
from expedite_local.part import Part
from expedite_local.state import State

_BOOTSTRAP = Path(__file__).parent / "function" / "bootstrap"
_BUCKET = "code"
#: Seconds to wait for what must come, and for what should not come where a gap is left open.
_PATIENCE, _PATIENCE_WITHOUT = 20.0, 6.0

#: The head of a test's template, for its Resources to follow.
_HEAD = f"""
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
    CodeUri: s3://{_BUCKET}/function.zip
    Timeout: 10
"""

#: A table, for one more property of it or another resource to follow.
TABLE = """
    Resources:
      Table:
        Type: AWS::DynamoDB::Table
        Properties:
          BillingMode: PAY_PER_REQUEST
          AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
          KeySchema: [{AttributeName: pk, KeyType: HASH}]
"""

#: The gaps that a test has shown to be needed.
shown: set[str] = set()


class StackFailed(Exception):
    """A template was refused, or one of its resources could not be made."""


@dataclass(frozen=True)
class Emulator:
    part: Part
    aws: Aws
    folder: Path
    #: where nothing listens unless a test does
    broker_ports: tuple[int, int]
    patience: float

    @property
    def broker_specification(self) -> Path:
        return self.folder / "broker.json"

    def deploy(self, name: str, resources: str) -> dict[str, str]:
        """Makes a stack of these resources; gives the physical id of each."""
        self.start_deploying(name, resources)
        return self.finish_deploying(name)

    def update(self, name: str, resources: str, **parameters: str) -> dict[str, str]:
        """Makes of the stack of that name one of these resources; gives the physical id of each."""
        self._start(self.aws.client("cloudformation").update_stack, name, resources, parameters)
        return self.finish_deploying(name, "UPDATE_COMPLETE")

    def start_deploying(self, name: str, resources: str) -> None:
        self._start(self.aws.client("cloudformation").create_stack, name, resources, {})

    def _start(self, make: Callable, name: str, resources: str, parameters: dict[str, str]) -> None:
        template = _HEAD + textwrap.dedent(resources)
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        capabilities = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
        try:
            make(StackName=name, TemplateBody=template, Capabilities=capabilities, Parameters=given)
        except ClientError as refusal:
            raise StackFailed(str(refusal)) from None

    def finish_deploying(self, name: str, end: str = "CREATE_COMPLETE") -> dict[str, str]:
        cloudformation = self.aws.client("cloudformation")
        while (status := self.stack_status(name)).endswith("_IN_PROGRESS"):
            time.sleep(0.05)
        if status != end:
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            raise StackFailed([event.get("ResourceStatusReason") for event in events])
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}

    def stack_status(self, name: str) -> str:
        return self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def events_of(self, function: str) -> list[dict]:
        """What the function of this name was invoked with."""
        record = self.folder / "emulator" / f"{function}.jsonl"
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.patience
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} has not come")
            time.sleep(0.02)


@contextlib.contextmanager
def started(without: str = "") -> Iterator[Emulator]:
    """A fresh emulator, with the gap ``without`` left open."""
    with tempfile.TemporaryDirectory(prefix="expedite-") as folder:
        state = State(Path(folder) / "state")
        port, amqp, openwire = ports.choose(0, 0, 0)
        emulator = Process(
            state,
            port,
            {
                "EXPEDITE_WITHOUT": without,
                "EXPEDITE_BROKER_AMQP": f"amqp+ssl://{ports.HOST}:{amqp}",
                "EXPEDITE_BROKER_OPENWIRE": f"ssl://{ports.HOST}:{openwire}",
                "EXPEDITE_BROKER_SPEC": str(state.folder / "broker.json"),
            },
        )
        emulator.start()
        part, aws = emulator.part, emulator.aws
        try:
            emulator.wait_until_ready()
            s3 = aws.client("s3")
            s3.create_bucket(Bucket=_BUCKET)
            s3.put_object(Bucket=_BUCKET, Key="function.zip", Body=_function())
            yield Emulator(part, aws, state.folder, (amqp, openwire), _PATIENCE_WITHOUT if without else _PATIENCE)
        finally:
            part.kill()
            state.release()


@functools.cache
def with_all_gaps_closed() -> Emulator:
    """One for all tests: it takes a second to start."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(started())


def shows(gap: str, without: str) -> Callable:
    """A check that must pass with all gaps closed and, with ``gap`` left open, fail as the pattern ``without`` says."""
    shown.add(gap)

    def decorate(check: Callable[[unittest.TestCase, Emulator], None]) -> Callable[[unittest.TestCase], None]:
        @functools.wraps(check)
        def test(self: unittest.TestCase) -> None:
            with self.subTest("closed"):
                check(self, with_all_gaps_closed())
            with (
                self.subTest("left open"),
                started(without=gap) as lacking,
                self.assertRaisesRegex((AssertionError, StackFailed), without),
            ):
                check(self, lacking)

        # unittest would ask for the check's second argument.
        del test.__wrapped__
        return test

    return decorate


@functools.cache
def _function() -> bytes:
    """The test function as a deployment package."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(entry, _BOOTSTRAP.read_bytes())
    return package.getvalue()
