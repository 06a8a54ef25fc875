"""The emulator's process."""

import sys
import urllib.request
from pathlib import Path

from expedite_local import aws, ports
from expedite_local.part import Part, wait_until
from expedite_local.state import State

_START_TIMEOUT = 30.0


def start(state: State, port: int, environment: dict[str, str]) -> tuple[Part, aws.Aws]:
    """Starts MiniStack with its gaps closed and waits until it answers.

    The environment is made from nothing, since every function inherits it.
    """
    cloud = aws.Aws(f"http://{ports.HOST}:{port}")
    home = state.subfolder("emulator")
    part = Part(
        "emulator",
        [sys.executable, "-m", "emulator"],
        _environment(cloud, home, port) | environment,
        state.log("emulator"),
    )
    try:
        wait_until(lambda: _answers(cloud.endpoint_url), part, _START_TIMEOUT, "The emulator's first answer")
    except BaseException:
        part.kill()
        raise
    return part, cloud


def _environment(cloud: aws.Aws, home: Path, port: int) -> dict[str, str]:
    return cloud.environment() | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "STATE_DIR": str(home),
        "S3_DATA_DIR": str(home),
        "BIND_HOST": ports.HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": aws.REGION,
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
