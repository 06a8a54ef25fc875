"""The poller's process: the event source mapping of the broker."""

from expedite_local import java
from expedite_local.aws import Aws
from expedite_local.broker import Broker
from expedite_local.certificates import Certificates
from expedite_local.part import Part, wait_until
from expedite_local.state import State

_START_TIMEOUT = 60.0


class Poller:
    """Finds its mappings through the AWS APIs, as Lambda does, and the broker by its own endpoint."""

    def __init__(self, state: State, aws: Aws, certificates: Certificates, broker: Broker) -> None:
        self.part: Part | None = None
        self._said_before = 0
        self._log = state.log("poller")
        self._environment = java.environment() | aws.environment()
        self._arguments = (
            "--openwire-url", broker.openwire,
            "--trust-store", str(certificates.trust_store),
            "--trust-store-password-file", str(certificates.password_file),
        )  # fmt: skip

    def start(self) -> None:
        """Starts it and comes back at once."""
        self._said_before = self._polls()
        command = java.command("poller", *self._arguments, heap="256m")
        self.part = Part("poller", command, self._environment, self._log)

    def wait_until_ready(self) -> None:
        """Waits until it polls a mapping."""
        assert self.part is not None
        wait_until(lambda: self._polls() > self._said_before, self.part, _START_TIMEOUT, "The poller's first mapping")

    def stop(self) -> None:
        if self.part is not None:
            self.part.stop()

    def says_of(self, mapping: str) -> int:
        """How often it has said that it begins or ceases to poll this mapping."""
        return self._said(f"POLLING {mapping}") + self._said(f"DETACHED {mapping}")

    def wait_until_it_says_more_of(self, mapping: str, before: int) -> None:
        """Waits until a change of the mapping has an effect; a poller that is stopped has none to wait for."""
        if self.part is not None and self.part.ended() is None:
            wait_until(lambda: self.says_of(mapping) > before, self.part, _START_TIMEOUT, "The mapping's change")

    def _polls(self) -> int:
        return self._said("POLLING ")

    def _said(self, words: str) -> int:
        """How many lines of its log begin like that."""
        if not self._log.exists():
            return 0
        return sum(line.startswith(words) for line in self._log.read_text(errors="replace").splitlines())
