"""EC2 in CloudFormation: rules of security groups, and flow logs."""

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap


@gap("security-group-rule")
def provision_security_group_rules() -> None:
    """1.5.33: has no ``AWS::EC2::SecurityGroupIngress`` and ``Egress``; a template with one is refused.

    Two groups that name each other can't be written without them.
    """
    for direction, permissions in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        provisioners._RESOURCE_HANDLERS[f"AWS::EC2::SecurityGroup{direction}"] = _rule_handlers(permissions)


@gap("flow-log")
def provision_flow_logs() -> None:
    """1.5.33: has no ``AWS::EC2::FlowLog``; a template with one is refused. Its API knows flow logs, and writes none."""
    provisioners._RESOURCE_HANDLERS["AWS::EC2::FlowLog"] = {
        "create": lambda logical_id, props, _stack_name: _create_flow_log(f"fl-{logical_id.lower()}", props),
        "update": lambda flow_log_id, _old_props, new_props, _stack_name: _create_flow_log(flow_log_id, new_props),
        "delete": lambda flow_log_id, _props: ec2._flow_logs.pop(flow_log_id, None),
    }


def _rule_handlers(permissions: str) -> dict:
    def of_group(props: dict) -> list:
        return ec2._security_groups[props["GroupId"]].setdefault(permissions, [])

    def create(logical_id, props, stack_name):
        of_group(props).extend(provisioners._ec2_sg_permissions([props]))
        return f"sgr-{stack_name}-{logical_id}", {}

    def update(physical_id, old_props, new_props, _stack_name):
        delete(physical_id, old_props)
        of_group(new_props).extend(provisioners._ec2_sg_permissions([new_props]))
        return physical_id, {}

    def delete(_physical_id, props):
        if props["GroupId"] in ec2._security_groups:
            for permission in provisioners._ec2_sg_permissions([props]):
                of_group(props).remove(permission)

    return {"create": create, "update": update, "delete": delete}


def _create_flow_log(flow_log_id: str, props: dict) -> tuple[str, dict]:
    ec2._flow_logs[flow_log_id] = {
        "FlowLogId": flow_log_id,
        "ResourceId": props["ResourceId"],
        "ResourceType": props["ResourceType"],
        "TrafficType": props["TrafficType"],
        "LogDestinationType": props.get("LogDestinationType", "cloud-watch-logs"),
        "LogDestination": props.get("LogDestination") or props["LogGroupName"],
        "FlowLogStatus": "ACTIVE",
        "CreationTime": ec2._now_ts(),
    }
    return flow_log_id, {"Id": flow_log_id}
