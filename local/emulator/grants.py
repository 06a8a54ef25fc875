"""Which grants are used: a line for each that allows a call for the first time.

The report that makes something of it is ``expedite_local.grants``. A start appends to what the last one has left.
"""

import json
import os
from pathlib import Path

from ministack.core import iam_evaluator

#: In the emulator's own folder.
FILE = "used-grants.jsonl"

_seen: set[tuple[str, str, str, str]] = set()


def install() -> None:
    """Looks in on every decision about a role's call."""
    file = Path(os.environ["STATE_DIR"]) / FILE
    evaluate = iam_evaluator.evaluate

    def evaluate_and_record(ctx, policies, *limits):
        result = evaluate(ctx, policies, *limits)
        if result.decision == "Allow" and ":assumed-role/" in ctx.principal_arn:
            _record(file, (ctx.principal_arn.split("/")[1], result.matched_sid, ctx.action, ctx.resource_arn))
        return result

    iam_evaluator.evaluate = evaluate_and_record


def _record(file: Path, used: tuple[str, str, str, str]) -> None:
    if used in _seen:
        return
    _seen.add(used)
    line = json.dumps(dict(zip(("role", "sid", "action", "resource"), used, strict=True)))
    # One write of one short line: threads can't mix theirs.
    with file.open("a") as log:
        log.write(line + "\n")
