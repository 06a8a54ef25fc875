"""Runs a built package whose functions are for another processor: each answers an event, all of them do a message's work.

    python -m expedite_local.package [BUILD]

The binaries run under qemu's user emulation, on a system like any other. They are not changed: what the emulator starts is a
script of two lines beside each.
"""

import argparse
import json
import platform
import shutil
import stat
import sys
import time
import urllib.request
from pathlib import Path

from expedite_local.aws import Aws
from expedite_local.failure import Failure
from expedite_local.progress import Progress
from expedite_local.stack import NAME
from expedite_local.state import State
from expedite_local.system import System

#: Debian's package is called qemu-user-static, and the C library's, which the binaries load, libc6-arm64-cross.
_QEMU = "qemu-aarch64-static"
_LIBRARIES = Path("/usr/aarch64-linux-gnu")
_EVENTS = Path("events")
#: The event that each function answers, and with what: a status, or nothing at all.
_ANSWERS = {
    "ingest": ("http/submit", 202),
    "control": ("http/list", 200),
    "process": ("mq/text", None),
    "dead-letter": ("mq/dead-letters", None),
    "relay": ("schedule/sweep", None),
    "monitor": ("schedule/look", None),
    "fanout": ("dynamodb/modify", None),
    # Its ticket is unknown: it says so.
    "ws-connect": ("websocket/connect-query", 401),
    "ws-disconnect": ("websocket/disconnect", 200),
    # Of a socket that is not open: no answer that could be sent to it.
    "ws-message": ("websocket/ping", 200),
}
#: How long a message may take, in seconds: everything runs some ten times slower.
_PATIENCE = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, nargs="?", default=Path(".aws-sam/arm64"), help="folder that sam build made")
    build = parser.parse_args().build
    if platform.machine() == "aarch64":
        print("This machine is one for arm64: every system test runs these binaries.")
        return 0
    if shutil.which(_QEMU) is None or not _LIBRARIES.exists():
        print(f"{_QEMU} or {_LIBRARIES} is missing: the package was built, and its binaries were not run.")
        return 0
    progress = Progress()
    state = State(Path(".local/package"))
    system = System(state, state.folder / "build" / "template.yaml", progress)
    try:
        _wrap(build, state.folder / "build")
        system.start({})
        functions = sorted(folder.name for folder in build.iterdir() if (folder / "bootstrap").exists())
        _answer_each(system.aws(), functions)
        progress.say(f"{len(functions)} functions for arm64 have answered an event each")
        _complete_one(system)
        progress.say("a message has gone through all of them")
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    finally:
        system.stop()
        state.release()
    return 0


def _wrap(build: Path, to: Path) -> None:
    """A copy of the build in which a script starts each binary under qemu."""
    shutil.copytree(build, to)
    for binary in to.glob("*/bootstrap"):
        if binary.read_bytes()[18:20] != b"\xb7\x00":
            raise Failure(f"{binary} is not for arm64: its ELF header names another machine.")
        binary.rename(binary.with_name("function"))
        binary.write_text(f'#!/bin/sh\nexec {_QEMU} -L {_LIBRARIES} "$(dirname "$0")/function"\n')
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _answer_each(aws: Aws, functions: list[str]) -> None:
    client = aws.client("lambda")
    deployed = {it["FunctionName"].removeprefix(f"{NAME}-") for it in client.list_functions()["Functions"]}
    if len(functions) != len(deployed) or deployed != set(_ANSWERS):
        raise Failure(f"There are the functions {sorted(deployed)}, and events for {sorted(_ANSWERS)}.")
    for function, (event, status) in _ANSWERS.items():
        payload = (_EVENTS / f"{event}.json").read_bytes()
        answer = client.invoke(FunctionName=f"{NAME}-{function}", Payload=payload)
        body = json.load(answer["Payload"])
        if "FunctionError" in answer or (status and body["statusCode"] != status):
            raise Failure(f"{function} answered {event} with {body}, and not with {status or 'success'}.")


def _complete_one(system: System) -> None:
    """Submits a message over HTTP and reads it until the mapping has brought it to `process`, which ends it."""
    url = f"{system.endpoints()['http_url']}/v1/messages"
    token = system.token("package")

    def call(url: str, body: dict | None = None) -> dict:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            return json.load(answer)

    identifier = call(url, {"type": "package.check", "priority": "high"})["id"]
    deadline = time.monotonic() + _PATIENCE
    while (message := call(f"{url}/{identifier}"))["state"] != "completed":
        if time.monotonic() > deadline:
            raise Failure(f"The message has not completed within {_PATIENCE:.0f} s: {message}")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
