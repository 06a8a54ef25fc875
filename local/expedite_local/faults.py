"""Faults of the emulator's AWS, to order; ``emulator/faults.py`` has them."""

import json
import urllib.error
import urllib.request

from expedite_local.aws import Aws
from expedite_local.failure import Failure


def order(aws: Aws, kind: str, target: str, count: str) -> dict[str, int]:
    """Has the next ``count`` calls hit; a count of 0 ends and forgets the fault. Gives what each has hit."""
    if not count.isdecimal():
        raise Failure(f"{count} is no number of calls.")
    return _ask(aws, "POST", {"kind": kind, "target": target, "count": int(count)})


def hits(aws: Aws) -> dict[str, int]:
    """How many calls each fault has hit."""
    return _ask(aws, "GET", None)


def clear(aws: Aws) -> dict[str, int]:
    """Ends and forgets all; gives what each has hit."""
    return _ask(aws, "DELETE", None)


def _ask(aws: Aws, method: str, content: dict | None) -> dict[str, int]:
    url = f"{aws.endpoint_url}/_expedite/faults"
    body = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise Failure(json.load(refusal)["message"]) from None
