"""Runs checkov over a template and holds it to the template's own list of exceptions.

    python local/scan.py [TEMPLATE]

An exception is a check that a resource fails on purpose. It stands in the template with its reason: in the resource's
`Metadata` as checkov reads it, or, where it holds for every resource of the template, under `Metadata: checkov: skip`.
A reason that is missing, and an exception that nothing needs any more, are failures like any other.
"""

import json
import subprocess
import sys
from pathlib import Path

import yaml

#: What checkov says where an exception has no comment.
_NO_REASON = "No comment provided"


class _Loader(yaml.SafeLoader):
    """Reads a template; what CloudFormation's short tags stand for does not matter here."""


_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def scan(template: Path) -> list[str]:
    """What is wrong with the template, one line each."""
    skips = yaml.load(template.read_text(), _Loader).get("Metadata", {}).get("checkov", {}).get("skip", [])
    results = _run(template)
    failed = [(check["check_id"], check) for check in results["failed_checks"]]
    general = {skip["id"] for skip in skips}
    wrong = [
        f"{check_id} {check['resource']}: {check['check_name']}" for check_id, check in failed if check_id not in general
    ]
    wrong += [f"{skip['id']} is excepted without a reason" for skip in skips if not skip.get("comment")]
    wrong += [
        f"{check['check_id']} {check['resource']}: is excepted without a reason"
        for check in results["skipped_checks"]
        if check["check_result"]["suppress_comment"] in ("", _NO_REASON)
    ]
    wrong += [f"{unused} is excepted, and nothing fails it" for unused in sorted(general - {name for name, _ in failed})]
    return wrong


def _run(template: Path) -> dict:
    # --skip-download: everything that it checks here comes with the package.
    command = [
        Path(sys.executable).with_name("checkov"),
        "--framework", "cloudformation",
        "--file", template,
        "--output", "json",
        "--skip-download",
        "--soft-fail",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    if "results" not in report or report["summary"]["parsing_errors"]:
        raise SystemExit(f"checkov can't read {template}: {done.stdout}{done.stderr}")
    return report["results"]


def main() -> None:
    template = Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml")
    wrong = scan(template)
    print("\n".join(wrong) or f"{template}: checkov has nothing to object to")
    sys.exit(bool(wrong))


main()
