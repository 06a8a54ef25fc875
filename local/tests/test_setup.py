"""The set-up, which every target of the Makefile begins with."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

_SETUP = Path(__file__).resolve().parents[1] / "setup.sh"


class Again(unittest.TestCase):
    def test_a_second_run_does_nothing_and_takes_no_time(self) -> None:
        subprocess.run([_SETUP], check=True, capture_output=True)
        started = time.monotonic()
        again = subprocess.run([_SETUP], check=True, capture_output=True, text=True)
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual(again.stdout + again.stderr, "")


class Interrupted(unittest.TestCase):
    def test_nothing_of_it_goes_on_after_ctrl_c(self) -> None:
        with tempfile.TemporaryDirectory(prefix="expedite-") as folder:
            local = Path(folder) / "local"
            for part in ("broker", "poller", "bin"):
                (local / part).mkdir(parents=True)
            shutil.copy(_SETUP, local)
            for name in ("emulator", "tools", "scanner"):
                (local / f"requirements-{name}.txt").touch()
            started = local / "started"
            started.touch()
            python = local / "bin" / "python3"
            # A virtual environment takes as long as the test wants.
            python.write_text(f'#!/bin/sh\n[ "$2" != venv ] || {{ echo $$ >>{started}; exec sleep 60; }}\n')
            python.chmod(0o755)
            path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
            with subprocess.Popen(
                [local / "setup.sh"],
                env=os.environ | {"PATH": path},
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            ) as setup:
                self._wait_for(lambda: len(started.read_text().split()) == 3)
                os.killpg(setup.pid, signal.SIGINT)
                self.assertNotEqual(setup.wait(timeout=10), 0)
            processes = [Path("/proc") / pid for pid in started.read_text().split()]
            self._wait_for(lambda: not any(process.exists() for process in processes))

    def _wait_for(self, condition) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it has not come")
            time.sleep(0.02)
