"""Which grants are used is recorded, and one that is not has to be explained."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

from expedite_local import grants

_ROLE = "expedite-local-ReaderRole-1"
_TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
_STATEMENT = {
    "role": "ReaderRole",
    "physical_role": _ROLE,
    "sid": "Read",
    "actions": ["dynamodb:GetItem", "dynamodb:Query"],
    "resources": [_TABLE, f"{_TABLE}/index/*"],
}
_EXPLAINED = {"roles": ["ReaderRole"], "sid": "Read", "actions": ["dynamodb:GetItem"], "why": "No index is read so."}
_USES = [
    ("dynamodb:GetItem", _TABLE),
    ("dynamodb:Query", _TABLE),
    ("dynamodb:Query", f"{_TABLE}/index/by_tenant"),
]


class Report(unittest.TestCase):
    def _report(self, uses: list[tuple[str, str]], explained: list[dict], role: str = _ROLE) -> tuple[int, str]:
        """What comes of one system in which these calls were allowed."""
        with tempfile.TemporaryDirectory() as folder:
            state, why = Path(folder) / "state", Path(folder) / "why.json"
            (state / "emulator").mkdir(parents=True)
            (state / "granted.json").write_text(json.dumps([_STATEMENT]))
            used = [{"role": role, "sid": "Read", "action": action, "resource": on} for action, on in uses]
            (state / "emulator" / "used-grants.jsonl").write_text("".join(json.dumps(line) + "\n" for line in used))
            why.write_text(json.dumps(explained))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = grants.report([state], why)
            return code, printed.getvalue()

    def test_what_is_unused_and_explained_passes(self) -> None:
        for_all_roles = {name: value for name, value in _EXPLAINED.items() if name != "roles"}
        for explained in (_EXPLAINED, for_all_roles):
            code, printed = self._report(_USES, [explained])
            self.assertEqual(code, 0, printed)
            self.assertIn("4 grants, 3 of them used by 1 systems", printed)
            self.assertIn("ReaderRole Read dynamodb:GetItem: No index is read so.", printed)

    def test_what_is_unused_and_not_explained_fails(self) -> None:
        for case, uses, explained, role in [
            ("another action", _USES[:1] + _USES[2:], [_EXPLAINED], _ROLE),
            ("another resource", _USES[:2], [_EXPLAINED], _ROLE),
            ("nothing", _USES, [], _ROLE),
            ("another role", _USES, [_EXPLAINED], "somebody-else"),
        ]:
            with self.subTest(case):
                code, printed = self._report(uses, explained, role)
                self.assertEqual(code, 1)
                self.assertIn("no test used it, and nothing explains it", printed)

    def test_an_explanation_for_nothing_fails(self) -> None:
        for case, change in [("used", {"actions": ["dynamodb:Query"]}), ("not granted", {"sid": "Write"})]:
            with self.subTest(case):
                code, printed = self._report(_USES, [_EXPLAINED, _EXPLAINED | change])
                self.assertEqual(code, 1)
                self.assertIn("is explained, and used or not granted", printed)
