"""The broker's process, which can be ended, frozen and started again on the same store and ports."""

import json
import signal
from pathlib import Path

from expedite_local import java, ports
from expedite_local.certificates import Certificates
from expedite_local.failure import Failure
from expedite_local.part import Part, wait_until
from expedite_local.state import State

_START_TIMEOUT = 60.0


class Broker:
    """A real ActiveMQ Classic, as the template describes it."""

    def __init__(self, state: State, certificates: Certificates, amqp_port: int, openwire_port: int) -> None:
        #: The emulator writes it when the template's broker is being created.
        self.specification = state.folder / "broker.json"
        self.amqp = f"amqp+ssl://{ports.HOST}:{amqp_port}"
        self.openwire = f"ssl://{ports.HOST}:{openwire_port}"
        self.part: Part | None = None
        self._ports = (amqp_port, openwire_port)
        self._log = state.log("broker")
        self._arguments = _arguments(self.specification, state.folder / "broker", certificates, *self._ports)

    def start(self) -> None:
        """Starts it and comes back at once."""
        command = java.command("broker", *self._arguments, heap="768m")
        self.part = Part("broker", command, java.environment(), self._log)

    def wait_until_ready(self) -> None:
        assert self.part is not None
        wait_until(lambda: all(map(ports.accepts, self._ports)), self.part, _START_TIMEOUT, "The broker's first answer")

    def stop(self) -> None:
        if self.part is not None:
            self.part.stop()

    def kill(self) -> None:
        if self.part is not None:
            self.part.kill()

    def change_password(self, username: str, password: str) -> None:
        """From its next start on, as on Amazon MQ, where a changed user waits for a reboot."""
        content = json.loads(self.specification.read_text())
        users = [user for user in content["users"] if user["username"] == username]
        if not users:
            raise Failure(f"The broker has no user {username}.")
        users[0]["password"] = password
        self.specification.write_text(json.dumps(content, indent=1))

    def freeze(self) -> None:
        """Stops it in its tracks: its connections stay open and nothing answers."""
        if self.part is not None:
            self.part.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.part is not None:
            self.part.signal(signal.SIGCONT)


def _arguments(
    specification: Path, data: Path, certificates: Certificates, amqp_port: int, openwire_port: int
) -> list[str]:
    return [
        "--spec", str(specification),
        "--data", str(data),
        "--amqp-port", str(amqp_port),
        "--openwire-port", str(openwire_port),
        "--key-store", str(certificates.key_store),
        "--key-store-password-file", str(certificates.password_file),
    ]  # fmt: skip
