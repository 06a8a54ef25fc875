"""Lambda functions in CloudFormation."""

from collections.abc import Callable

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap


@gap("reserved-concurrency")
def keep_reserved_concurrency() -> None:
    """1.5.33: drops a function's ``ReservedConcurrentExecutions`` from a template, so nothing is ever throttled."""

    def limit(function: dict, props: dict) -> None:
        limit = props.get("ReservedConcurrentExecutions")
        function["concurrency"] = None if limit is None else int(limit)

    _for_each_function(limit)


@gap("function-network")
def keep_networks() -> None:
    """1.5.33: drops a function's ``VpcConfig`` from a template, so nobody can tell which functions are in a network."""

    def place(function: dict, props: dict) -> None:
        function["config"]["VpcConfig"] = lambda_svc._vpc_config_with_id(props.get("VpcConfig"))

    _for_each_function(place)


def _for_each_function(change: Callable[[dict, dict], None]) -> None:
    """Has the record of each function changed by the properties that a template gives it, once it is made or updated."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handlers["create"], handlers["update"]

    def changed(result: tuple, props: dict) -> tuple:
        function = lambda_svc._functions.get(result[0])
        if function is not None:
            change(function, props)
        return result

    def create_and_change(logical_id, props, stack_name):
        return changed(create(logical_id, props, stack_name), props)

    def update_and_change(physical_id, old_props, new_props, stack_name, *args, **kwargs):
        return changed(update(physical_id, old_props, new_props, stack_name, *args, **kwargs), new_props)

    handlers.update(create=create_and_change, update=update_and_change)
