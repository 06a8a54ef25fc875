"""IAM in CloudFormation."""

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


def _as_policy(props: dict) -> dict:
    return {
        "PolicyName": props["PolicyName"],
        "PolicyDocument": props.get("PolicyDocument"),
        "Roles": [props["RoleName"]],
    }
