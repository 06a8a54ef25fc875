"""DynamoDB tables: time to live, and protection from deletion."""

import threading

from ministack.core.responses import request_scope
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

#: The thread in which MiniStack deletes what has expired.
TTL_THREAD = "dynamodb-ttl-reaper"


@gap("table-ttl")
def keep_time_to_live() -> None:
    """1.5.33: a table's ``TimeToLiveSpecification`` is dropped from a template, so nothing ever expires."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handlers["create"], handlers["update"]

    def create_with_ttl(logical_id, props, stack_name):
        name, attributes = create(logical_id, props, stack_name)
        _set_ttl(name, props)
        return name, attributes

    def update_with_ttl(physical_id, old_props, new_props, stack_name, *args, **kwargs):
        name, attributes = update(physical_id, old_props, new_props, stack_name, *args, **kwargs)
        _set_ttl(name, new_props)
        return name, attributes

    handlers.update(create=create_with_ttl, update=update_with_ttl)


def _set_ttl(table_name: str, props: dict) -> None:
    specification = props.get("TimeToLiveSpecification")
    if specification is None:
        return
    enabled = str(specification.get("Enabled")).lower() == "true"
    dynamodb._ttl_settings[table_name] = {
        "TimeToLiveStatus": "ENABLED" if enabled else "DISABLED",
        "AttributeName": specification.get("AttributeName", ""),
    }


@gap("table-deletion-protection")
def refuse_to_delete_protected_tables() -> None:
    """1.5.33: a stack's end deletes a table in spite of ``DeletionProtectionEnabled``; DynamoDB refuses."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    delete = handlers["delete"]

    def delete_unless_protected(physical_id, props):
        if dynamodb._tables.get(physical_id, {}).get("DeletionProtectionEnabled"):
            raise ValueError(f"{physical_id} is protected: turn off deletion protection and try again")
        return delete(physical_id, props)

    handlers["delete"] = delete_unless_protected


@gap("ttl-on-stream")
def put_expired_items_on_the_stream() -> None:
    """1.5.33: an item that expires vanishes without a stream record; DynamoDB writes a REMOVE in its own name."""
    remove = dynamodb._remove_item

    def remove_and_tell(table, partition_key, sort_key):
        removed = remove(table, partition_key, sort_key)
        if removed is not None and threading.current_thread().name == TTL_THREAD:
            _emit_expiry(table, removed)
        return removed

    dynamodb._remove_item = remove_and_tell


def _emit_expiry(table: dict, removed: dict) -> None:
    _arn, _aws, _dynamodb, region, account, _table = table["TableArn"].split(":")
    with request_scope(account, region):
        name = table["TableName"]
        dynamodb._emit_stream_event(name, "REMOVE", removed, None)
        records = dynamodb._stream_records.get(name)
        if records:
            records[-1]["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
