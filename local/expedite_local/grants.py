"""What the roles of a stack may do, and what of it nobody ever did.

A grant that no system test uses is either too much or used by AWS in a way that the emulator does not show. Each one has to
be explained, and an explanation that is not needed any more has to go.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from expedite_local import stack
from expedite_local.aws import Aws
from expedite_local.failure import Failure

_GRANTED = "granted.json"
#: Written by ``emulator.grants``.
_USED = Path("emulator") / "used-grants.jsonl"


@dataclass(frozen=True, order=True)
class Grant:
    """One action of one statement, on one of its resources, which is named by its place."""

    role: str
    sid: str
    action: str
    resource: int

    def __str__(self) -> str:
        return f"{self.role} {self.sid} {self.action}"


def write(folder: Path, aws: Aws) -> None:
    """Writes down what the stack's roles are granted by policies of the template's own."""
    iam = aws.client("iam")
    resources = aws.client("cloudformation").describe_stack_resources(StackName=stack.NAME)["StackResources"]
    shared = {it["PhysicalResourceId"] for it in resources if it["ResourceType"] == "AWS::IAM::ManagedPolicy"}
    granted = [
        {
            "role": resource["LogicalResourceId"],
            "physical_role": resource["PhysicalResourceId"],
            "sid": statement.get("Sid", ""),
            "actions": _many(statement["Action"]),
            "resources": _many(statement["Resource"]),
        }
        for resource in resources
        if resource["ResourceType"] == "AWS::IAM::Role"
        for document in _policies(iam, resource["PhysicalResourceId"], shared)
        for statement in _many(document["Statement"])
    ]
    (folder / _GRANTED).write_text(json.dumps(granted, indent=1) + "\n")


def _policies(iam, role: str, shared: set[str]) -> Iterator[dict]:
    """A role's own policies, and those of its stack that it shares with others. AWS's are not the template's affair."""
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        if arn in shared:
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            yield iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def _many(value):
    return value if isinstance(value, list) else [value]


def report(states: list[Path], explanations: Path) -> int:
    """Prints what was never used, with its explanation. 1 where one is missing, or is there for nothing."""
    granted, used = set(), set()
    for state in states:
        if not (state / _GRANTED).exists():
            raise Failure(f"{state} is no system's folder, or its stack was never deployed.")
        more, of_them = _grants(state)
        granted |= more
        used |= of_them
    unused = sorted(granted - used)
    explained = json.loads(explanations.read_text())
    needed = {index for index, why in enumerate(explained) for grant in unused if _is_for(why, grant)}
    wrong = [f"{grant}: no test used it, and nothing explains it" for grant in unused if not _why(explained, grant)]
    wrong += [
        f"{why['sid']} {' '.join(why['actions'])}: is explained, and used or not granted"
        for index, why in enumerate(explained)
        if index not in needed
    ]
    print(f"{len(granted)} grants, {len(used & granted)} of them used by {len(states)} systems. Never used:")
    for grant in unused:
        print(f"  {grant}: {_why(explained, grant) or 'UNEXPLAINED'}")
    print("\n".join(wrong))
    return int(bool(wrong))


def _grants(state: Path) -> tuple[set[Grant], set[Grant]]:
    lines = (state / _USED).read_text().splitlines() if (state / _USED).exists() else []
    calls = [json.loads(line) for line in lines]
    granted, used = set(), set()
    for statement in json.loads((state / _GRANTED).read_text()):
        for action in statement["actions"]:
            for place, resource in enumerate(statement["resources"]):
                grant = Grant(statement["role"], statement["sid"], action, place)
                granted.add(grant)
                if any(_allows(statement, action, resource, call) for call in calls):
                    used.add(grant)
    return granted, used


def _allows(statement: dict, action: str, resource: str, call: dict) -> bool:
    return (
        (call["role"], call["sid"], call["action"]) == (statement["physical_role"], statement["sid"], action)
        # Not by the file system's rules: * takes everything, and there are no character classes.
        and fnmatchcase(call["resource"], resource.replace("[", "[[]"))
    )


def _is_for(why: dict, grant: Grant) -> bool:
    """An explanation that names no roles is for all who have that statement."""
    return grant.role in why.get("roles", [grant.role]) and grant.sid == why["sid"] and grant.action in why["actions"]


def _why(explained: list[dict], grant: Grant) -> str | None:
    return next((why["why"] for why in explained if _is_for(why, grant)), None)
