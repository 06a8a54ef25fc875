"""Whether the deployed APIs answer: with a refusal, since nobody has a token yet."""

import base64
import http.client
import os
from urllib.parse import urlsplit

from expedite_local.part import Part, wait_until

#: Seconds for an answer, the first start of a function included.
_TIMEOUT = 30.0


def wait_for_http(url: str, emulator: Part) -> None:
    wait_until(lambda: _status(url, "/v1/messages", {}) in (401, 404), emulator, _TIMEOUT, f"An answer of {url}")


def wait_for_websocket(url: str, emulator: Part) -> None:
    """A handshake without a ticket: the function behind ``$connect`` refuses it."""
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    refused_or_accepted = (101, 400, 401, 403)
    wait_until(lambda: _status(url, "", handshake) in refused_or_accepted, emulator, _TIMEOUT, f"An answer of {url}")


def _status(url: str, path: str, headers: dict[str, str]) -> int | None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", address.path + path, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
