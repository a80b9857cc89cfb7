"""A proxy between a role and PostgreSQL that cuts one connection at the COMMIT of one transaction.

It reads as much of the frontend/backend protocol as that takes: simple queries, and Parse, Bind, Execute and Sync. A
transaction is known by a piece of its SQL. Where no BEGIN was said, the Sync behind what is executed commits it.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102


class Cut(Enum):
    BEFORE_COMMIT = "before"  # PostgreSQL never hears it, and rolls back
    AFTER_COMMIT = "after"  # PostgreSQL has committed and said so, to nobody
    FROM_THEN_ON = "silent"  # as AFTER_COMMIT, but the connection stays open and says nothing any more


@dataclass
class _Trap:
    marker: str
    cut: Cut
    times: int
    sprung: list[str] = field(default_factory=list)  # what PostgreSQL answered, by message type
    done: threading.Event = field(default_factory=threading.Event)


class CuttingProxy:
    """Listens on a free port of 127.0.0.1; ``url`` leads through it to the server of ``database``."""

    def __init__(self, database: str) -> None:
        given = conninfo_to_dict(database)
        self._host, self._port = str(given["host"]), int(given["port"] or 5432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        name, user = str(given["dbname"]), str(given["user"])
        self.url = f"postgresql://{user}@127.0.0.1:{self._listening.getsockname()[1]}/{name}?" + urlencode(
            {"sslmode": "disable"}
        )
        self._trap: _Trap | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.commits = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        for each in list(self._open):
            _close(each)

    def cut(self, marker: str, when: Cut, *, times: int = 1) -> _Trap:
        """Set the trap for the next ``times`` commits of a transaction that has ``marker`` in its SQL."""
        with self._lock:
            self._trap = _Trap(marker, when, times)
            return self._trap

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        self._open |= {client, server}
        try:
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
            _Connection(self, client, server).run()
        except OSError:
            pass
        finally:
            self._open -= {client, server}
            _close(client)
            _close(server)

    def springs(self, sql: str) -> _Trap | None:
        """The trap, if a transaction of ``sql`` walks into it."""
        with self._lock:
            self.commits += 1
            trap = self._trap
            if trap is None or trap.times == 0 or trap.marker not in sql:
                return None
            trap.times -= 1
            return trap


class _Connection:
    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._statements: dict[bytes, str] = {}
        self._bound: dict[bytes, str] = {}
        self._sql = ""  # since the last transaction's end
        self._begun = False
        self._swallow: _Trap | None = None

    def run(self) -> None:
        while True:  # the start-up message has no type; before it come questions about encryption
            (length,) = struct.unpack("!I", _exactly(self._client, 4))
            body = _exactly(self._client, length - 4)
            (code,) = struct.unpack("!I", body[:4])
            if code not in {_SSL, _GSS}:
                break
            self._client.sendall(b"N")
        self._server.sendall(struct.pack("!I", length) + body)
        if code == _CANCEL:
            return
        answers = threading.Thread(target=self._hand_back, name="answers", daemon=True)
        answers.start()
        while True:
            kind = _exactly(self._client, 1)
            (length,) = struct.unpack("!I", _exactly(self._client, 4))
            body = _exactly(self._client, length - 4)
            trap = self._read(kind, body)
            if trap is not None and trap.cut is Cut.BEFORE_COMMIT:
                _close(self._client)
                _close(self._server)
                trap.done.set()
                return
            if trap is not None:
                self._swallow = trap
            self._server.sendall(kind + struct.pack("!I", length) + body)

    def _read(self, kind: bytes, body: bytes) -> _Trap | None:
        executed = ""
        if kind == b"Q":
            executed = _text(body)
        elif kind == b"P":
            name, sql, _ = body.split(b"\0", 2)
            self._statements[name] = sql.decode()
        elif kind == b"B":
            portal, statement, _ = body.split(b"\0", 2)
            self._bound[portal] = self._statements.get(statement, "")
        elif kind == b"E":
            executed = self._bound.get(body.split(b"\0", 1)[0], "")
        elif kind == b"S" and self._sql and not self._begun:
            return self._ends()
        word = executed.strip().rstrip(";").upper()
        if word == "COMMIT":
            return self._ends()
        self._begun = (self._begun or word.startswith("BEGIN")) and word != "ROLLBACK"
        self._sql = "" if word == "ROLLBACK" else f"{self._sql}\n{executed}" if executed else self._sql
        return None

    def _ends(self) -> _Trap | None:
        sql, self._sql, self._begun = self._sql, "", False
        return self._proxy.springs(sql)

    def _hand_back(self) -> None:
        try:
            while True:
                data = self._server.recv(65536)
                trap = self._swallow
                if trap is not None:
                    self._keep_to_ourselves(trap, data)
                    return
                if not data:
                    break
                self._client.sendall(data)
        except OSError:
            pass
        _close(self._client)

    def _keep_to_ourselves(self, trap: _Trap, data: bytes) -> None:
        """The answers up to ReadyForQuery, which says that the COMMIT is over, and then the cut."""
        while True:
            while len(data) >= 5:
                (length,) = struct.unpack("!I", data[1:5])
                if len(data) < 1 + length:
                    break
                kind, body, data = data[:1], data[5 : 1 + length], data[1 + length :]
                trap.sprung.append(f"{kind.decode()}:{_text(body)}" if kind == b"C" else kind.decode())
                if kind == b"Z":
                    if trap.cut is Cut.AFTER_COMMIT:
                        _close(self._client)
                        _close(self._server)
                    trap.done.set()
                    return
            more = self._server.recv(65536)
            if not more:
                _close(self._client)
                return
            data += more


def _text(body: bytes) -> str:
    return body.rstrip(b"\0").decode(errors="replace")


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
