"""Event source mappings, switched off and on through Lambda's API."""

from expedite_local.aws import Aws
from expedite_local.failure import Failure
from expedite_local.poller import Poller


def switch(aws: Aws, poller: Poller, name: str, on: bool) -> None:
    """Switches the mapping of the queue, or the stream's to the function, of that name.

    Waits for the poller where the mapping is its own. What a mapping has begun when it is disabled, it ends.
    """
    functions = aws.client("lambda")
    mapping = _find(functions.list_event_source_mappings()["EventSourceMappings"], name)
    if (mapping["State"] == "Enabled") is on:
        return
    said_before = poller.says_of(mapping["UUID"])
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
    if mapping.get("Queues"):
        poller.wait_until_it_says_more_of(mapping["UUID"], said_before)


def _find(mappings: list[dict], name: str) -> dict:
    for mapping in mappings:
        if mapping.get("Queues", mapping["FunctionArn"].rsplit(":", 1)[1:]) == [name]:
            return mapping
    raise Failure(f"No mapping is called {name}.")
