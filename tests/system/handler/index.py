"""A handler for the tests, in another language than ours. The payload says what to answer."""

import json


def handle(event, _context):
    order = event["payload"]
    if "raise" in order:
        raise ValueError(order["raise"])
    if "first" in order and event["attempt"] == 1:
        return order["first"]
    if "echo" in order:
        return {"outcome": "discard", "reason": json.dumps(event)}
    return order.get("answer")
