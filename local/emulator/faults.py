"""Faults to order: what AWS does now and then, and an emulator never.

A test asks for them over HTTP, which the emulator serves on the loopback interface alone. Until one does, they cost a
call one look at an empty table; each then hits so many calls and no more.

    POST /_expedite/faults {"kind": "refuse", "target": "TABLE/PutItem", "count": 3}

sets one, in the place of what is left of the same fault; a count of 0 ends and forgets it. DELETE ends and forgets all, GET
changes nothing. Each answers how many calls every fault has hit, as ``{"refuse TABLE/PutItem": 0}``.

========  ===================  =====================================================================================
kind      target               the call
========  ===================  =====================================================================================
refuse    table / operation    is throttled before anything has happened; made again, the same call passes
lose      table / operation    is carried out, and answered with an internal error
fail      function             fails, and the function never sees it
========  ===================  =====================================================================================

One more is made from outside: a function's process that is stopped by a signal keeps the call that it has and gets no other.
"""

import hashlib
import json
import threading
from collections import Counter
from pathlib import Path

from ministack import app
from ministack.core import lambda_runtime
from ministack.core.responses import error_response_json
from ministack.services import dynamodb, lambda_svc

PATH = "/_expedite/faults"
_KINDS = ("refuse", "lose", "fail")

_lock = threading.Lock()
#: "kind target" -> how many calls it has still to hit
_left: Counter[str] = Counter()
#: "kind target" -> how many it has hit
_hits: Counter[str] = Counter()
#: digests of the calls that were refused, which pass when they are made again
_refused: set[bytes] = set()


def install() -> None:
    """Puts the faults in the way of what they can hit. None is set."""
    _install_control()
    _install_in_tables()
    _install_in_functions()
    _install_in_processes()


def _install_control() -> None:
    handle = app._handle_admin_config_request

    async def handle_with_faults(path, method, body):
        return _order(method, body) if path == PATH else await handle(path, method, body)

    app._handle_admin_config_request = handle_with_faults


def _install_in_tables() -> None:
    handle = dynamodb.handle_request

    async def handle_with_faults(method, path, headers, body, query_params):
        calls = _calls(headers, body) if _left else []
        if calls and _is_new(body) and _takes("refuse", calls):
            _refused.add(_digest(body))
            return _refusal(json.loads(body))
        answer = await handle(method, path, headers, body, query_params)
        if _takes("lose", calls):
            return error_response_json("InternalServerError", "The answer got lost, by order.", 500)
        return answer

    dynamodb.handle_request = handle_with_faults


def _install_in_functions() -> None:
    execute = lambda_svc._execute_function

    def execute_with_faults(func, event):
        name = (func.get("config") or func).get("FunctionName", "")
        if _takes("fail", [name]):
            return {"error": True, "body": {"errorType": "Runtime.ExitError", "errorMessage": "By order."}, "log": ""}
        return execute(func, event)

    lambda_svc._execute_function = execute_with_faults


def _install_in_processes() -> None:
    acquire = lambda_svc.acquire_worker

    def acquire_one_that_runs(*args, **kwargs):
        stopped = []
        try:
            while (acquired := acquire(*args, **kwargs))[1] == "reused" and _is_stopped(acquired[0]):
                stopped.append(acquired[0])
            return acquired
        finally:
            for worker in stopped:
                lambda_runtime.release_worker(worker)

    lambda_svc.acquire_worker = acquire_one_that_runs


def _is_stopped(worker: lambda_runtime.Worker) -> bool:
    try:
        status = Path(f"/proc/{worker._proc.pid}/status").read_text()
    except (AttributeError, OSError):
        # It has no process, or none any more: it will start another one.
        return False
    return "\nState:\tT" in status


def _order(method: str, body: bytes) -> tuple:
    if method == "POST":
        order = json.loads(body)
        if order["kind"] not in _KINDS:
            return _answer(400, {"message": f"no such fault: {order['kind']}"})
        return _answer(200, _set(f"{order['kind']} {order['target']}", int(order["count"])))
    with _lock:
        hits = dict(_hits)
        if method == "DELETE":
            for forgotten in (_left, _hits, _refused):
                forgotten.clear()
    return _answer(200, hits)


def _set(fault: str, count: int) -> dict[str, int]:
    with _lock:
        _hits[fault] += 0
        hits = dict(_hits)
        if count > 0:
            _left[fault] = count
        else:
            del _left[fault], _hits[fault]
        return hits


def _answer(status: int, content: dict) -> tuple:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _takes(kind: str, targets: list[str]) -> bool:
    """Whether a fault of this kind hits a call to one of these."""
    if not _left:
        return False
    with _lock:
        fault = next((fault for target in targets if (fault := f"{kind} {target}") in _left), None)
        if fault is None:
            return False
        _hits[fault] += 1
        _left[fault] -= 1
        if not _left[fault]:
            del _left[fault]
        return True


def _is_new(body: bytes) -> bool:
    return _digest(body) not in _refused


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _calls(headers: dict, body: bytes) -> list[str]:
    """What a request to DynamoDB does, as targets of faults: more than one where it names more tables."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    return [f"{table}/{operation}" for table in sorted(_tables(json.loads(body or "{}")))]


def _tables(request: dict) -> set[str]:
    if "TableName" in request:
        return {request["TableName"]}
    actions = [action for item in request.get("TransactItems", []) for action in item.values()]
    return {action["TableName"] for action in actions} | set(request.get("RequestItems", {}))


def _refusal(request: dict) -> tuple:
    """As DynamoDB throttles: a transaction is cancelled, with a reason for each of its items."""
    if "TransactItems" not in request:
        message = "The level of configured provisioned throughput for the table was exceeded, by order."
        return error_response_json("ProvisionedThroughputExceededException", message, 400)
    reasons = [{"Code": "ThrottlingError", "Message": "Throughput exceeded, by order."}]
    reasons += [{"Code": "None"}] * (len(request["TransactItems"]) - 1)
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return error_response_json("TransactionCanceledException", message, 400, {"CancellationReasons": reasons})
