"""HTTP by hand, over raw sockets: what no library would send, and what came back."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support import DEADLINE_S

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


def target(url: str) -> tuple[int, str]:
    """The port and the path of a loopback address."""
    port, _, path = url.removeprefix("http://127.0.0.1:").partition("/")
    return int(port), f"/{path}"


def request(
    path: str,
    body: bytes = b"{}",
    *headers: str,
    method: str = "POST",
    version: str = "HTTP/1.1",
    length: str | None = "",
    last: bool = True,
) -> bytes:
    """A request. ``length`` "": the true Content-Length; None: none. ``last``: asks for the connection's end."""
    lines = [f"{method} {path} {version}", "Host: rufaa", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    if last:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*parts: bytes, trailer: str = "") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + f"0\r\n{trailer}\r\n".encode()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as connection:
        connection.settimeout(DEADLINE_S)
        yield connection


def heard(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    came = b""
    try:
        while part := connection.recv(65536):
            came += part
    except ConnectionError:
        pass  # it closed while we were still sending: what came before counts
    return came


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in _STATUS.findall(answer)]


def exchange(port: int, data: bytes) -> bytes:
    """Send ``data`` and hear everything until the other side closes."""
    with connected(port) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        return heard(connection)
