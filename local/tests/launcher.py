"""A launcher under test, driven by orders as the system tests drive it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_LOCAL = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).parent / "system.yaml"


class Launcher:
    def __init__(self, state: Path, *arguments: str, template: Path = TEMPLATE) -> None:
        self.state = state
        self.said = state.with_suffix(".stderr")
        command = [sys.executable, "-m", "expedite_local", "up", "--control"]
        with self.said.open("w") as stderr:
            self.process = subprocess.Popen(
                [*command, "--state", str(state), "--template", str(template), *arguments],
                env=os.environ | {"PYTHONPATH": str(_LOCAL)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def endpoints(self) -> dict:
        """Waits for the start."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it did not start:\n{self.said.read_text()}")
        return json.loads(line)["endpoints"]

    def order(self, order: str) -> dict:
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> int:
        """Closes its stdin, as the end of a test's process would; gives the exit code."""
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def processes_of(state: Path) -> list[str]:
    """Command lines of running processes that have to do with this state folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if str(state).encode() in environment + command and "up" not in command.decode().split("\0"):
            found.append(command.replace(b"\0", b" ").decode())
    return found


def all_end(state: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(state):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
