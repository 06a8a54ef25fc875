"""All parts of one running system, started in order and ended in the reverse one."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from expedite_local import certificates, grants, leftovers, ports, probe, stack, tokens
from expedite_local.aws import REGION, Aws
from expedite_local.broker import Broker
from expedite_local.emulator import Emulator
from expedite_local.failure import Failure
from expedite_local.part import Part
from expedite_local.poller import Poller
from expedite_local.progress import Progress
from expedite_local.state import State

#: Ports that are easy to remember, taken where they are free: MiniStack's own, and Amazon MQ's for AMQP and OpenWire.
_PREFERRED_PORTS = (4566, 5671, 61617)
_DEPLOY_TIMEOUT = 180.0


class System:
    """One system: a state folder, an emulator with the deployed stack, a broker, a poller."""

    def __init__(self, state: State, template: Path, progress: Progress) -> None:
        self._state = state
        self._template = template
        self._progress = progress
        self._deployment: Part | None = None
        self._aws: Aws | None = None
        self._parameters: dict[str, str] = {}
        self._outputs: dict[str, str] = {}
        self.emulator: Emulator | None = None
        self.broker: Broker | None = None
        self.poller: Poller | None = None

    def start(self, parameters: dict[str, str]) -> None:
        """Starts everything. What is running when it fails is for ``stop``, as after a success."""
        emulator_port, amqp_port, openwire_port = ports.choose(*_PREFERRED_PORTS)
        made = certificates.create(self._state.folder / "tls")
        broker = Broker(self._state, made, amqp_port, openwire_port)
        # The functions inherit it: the broker's certificate is the only one that they have to trust.
        environment = {
            "SSL_CERT_FILE": str(made.authority),
            "EXPEDITE_BROKER_AMQP": broker.amqp,
            "EXPEDITE_BROKER_OPENWIRE": broker.openwire,
            "EXPEDITE_BROKER_SPEC": str(broker.specification),
        }
        self.emulator = Emulator(self._state, emulator_port, environment)
        self._aws = self.emulator.aws
        self.emulator.start()
        self.emulator.wait_until_ready()
        self._progress.say(f"emulator ready at {self._aws.endpoint_url}")
        self._deploy(parameters, broker, Poller(self._state, self._aws, made, broker))
        if self.poller is not None:
            self.poller.wait_until_ready()
            self._progress.say("poller takes messages from the broker")
        self._wait_for_urls()

    def _deploy(self, parameters: dict[str, str], broker: Broker, poller: Poller) -> None:
        self._parameters = parameters
        self._run_deployment(self._template, meanwhile=lambda: self._start_broker_when_asked(broker, poller))

    def update(self, template: Path) -> None:
        """Deploys another template in the place of the running one. The broker goes on as it is, as on Amazon MQ."""
        self._run_deployment(template, meanwhile=lambda: None)

    def _run_deployment(self, template: Path, meanwhile: Callable[[], None]) -> None:
        assert self._aws is not None
        if not template.exists():
            raise Failure(f"{template} is missing.", advice="Build it first: make build")
        values = stack.parameters(template, f"{self._aws.endpoint_url}/_aws/execute-api", self._parameters)
        self._progress.say(f"deploying {template} with sam deploy")
        self._deployment = deployment = stack.start_deploying(self._state, self._aws, template, values)
        deadline = time.monotonic() + _DEPLOY_TIMEOUT
        while (code := deployment.ended()) is None:
            if time.monotonic() > deadline:
                raise Failure(f"The deployment has not ended within {_DEPLOY_TIMEOUT:.0f} s.", log=deployment.log)
            self.check()
            meanwhile()
            time.sleep(0.05)
        if code != 0:
            reasons = "".join(f"\n{reason}" for reason in stack.failures(self._aws))
            raise Failure(f"The deployment failed.{reasons}", log=deployment.log)
        self._outputs = stack.outputs(self._aws)
        grants.write(self._state.folder, self._aws)
        self._progress.say(f"stack {stack.NAME} deployed")

    def delete(self) -> list[str]:
        """Deletes the stack; gives what of it is still there."""
        assert self._aws is not None
        resources = stack.delete(self._aws, _DEPLOY_TIMEOUT)
        return leftovers.of(self._aws, resources)

    def _start_broker_when_asked(self, broker: Broker, poller: Poller) -> None:
        """The stack's broker is being created: its resource waits for the real one."""
        if self.broker is not None or not broker.specification.exists():
            return
        self.broker = broker
        broker.start()
        broker.wait_until_ready()
        self._progress.say(f"broker ready at {broker.amqp} and {broker.openwire}")
        # Its mapping comes last in the stack, and a JVM takes a while: both at once.
        self.poller = poller
        poller.start()

    def _wait_for_urls(self) -> None:
        assert self.emulator is not None and self.emulator.part is not None
        if "HttpUrl" in self._outputs:
            probe.wait_for_http(self._outputs["HttpUrl"], self.emulator.part)
            self._progress.say(f"HTTP API answers at {self._outputs['HttpUrl']}")
        if "WebSocketUrl" in self._outputs:
            probe.wait_for_websocket(self._outputs["WebSocketUrl"], self.emulator.part)
            self._progress.say(f"WebSocket API answers at {_websocket(self._outputs['WebSocketUrl'])}")

    def endpoints(self) -> dict:
        """Where everything is, for those who use the system."""
        assert self._aws is not None
        broker = self.broker
        running = {name: part.pid for name, part in self._parts().items() if part.ended() is None}
        return {
            "http_url": self._outputs.get("HttpUrl"),
            "websocket_url": _websocket(self._outputs.get("WebSocketUrl")),
            "aws_endpoint_url": self._aws.endpoint_url,
            "stack_name": stack.NAME,
            "region": REGION,
            "user_pool_id": self._outputs.get("UserPoolId"),
            "client_id": self._outputs.get("UserPoolClientId"),
            "broker": {"amqp": broker.amqp, "openwire": broker.openwire} if broker else {},
            "ssl_cert_file": str(self._state.folder / "tls" / "authority.pem"),
            "outputs": self._outputs,
            "pids": {"launcher": os.getpid()} | running,
            "logs": str(self._state.folder / "logs"),
        }

    def write_endpoints(self, *files: Path) -> None:
        for file in files:
            file.write_text(json.dumps(self.endpoints(), indent=2) + "\n")

    def token(self, name: str) -> str:
        assert self._aws is not None
        if "UserPoolId" not in self._outputs:
            raise Failure("The stack has no user pool of its own; its tokens come from the issuer that it was given.")
        return tokens.issue(self._aws, self._outputs["UserPoolId"], self._outputs["UserPoolClientId"], name)

    def aws(self) -> Aws:
        assert self._aws is not None
        return self._aws

    def check(self) -> None:
        """Fails if the emulator has ended by itself. The broker and the poller may be down: that can be an order."""
        if self.emulator is not None:
            self.emulator.check()

    def check_all(self) -> None:
        """Fails if any part has ended."""
        for part in self._parts().values():
            part.check()

    def _parts(self) -> dict[str, Part]:
        parts = {
            "emulator": self.emulator and self.emulator.part,
            "broker": self.broker and self.broker.part,
            "poller": self.poller and self.poller.part,
        }
        return {name: part for name, part in parts.items() if part}

    def stop(self) -> None:
        """Ends whatever runs, in the order that leaves nobody waiting for something that is gone."""
        if self._deployment is not None:
            self._deployment.kill()
        if self.poller is not None:
            self.poller.stop()
        if self.emulator is not None:
            self.emulator.stop()
        if self.broker is not None:
            self.broker.stop()


def _websocket(url: str | None) -> str | None:
    """A WebSocket client's spelling of the URL."""
    return url.replace("http", "ws", 1) if url and url.startswith("http") else url
