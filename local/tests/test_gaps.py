"""The register of gaps itself."""

import unittest

from emulator import gaps
from tests import (  # noqa: F401 - they say which gaps they show
    test_gaps_cloudformation,
    test_gaps_execution,
    test_gaps_expiry,
    test_gaps_http,
    test_gaps_streams,
    test_gaps_websocket,
)
from tests.emulation import shown


class Register(unittest.TestCase):
    def test_every_gap_is_shown_to_be_one(self) -> None:
        self.assertEqual(set(gaps.names()), shown)

    def test_a_gap_that_does_not_exist_cannot_be_left_open(self) -> None:
        with self.assertRaisesRegex(ValueError, "no such gap: nonsense"):
            gaps.close_all(leave_open=["nonsense"])

    def test_a_name_is_taken_once(self) -> None:
        taken = gaps.names()[0]
        with self.assertRaisesRegex(ValueError, taken):
            gaps.gap(taken)(lambda: None)
