"""Faults of the emulator's AWS, to order; ``emulator/faults.py`` has them."""

import json
import urllib.error
import urllib.request

from expedite_local.aws import Aws
from expedite_local.failure import Failure


def order(aws: Aws, kind: str, target: str, count: str) -> dict[str, int]:
    """Has the next ``count`` calls hit; gives how many each fault has hit since the last ``clear``."""
    if not count.isdecimal():
        raise Failure(f"{count} is no number of calls.")
    return _ask(aws, "POST", {"kind": kind, "target": target, "count": int(count)})


def clear(aws: Aws) -> dict[str, int]:
    """Ends all; gives how many each has hit."""
    return _ask(aws, "DELETE", {})


def _ask(aws: Aws, method: str, content: dict) -> dict[str, int]:
    url, body = f"{aws.endpoint_url}/_expedite/faults", json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise Failure(json.load(refusal)["message"]) from None
