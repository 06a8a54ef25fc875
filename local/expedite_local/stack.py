"""The deployed template."""

import os
import platform
import time
from pathlib import Path

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from expedite_local.aws import REGION, Aws
from expedite_local.failure import Failure
from expedite_local.part import Part
from expedite_local.state import State

NAME = "expedite-local"
_ARTIFACTS = "expedite-local-artifacts"
_ROOT = Path(__file__).resolve().parents[2]
_TOOLS = _ROOT / ".local" / "venv-tools" / "bin"


def parameters(template: Path, execute_api_url: str, given: dict[str, str]) -> dict[str, str]:
    """What this machine makes of the template's parameters; what it doesn't declare is left out."""
    ours = {
        "Architecture": "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64",
        "ExecuteApiUrl": execute_api_url,
        # The emulator has networks only by name.
        "DynamoDbPrefixListId": "pl-local",
    }
    declared = yaml_parse(template.read_text()).get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Failure(f"{template} has no parameter {', '.join(unknown)}.")
    return {name: value for name, value in (ours | given).items() if name in declared}


def start_deploying(state: State, aws: Aws, template: Path, values: dict[str, str]) -> Part:
    """Starts ``sam deploy``, the same command that deploys to AWS."""
    # Making it again, for an update, changes nothing.
    aws.client("s3").create_bucket(Bucket=_ARTIFACTS)
    home = state.subfolder("sam")
    # Its own, empty one: the project's samconfig.toml is about deploying to AWS.
    config = home / "samconfig.toml"
    config.write_text("version = 0.1\n")
    command = [
        str(_TOOLS / "sam"), "deploy",
        "--template-file", str(template),
        "--stack-name", NAME,
        "--s3-bucket", _ARTIFACTS,
        "--region", REGION,
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM",
        "--config-file", str(config),
        "--no-confirm-changeset",
        "--no-progressbar",
    ]  # fmt: skip
    if values:
        command += ["--parameter-overrides", *(f"{name}={_quoted(value)}" for name, value in values.items())]
    environment = aws.environment() | {
        "HOME": str(home),
        # It leaves what it packages from behind.
        "TMPDIR": str(home),
        "PATH": f"{_TOOLS}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        # Seconds between two looks at the stack; AWS would be asked less often.
        "SAM_CLI_POLL_DELAY": "0.1",
    }
    return Part("deployment", command, environment, state.log("deploy"))


def _quoted(value: str) -> str:
    """As sam reads it: without quotes a space would end the value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def outputs(aws: Aws) -> dict[str, str]:
    stack = aws.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def delete(aws: Aws, timeout: float) -> list[dict]:
    """Deletes the stack, which may take so many seconds; gives the resources that it had."""
    cloudformation = aws.client("cloudformation")
    identifier = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackId"]
    resources = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    cloudformation.delete_stack(StackName=NAME)
    deadline = time.monotonic() + timeout
    while (status := _status(cloudformation, identifier)) != "DELETE_COMPLETE":
        if status != "DELETE_IN_PROGRESS" or time.monotonic() > deadline:
            raise Failure(f"The stack is in the state {status} and not deleted.{''.join(failures(aws))}")
        time.sleep(0.1)
    return resources


def _status(cloudformation, identifier: str) -> str:
    return cloudformation.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]


def failures(aws: Aws) -> list[str]:
    """Why resources could not be made, oldest first. Empty too if the template was refused as a whole."""
    try:
        events = aws.client("cloudformation").describe_stack_events(StackName=NAME)["StackEvents"]
    except ClientError:
        return []  # there is no stack
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]
