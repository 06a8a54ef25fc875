# Portions Copyright (c) 2026 MiniStack Contributors. SPDX-License-Identifier: MIT
# (poll_once replaces MiniStack's _poll_dynamodb_streams; copies or substantial portions must retain this notice.)
"""Event source mappings of DynamoDB streams: what happens when the function fails."""

import threading
import time
from dataclasses import dataclass

from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

from emulator.gaps import gap

#: Seconds between two looks at a stream. Lambda itself takes four times as long for one.
_IDLE = 0.03
#: Seconds before a failed batch is tried again: the first wait, doubled each time, and the longest.
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0


@gap("stream-failures")
def handle_failures_as_lambda_does() -> None:
    """1.5.33: ignores ``ReportBatchItemFailures``, ``MaximumRetryAttempts`` and ``BisectBatchOnFunctionError``.

    A record that the function reports as failed is lost, and one that makes it fail blocks the stream for ever.
    """

    def poll_in_turn() -> bool:
        return sum(_poll_in_scope(*scoped) for scoped in _stream_mappings()) > 0

    lambda_svc._poll_dynamodb_streams = poll_in_turn


@gap("stream-threads")
def poll_each_mapping_by_itself() -> None:
    """1.5.33: one thread polls all mappings in turn, so a slow function delays every other stream's."""
    if lambda_svc._poll_dynamodb_streams.__module__ != __name__:
        return  # MiniStack's own function takes all mappings at once: it can't be shared out
    threads: dict[str, threading.Thread] = {}

    def start_missing_threads() -> bool:
        for account, region, mapping in _stream_mappings():
            mapping_id = mapping["UUID"]
            if mapping_id not in threads or not threads[mapping_id].is_alive():
                threads[mapping_id] = threading.Thread(
                    target=_poll_until_deleted, args=(account, region, mapping), name=f"esm-{mapping_id}", daemon=True
                )
                threads[mapping_id].start()
        return False

    lambda_svc._poll_dynamodb_streams = start_missing_threads


def _stream_mappings() -> list[tuple[str, str, dict]]:
    return [scoped for scoped in lambda_svc._iter_all_esms() if ":dynamodb:" in scoped[2].get("EventSourceArn", "")]


def _poll_until_deleted(account: str, region: str, mapping: dict) -> None:
    while lambda_svc._esms.get_scoped(account, region, mapping["UUID"]) is mapping:
        if not _poll_in_scope(account, region, mapping):
            time.sleep(_IDLE)
    _progress.pop(mapping["UUID"], None)


def _poll_in_scope(account: str, region: str, mapping: dict) -> bool:
    with request_scope(account, region):
        try:
            return poll_once(mapping)
        except Exception:
            lambda_svc.logger.exception("event source mapping %s", mapping["UUID"])
            return False


@dataclass
class _Progress:
    """How far the batch at a mapping's position has come."""

    #: how many records to read; None is the mapping's BatchSize
    limit: int | None = None
    #: how often the function has failed on the record at the position
    failures: int = 0
    #: when to try again, on the clock of time.monotonic()
    not_before: float = 0.0


_progress: dict[str, _Progress] = {}


def poll_once(mapping: dict) -> bool:
    """Reads one batch and has the function handle it. False if there was nothing to do."""
    table = dynamodb._tables.get(mapping["EventSourceArn"].split("/")[1])
    if not mapping.get("Enabled", True) or not table or table.get("LatestStreamArn") != mapping["EventSourceArn"]:
        return False
    function, _config = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    progress = _progress.setdefault(mapping["UUID"], _Progress())
    if function is None or progress.not_before > time.monotonic():
        return False

    position = _position(mapping, table["TableName"])
    records = dynamodb.stream_records_since(table["TableName"], position, progress.limit or int(mapping["BatchSize"]))
    if not records:
        return False
    batch = lambda_svc._apply_filter_criteria(list(records), mapping)
    if not batch:
        _advance(mapping, progress, position + len(records))
        return True

    result = lambda_svc._execute_function(function, {"Records": batch})
    if result.get("log"):
        # As after every other call, so that the emulator's log has all of it.
        lambda_svc.logger.info("Lambda %s output:\n%s", mapping["FunctionName"], result["log"])
    failed_at = _first_failure(result, records, mapping)
    mapping["LastProcessingResult"] = "OK" if failed_at is None else "PROBLEM: Function call failed"
    if failed_at is None:
        _advance(mapping, progress, position + len(records))
    elif result.get("throttle"):
        _wait(progress)
    else:
        _handle_failure(mapping, function, progress, position, records, failed_at, result)
    return True


def _position(mapping: dict, table_name: str) -> int:
    """Where the mapping reads on; never before what the stream still has."""
    horizon = dynamodb.stream_start_position(table_name)
    with lambda_svc._dynamodb_stream_positions_lock:
        # Set when the mapping was made; missing only for one that was restored from disk.
        position = max(lambda_svc._dynamodb_stream_positions.get(mapping["UUID"]) or horizon, horizon)
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
    return position


def _first_failure(result: dict, records: list[dict], mapping: dict) -> int | None:
    """Index of the first record that failed; None if all went well."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return None
    body = result.get("body")
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failures:
        return None
    positions = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    # Lambda takes an identifier that it doesn't know as the failure of the whole batch.
    return min(positions.get(failure.get("itemIdentifier"), 0) for failure in failures)


def _handle_failure(mapping, function, progress, position, records, failed_at, result) -> None:
    failed = records[failed_at:]
    if failed_at:
        # What came before is done: the batch is cut there, and the failed record has failed once.
        _advance(mapping, progress, position + failed_at)
        position += failed_at
    progress.failures += 1
    if not failed_at and len(failed) > 1 and mapping.get("BisectBatchOnFunctionError"):
        # Splitting is no retry.
        progress.limit, progress.failures = (len(failed) + 1) // 2, 0
        return
    condition = _reason_to_give_up(mapping, progress, failed)
    if condition:
        batch = lambda_svc._apply_filter_criteria(list(failed), mapping)
        lambda_svc._send_ddb_stream_failure_record(
            mapping, function, batch, mapping["EventSourceArn"], result, condition
        )
        _advance(mapping, progress, position + len(failed))
        return
    progress.limit = len(failed)
    _wait(progress)


def _reason_to_give_up(mapping: dict, progress: _Progress, failed: list[dict]) -> str | None:
    """The on-failure record's condition, if the mapping gives the batch up; by default it never does."""
    retries, age = mapping.get("MaximumRetryAttempts"), mapping.get("MaximumRecordAgeInSeconds")
    if retries is not None and 0 <= int(retries) < progress.failures:
        return "RetryAttemptsExhausted"
    oldest = float(failed[0]["dynamodb"]["ApproximateCreationDateTime"])
    if age is not None and 0 < int(age) < time.time() - oldest:
        return "MaxRecordAgeExceeded"
    return None


def _advance(mapping: dict, progress: _Progress, position: int) -> None:
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
    progress.limit, progress.failures, progress.not_before = None, 0, 0.0


def _wait(progress: _Progress) -> None:
    wait = min(_FIRST_WAIT * 2 ** max(progress.failures - 1, 0), _LONGEST_WAIT)
    progress.not_before = time.monotonic() + wait
