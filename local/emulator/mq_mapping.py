"""Event source mappings of an ActiveMQ broker: what their poller has to know."""

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

#: What a mapping has as a number.
_NUMBERS = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
)
#: What a mapping says about an Amazon MQ source.
_SETTINGS = ("Queues", "SourceAccessConfigurations")


@gap("mq-mapping")
def keep_queues_and_credentials() -> None:
    """1.5.33: a mapping's ``Queues`` and ``SourceAccessConfigurations`` are dropped from a template.

    Without them nobody can tell which queue to poll, nor as whom.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update = handlers["create"], handlers["update"]

    def create_with_settings(logical_id, props, stack_name):
        mapping_id, attributes = create(logical_id, props, stack_name)
        _keep(mapping_id, props)
        return mapping_id, attributes

    def update_with_settings(physical_id, old_props, new_props, stack_name, *args, **kwargs):
        mapping_id, attributes = update(physical_id, old_props, new_props, stack_name, *args, **kwargs)
        _keep(mapping_id, new_props)
        return mapping_id, attributes

    handlers.update(create=create_with_settings, update=update_with_settings)


@gap("mapping-numbers")
def keep_numbers_over_updates() -> None:
    """1.5.33: what a parameter gives as a number is a text once a stack's update has changed the mapping.

    Clients of Lambda's API can't read the mapping then, nor any list that it is in.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    update = handlers["update"]

    def update_with_numbers(physical_id, old_props, new_props, stack_name, *args, **kwargs):
        numbers = {name: int(new_props[name]) for name in _NUMBERS if new_props.get(name) is not None}
        return update(physical_id, old_props, new_props | numbers, stack_name, *args, **kwargs)

    handlers["update"] = update_with_numbers


def _keep(mapping_id: str, settings: dict) -> None:
    mapping = lambda_svc._esms[mapping_id]
    mapping.update({name: settings[name] for name in _SETTINGS if settings.get(name) is not None})
