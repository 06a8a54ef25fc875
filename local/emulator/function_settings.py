"""Lambda functions in CloudFormation."""

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap


@gap("reserved-concurrency")
def keep_reserved_concurrency() -> None:
    """1.5.33: drops a function's ``ReservedConcurrentExecutions`` from a template, so nothing is ever throttled."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handlers["create"], handlers["update"]

    def create_with_limit(logical_id, props, stack_name):
        return _limited(create(logical_id, props, stack_name), props)

    def update_with_limit(physical_id, old_props, new_props, stack_name, *args, **kwargs):
        return _limited(update(physical_id, old_props, new_props, stack_name, *args, **kwargs), new_props)

    handlers.update(create=create_with_limit, update=update_with_limit)


def _limited(result: tuple, props: dict) -> tuple:
    function = lambda_svc._functions.get(result[0])
    limit = props.get("ReservedConcurrentExecutions")
    if function is not None:
        function["concurrency"] = None if limit is None else int(limit)
    return result
