"""IAM: roles' policies in CloudFormation, and what a call is checked as."""

import re

from ministack.core import iam_actions
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap


@gap("role-policy")
def provision_role_policies() -> None:
    """1.5.33: has no ``AWS::IAM::RolePolicy``; a template with one is refused.

    It is the older ``AWS::IAM::Policy`` for a single role, which MiniStack has.
    """
    policy = provisioners._RESOURCE_HANDLERS["AWS::IAM::Policy"]

    def create(logical_id, props, stack_name):
        return policy["create"](logical_id, _as_policy(props), stack_name)

    def update(physical_id, old_props, new_props, stack_name, logical_id=None):
        return policy["update"](
            physical_id, _as_policy(old_props), _as_policy(new_props), stack_name, logical_id=logical_id
        )

    def delete(physical_id, props):
        return policy["delete"](physical_id, _as_policy(props))

    provisioners._RESOURCE_HANDLERS["AWS::IAM::RolePolicy"] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }


@gap("mapping-permission")
def tell_one_mapping_from_the_list() -> None:
    """1.5.33: IAM takes reading one event source mapping for ``ListEventSourceMappings``, so its own permission is none."""
    action_of = iam_actions._lambda_action

    def action_with_one_mapping(method, path):
        if method == "GET" and re.fullmatch(r"/2015-03-31/event-source-mappings/[^/]+", path):
            return "GetEventSourceMapping"
        return action_of(method, path)

    iam_actions._lambda_action = action_with_one_mapping


def _as_policy(props: dict) -> dict:
    return {
        "PolicyName": props["PolicyName"],
        "PolicyDocument": props.get("PolicyDocument"),
        "Roles": [props["RoleName"]],
    }
