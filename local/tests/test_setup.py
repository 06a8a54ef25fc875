"""The set-up, which every target of the Makefile begins with."""

import subprocess
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
