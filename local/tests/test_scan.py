"""The scan of the template for unsafe settings fails where it should."""

import subprocess
import tempfile
import unittest
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SCAN = [_ROOT / ".local" / "venv-scanner" / "bin" / "python", _ROOT / "local" / "scan.py"]
#: From, to, and what is said then.
_FAULTS = [
    (
        "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
        "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: false}",
        "CKV_AWS_28 AWS::DynamoDB::Table.MessagesTable: ",
    ),
    (
        "{id: CKV_AWS_28, comment:",
        "{id: CKV_AWS_28, remark:",
        "CKV_AWS_28 AWS::DynamoDB::Table.ConnectionsTable: is excepted without a reason",
    ),
    ("      - id: CKV_AWS_115\n        comment: >-", "      - id: CKV_AWS_115\n        remark: >-", "CKV_AWS_115 is excepted without"),
    ("    skip:\n      - id: CKV_AWS_115", "    skip:\n      - {id: CKV_AWS_18, comment: Why not.}\n      - id: CKV_AWS_115", "CKV_AWS_18 is excepted, and nothing"),
]  # fmt: skip


class Scan(unittest.TestCase):
    def test_what_is_unsafe_unexplained_or_excepted_for_nothing_fails(self) -> None:
        text = (_ROOT / "template.yaml").read_text()
        for before, after, _said in _FAULTS:
            self.assertIn(before, text)
            text = text.replace(before, after)
        with tempfile.TemporaryDirectory() as folder:
            template = Path(folder) / "template.yaml"
            template.write_text(text)
            done = subprocess.run([*_SCAN, template], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        for _before, _after, said in _FAULTS:
            with self.subTest(said):
                self.assertIn(said, done.stdout)
