"""Ports on the loopback interface."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"

#: Ports from the ephemeral range to try before giving up.
_TRIES = 100

#: What this process has claimed. The kernel frees the locks when the process ends, however it does.
_claims: list[IO] = []


def choose(*preferred: int) -> list[int]:
    """A free port for each preferred one, this process's until it ends: that one where it is free, another where not.

    That nobody listens on a port is not enough: another system may have chosen it and not come to use it yet, or have
    its broker down for a while. So a port is also claimed by a lock on a file.
    """
    return [_claim_one(port) for port in preferred]


def _claim_one(preferred: int) -> int:
    for port in [preferred] + [0] * _TRIES:
        free = _free(port)
        if free is not None and _claim(free):
            return free
    raise OSError("no free port on the loopback interface")


def _free(port: int) -> int | None:
    """The port, if nobody listens there; any free one for 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, port))
        except OSError:
            return None
        return bound.getsockname()[1]


def _claim(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"expedite-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Closed on exec, as Python's files are: a part that outlives its launcher must not keep the claim.
    claim = (folder / str(port)).open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
