"""A process that the launcher started and has to end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from expedite_local.failure import Failure

_LOCAL = Path(__file__).resolve().parent.parent
#: Seconds that a part has to end by itself.
_GRACE = 8.0


class Part:
    """One process in a group of its own, so that its children end with it and Ctrl-C reaches the launcher alone."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "expedite_local.tied", str(os.getpid()), *command],
                env={**environment, "PYTHONPATH": str(_LOCAL)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Fails if the part has ended by itself."""
        code = self.ended()
        if code is not None:
            raise Failure(f"The {self.name} ended by itself, with code {code}.", log=self.log)

    def wait(self) -> int:
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """To the part alone, not to its children."""
        if self.ended() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Asks the part to end, waits, and ends what is left of its group."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE)
        self.kill()

    def kill(self) -> None:
        """Ends the part and its children at once."""
        with contextlib.suppress(ProcessLookupError):  # nothing of the group is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def wait_until(ready, part: Part, seconds: float, what: str) -> None:
    """Waits for ``ready()``; fails if the part ends before or if it takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        part.check()
        if time.monotonic() > deadline:
            raise Failure(f"{what} has not come within {seconds:.0f} s.", log=part.log)
        time.sleep(0.05)
