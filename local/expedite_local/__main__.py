"""The command line: ``up`` runs a system, ``token`` prints a caller's token for the one that runs, ``grants`` tells which
of the template's grants ended systems have used."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from expedite_local import control, grants, tokens
from expedite_local.aws import Aws
from expedite_local.failure import Failure
from expedite_local.progress import Progress
from expedite_local.state import State
from expedite_local.system import System


class Ended(BaseException):
    """A signal asks for the end."""


def main() -> int:
    arguments = _parse()
    try:
        return arguments.run(arguments)
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="expedite_local", description=__doc__)
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start the system and run it until Ctrl-C")
    up.set_defaults(run=_up)
    up.add_argument("--state", type=Path, default=Path(".local/run"), help="folder for logs and stores, emptied first")
    up.add_argument("--template", type=Path, default=Path(".aws-sam/build/template.yaml"), help="the built template")
    up.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    up.add_argument("--endpoints", type=Path, help="write the endpoints to this file too")
    up.add_argument("--control", action="store_true", help="take orders on stdin, answer in JSON on stdout")
    token = commands.add_parser("token", help="print an access token")
    token.set_defaults(run=_token)
    token.add_argument("name", help="the caller, created at first use; each is a tenant of its own")
    token.add_argument("--endpoints", type=Path, default=Path(".local/endpoints.json"), help="of the running system")
    used = commands.add_parser("grants", help="print what the template grants and nobody used")
    used.set_defaults(run=lambda given: grants.report(given.states, given.unused))
    used.add_argument("states", type=Path, nargs="+", help="folders of systems that have run the same template")
    used.add_argument("--unused", type=Path, default=Path("local/unused-grants.json"), help="those that are explained")
    return parser.parse_args()


def _up(arguments: argparse.Namespace) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    progress = Progress()
    parameters = _parameters(arguments.parameter)
    state = State(arguments.state)
    system = System(state, arguments.template.resolve(), progress)
    files = [state.folder / "endpoints.json", *([arguments.endpoints] if arguments.endpoints else [])]
    try:
        system.start(parameters)
        system.write_endpoints(*files)
        if arguments.control:
            control.serve(system, changed=lambda: system.write_endpoints(*files))
        else:
            _greet(system.endpoints())
            _watch(system)
    except Ended:
        progress.say("ending")
    finally:
        # The second Ctrl-C of an impatient user would leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for file in files:
            file.unlink(missing_ok=True)
        system.stop()
        state.release()
        progress.say("everything has ended")
    return 0


def _end(_number: int, _frame: object) -> None:
    raise Ended


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    wrong = [name for name, equals, _value in pairs if not equals]
    if wrong:
        raise Failure(f"--parameter wants NAME=VALUE, not {wrong[0]}")
    return {name: value for name, _equals, value in pairs}


def _watch(system: System) -> None:
    while True:
        time.sleep(0.5)
        system.check_all()


def _greet(endpoints: dict) -> None:
    print(
        f"""
HTTP API        {endpoints["http_url"]}
WebSocket API   {endpoints["websocket_url"]}
AWS             {endpoints["aws_endpoint_url"]}   (key and secret: test, region: {endpoints["region"]})
Logs            {endpoints["logs"]}

A first message, from another terminal in this folder:

  curl -sS '{endpoints["http_url"]}/v1/messages' \\
    -H "authorization: Bearer $(make -s token TENANT=acme)" -H 'content-type: application/json' \\
    -d '{{"type": "email.welcome", "priority": "high", "payload": {{"work_ms": 50}}}}'

Ctrl-C ends everything.
""",
        flush=True,
    )


def _token(arguments: argparse.Namespace) -> int:
    if not arguments.endpoints.exists():
        raise Failure(f"No system runs: {arguments.endpoints} is missing.", advice="Start one: make run")
    endpoints = json.loads(arguments.endpoints.read_text())
    aws = Aws(endpoints["aws_endpoint_url"])
    print(tokens.issue(aws, endpoints["user_pool_id"], endpoints["client_id"], arguments.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
