"""How MiniStack runs functions: what costs time that Lambda doesn't take."""

import socketserver

from ministack.core import lambda_runtime

from emulator.gaps import gap


@gap("runtime-api-nagle")
def answer_the_runtime_at_once() -> None:
    """1.5.33: the Runtime API's answers wait for Nagle's algorithm and the delayed ACK: 40 ms on every call."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


@gap("log-wait")
def wait_briefly_for_logs() -> None:
    """1.5.33: after each call MiniStack waits up to 50 ms for a first log line, also from a function that logs nothing.

    A line that comes later is not lost: it is read with the next call's.
    """
    drain = lambda_runtime.Worker._drain_stderr_bounded

    def drain_briefly(self, first_line_wait=0.003, idle_confirm=0.002, hard_cap=0.25):
        return drain(self, first_line_wait, idle_confirm, hard_cap)

    lambda_runtime.ProvidedWorker._drain_stderr_bounded = drain_briefly
