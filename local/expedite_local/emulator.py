"""The emulator's process, which can be stopped and started again with what its services knew."""

import sys
import urllib.request
from pathlib import Path

from expedite_local import ports
from expedite_local.aws import REGION, Aws
from expedite_local.part import Part, wait_until
from expedite_local.state import State

_START_TIMEOUT = 30.0


class Emulator:
    """MiniStack with its gaps closed.

    Its environment is made from nothing, since every function inherits it.
    """

    def __init__(self, state: State, port: int, environment: dict[str, str]) -> None:
        self.aws = Aws(f"http://{ports.HOST}:{port}")
        self.part: Part | None = None
        self._ordered_to_end = False
        self._log = state.log("emulator")
        self._environment = _environment(self.aws, state.subfolder("emulator"), port) | environment

    def start(self) -> None:
        """Starts it and comes back at once."""
        self._ordered_to_end = False
        self.part = Part("emulator", [sys.executable, "-m", "emulator"], self._environment, self._log)

    def wait_until_ready(self) -> None:
        assert self.part is not None
        url = self.aws.endpoint_url
        wait_until(lambda: _answers(url), self.part, _START_TIMEOUT, "The emulator's first answer")

    def stop(self) -> None:
        """Ends it in order: only then does it write down what its services know."""
        self._ordered_to_end = True
        if self.part is not None:
            self.part.stop()

    def check(self) -> None:
        """Fails if it has ended by itself."""
        if self.part is not None and not self._ordered_to_end:
            self.part.check()


def _environment(cloud: Aws, home: Path, port: int) -> dict[str, str]:
    return cloud.environment() | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "STATE_DIR": str(home),
        "S3_DATA_DIR": str(home),
        # What a start finds in STATE_DIR it goes on with. A new system finds nothing there.
        "PERSIST_STATE": "1",
        "BIND_HOST": ports.HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        # IAM is enforced with the roles that the template makes.
        "AUTH": "true",
        # Listeners on fixed ports, for services that the template doesn't use.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False
