"""The programs of ``local/broker`` and ``local/poller``, which ``setup.sh`` has compiled."""

import os
from pathlib import Path

from expedite_local.failure import Failure

_JAVA = Path(__file__).resolve().parents[2] / ".local" / "java"
#: A quick start matters more than peak speed: the simplest collector and the first compiler alone halve it.
_QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def command(program: str, *arguments: str, heap: str) -> list[str]:
    """``heap`` is the most memory for its objects, as the JVM spells it."""
    folder = _JAVA / program
    if not (folder / "classes").is_dir():
        raise Failure(f"{folder} is missing.", advice="Run: make setup")
    class_path = os.pathsep.join([str(folder / "classes"), str(folder / "lib" / "*")])
    return ["java", f"-Xmx{heap}", *_QUICK_START, "-cp", class_path, f"expedite.{program}.Main", *arguments]


def environment() -> dict[str, str]:
    kept = ("PATH", "JAVA_HOME", "TMPDIR", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LANG": "C.UTF-8"}
