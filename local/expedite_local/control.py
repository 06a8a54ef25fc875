"""Orders on stdin, one a line; an answer on stdout for each, one line of JSON. The end of stdin ends the system.

That is how the system tests drive it: whatever becomes of the test's process, its end closes the pipe.
"""

import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from expedite_local import faults, mappings
from expedite_local.broker import Broker
from expedite_local.emulator import Emulator
from expedite_local.failure import Failure
from expedite_local.poller import Poller
from expedite_local.system import System


def serve(system: System, changed: Callable[[], None]) -> None:
    """Answers orders until ``quit`` or the end of stdin. ``changed`` is called when a part has another process."""
    answer({"ok": True, "endpoints": system.endpoints()})
    for line in _lines(system):
        words = line.split()
        if words == ["quit"]:
            answer({"ok": True})
            return
        if words:
            answer(_obey(system, words, changed))


def answer(value: dict) -> None:
    print(json.dumps(value), flush=True)


def _obey(system: System, words: list[str], changed: Callable[[], None]) -> dict:
    try:
        match words:
            case ["stack", "update", template]:
                system.update(Path(template))
                return {"ok": True}
            case ["stack", "delete"]:
                return {"ok": True, "left": system.delete()}
            case ["token", name]:
                return {"ok": True, "token": system.token(name)}
            case ["fault", "hits"]:
                return {"ok": True, "hits": faults.hits(system.aws())}
            case ["fault", "clear"]:
                return {"ok": True, "hits": faults.clear(system.aws())}
            case ["fault", kind, target, count]:
                return {"ok": True, "hits": faults.order(system.aws(), kind, target, count)}
            case ["broker", "password", username, password] if system.broker is not None:
                system.broker.change_password(username, password)
                return {"ok": True}
            case ["mapping", "off" | "on" as to, name] if system.poller is not None:
                mappings.switch(system.aws(), system.poller, name, on=to == "on")
                return {"ok": True}
            case [part, order] if (part, order) in _orders(system):
                _orders(system)[part, order]()
                changed()
                return {"ok": True, "pids": system.endpoints()["pids"]}
        return {"ok": False, "error": f"no such order: {' '.join(words)}"}
    except Failure as failure:
        return {"ok": False, "error": str(failure)}


def _orders(system: System) -> dict[tuple[str, str], Callable[[], None]]:
    emulator, broker, poller = system.emulator, system.broker, system.poller
    if emulator is None or broker is None or poller is None:
        return {}

    def start(part: Emulator | Broker | Poller) -> None:
        part.start()
        part.wait_until_ready()

    return {
        ("emulator", "stop"): emulator.stop,
        ("emulator", "start"): lambda: start(emulator),
        ("broker", "kill"): broker.kill,
        ("broker", "stop"): broker.stop,
        ("broker", "start"): lambda: start(broker),
        ("broker", "freeze"): broker.freeze,
        ("broker", "thaw"): broker.thaw,
        ("poller", "stop"): poller.stop,
        ("poller", "start"): lambda: start(poller),
    }


def _lines(system: System) -> Iterator[str]:
    """Lines of stdin; watches the system in between."""
    unread = b""
    while True:
        while not select.select([sys.stdin.fileno()], [], [], 0.5)[0]:
            system.check()
        chunk = os.read(sys.stdin.fileno(), 65536)
        if not chunk:
            return
        *lines, unread = (unread + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
