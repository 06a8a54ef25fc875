"""A WebSocket client, as small as the tests need it."""

import socket
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, RejectConnection, Request, TextMessage


class WebSocket:
    """Blocking; the handshake is over when it is made."""

    def __init__(self, url: str, subprotocols: list[str] | None = None) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=10)
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._send(Request(host=address.netloc, target=address.path, subprotocols=subprotocols or []))
        answer = self._next_event(10)
        if isinstance(answer, RejectConnection):
            self._socket.close()
            raise AssertionError(f"refused with {answer.status_code}")
        assert isinstance(answer, AcceptConnection)
        self.subprotocol = answer.subprotocol

    def send(self, text: str) -> None:
        self._send(TextMessage(data=text))

    def receive(self, seconds: float = 10) -> str | None:
        """The next message; None if none comes in time."""
        try:
            event = self._next_event(seconds)
        except TimeoutError:
            return None
        assert isinstance(event, TextMessage)
        return event.data

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._send(CloseConnection(code=1000))
        self._socket.close()

    def _send(self, event) -> None:
        self._socket.sendall(self._connection.send(event))

    def _next_event(self, seconds: float):
        self._socket.settimeout(seconds)
        while True:
            for event in self._connection.events():
                return event
            self._connection.receive_data(self._socket.recv(65536))
