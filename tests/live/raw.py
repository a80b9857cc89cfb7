"""A client without manners: says on a WebSocket what no real one would, and sees what comes back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

SESSION = "58c092c8-fc58-4343-a01e-3198292810aa"
PATH = "/api/1.48.0/sync"
PATIENCE_S = 20.0


class Raw:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @property
    def closed(self) -> bool:
        return self.connection.protocol.state is State.CLOSED

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def hello(self, session: str = SESSION, **more: Any) -> None:
        """Connect, with an empty query set."""
        self.say(type="Connect", sessionId=session, connectionCount=0, lastCloseReason="InitialConnect", **more)
        self.modify(0)

    def modify(self, base: int, *modifications: dict[str, Any]) -> None:
        self.say(type="ModifyQuerySet", baseVersion=base, newVersion=base + 1, modifications=list(modifications))

    def mutate(self, request: int, name: str, **args: Any) -> None:
        self.say(type="Mutation", requestId=request, udfPath=name, args=[args])

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=PATIENCE_S))
        return message

    def hear_until(self, kind: str) -> dict[str, Any]:
        while (message := self.hear())["type"] != kind:
            pass
        return message

    def rest(self) -> tuple[list[dict[str, Any]], tuple[int, str]]:
        """Everything until it is closed, and how: (code, reason)."""
        heard = []
        until = time.monotonic() + PATIENCE_S
        try:
            while time.monotonic() < until:
                heard.append(self.hear())
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return heard, (1006, "")
            return heard, (closed.rcvd.code, closed.rcvd.reason)
        raise AssertionError(f"still open after {heard[-3:]}")


@contextmanager
def raw(url: str, path: str = PATH) -> Iterator[Raw]:
    address = url.replace("http:", "ws:") + path
    with connect(address, compression=None, max_size=None, ping_interval=None, close_timeout=1) as connection:
        yield Raw(connection)


@contextmanager
def deaf(url: str, *messages: dict[str, Any]) -> Iterator[None]:
    """A client that says ``messages`` and never reads a byte after the handshake."""
    uri = parse_uri(url.replace("http:", "ws:") + PATH)
    protocol = ClientProtocol(uri)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((uri.host, uri.port))
        protocol.send_request(protocol.connect())
        line.sendall(b"".join(protocol.data_to_send()))
        while protocol.state is State.CONNECTING:
            protocol.receive_data(line.recv(1))
        for message in messages:
            protocol.send_text(json.dumps(message).encode())
        line.sendall(b"".join(protocol.data_to_send()))
        yield
