"""The network between a client and its servers: it can be cut, made to swallow answers, and led elsewhere."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Line:
    """Listens on a free port of 127.0.0.1; ``url`` leads to ``to``, which may be changed."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.swallows = False
        self.swallowed = 0  # bytes
        self.connections = 0  # so far
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._may_connect = threading.Event()
        self._may_connect.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="line", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._may_connect.set()
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """All connections end, as by a pulled plug."""
        for each in list(self._open):
            _close(each)

    def block(self) -> None:
        """Cut it; new connections wait until ``unblock``."""
        self._may_connect.clear()
        self.cut()

    def unblock(self) -> None:
        self._may_connect.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="led", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._may_connect.wait()
        address = urlsplit(self.to)
        self.connections += 1
        try:
            server = socket.create_connection((str(address.hostname), int(address.port or 80)))
        except OSError:
            _close(client)
            return
        self._open |= {client, server}
        there = threading.Thread(target=self._pump, args=(client, server), kwargs={"answers": False}, daemon=True)
        there.start()
        self._pump(server, client, answers=True)
        there.join()
        self._open -= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers and self.swallows:
                    self.swallowed += len(data)
                else:
                    target.sendall(data)
        _close(source)
        _close(target)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
