"""Ports on the loopback interface."""

import socket

HOST = "127.0.0.1"


def choose(*preferred: int) -> list[int]:
    """A free port for each preferred one: that one where it is free, another where it is not."""
    # All stay bound until all are chosen, so that no port is given twice.
    sockets = [_bind(port) for port in preferred]
    chosen = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return chosen


def _bind(preferred: int) -> socket.socket:
    for port in (preferred, 0):
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, port))
            return bound
        except OSError:
            bound.close()
    raise OSError("no free port on the loopback interface")


def accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
