"""HTTP connections that cannot be held open, or filled, by whoever says nothing or too much.

uvicorn times the pause between two requests and nothing else: a head that never ends stays for ever, and grows. Here
every wait for the sender has an end, a head has a size, and where too many connections are open those that have waited
for their head the longest make room. And an offer to change the protocol ("Upgrade: h2c", as common HTTP clients make)
costs no body: httptools would skip it, and a callback would be stored empty. What a request means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import resource
from typing import ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES: Final = 32 * 1024
"""Of the request line and all headers. A token, cookies and what proxies add stay far below."""
FRAMING: Final = 8
"""Bytes between chunks, for each byte of the body: chunks of one byte have five."""
ENDLESS: Final = "rufaa.endless"
"""An application that sets this in its scope answers without an end: the server's stop does not wait for it."""
PATIENT: Final = "rufaa.patient"
"""An application that sets this in its scope reads a body that may take long, as long as it keeps coming."""
_FILES_FOR_OTHERS: Final = 100  # database connections, logs, modules
_BAD: Final = b"400 Bad Request"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_SLOW: Final = b"408 Request Timeout"


class HeadTooLarge(Exception):
    """The request line and the headers are longer than ``HEAD_BYTES``."""


class NoTunnel(Exception):
    """CONNECT: there is no body to read, and nobody to connect to."""


class Together(asyncio.Transport):
    """For one answer: its head waits for the first of its body, at most until the event loop's next turn, and both are
    one packet and one call of the system. What comes later goes at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._begun = False
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._begun:
            head, self._head = self._head, b""
            self._transport.write(head + data if head else data)
        else:
            self._begun, self._head = True, bytes(data)
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)


class Connection(HttpToolsProtocol):
    """One connection. The attributes of the class are its limits."""

    head_s: ClassVar[float] = 10.0
    """From the connection's start, or the first byte after a request, to the end of a head."""
    request_s: ClassVar[float] = 60.0
    """From the end of the head to the end of the body. Whoever reads the body may be less patient, or more."""
    patient_bytes_per_s: ClassVar[int] = 4096
    """A body whose application is ``PATIENT`` may take longer, if in each ``request_s`` so much of it comes."""
    most: ClassVar[int] = max(20, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_FOR_OTHERS, 4000))
    """Open connections. Beyond, the one that has waited longest for its head is closed."""

    _timer: asyncio.TimerHandle | None = None
    _head_since: float | None = None  # None: no head is being waited for
    _in_body = False
    _fed = 0  # bytes since then, as they came
    _head_bytes = 0  # bytes of the head, as parsed
    _framing = 0
    _body_bytes = 0  # that came since the timer was set
    _status = _BAD
    _deaf = False
    _declined = b""  # the head of a request, without the offer of another protocol that came with it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        self._watch()
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._head_since = None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.scope.get(ENDLESS):
            self.transport.close()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._head_since is None and not self._in_body:
            self._await_head()
        head, body = self._head_since is not None, self._in_body
        self._fed += len(data) if head else 0
        self._framing += len(data) if body else 0
        self._unset_keepalive_if_required()
        self._feed(data)
        if self.transport.is_closing():
            return
        if head and self._head_since is not None and self._fed > HEAD_BYTES:
            self._end(_TOO_LARGE)
        elif body and self._in_body and self._framing > HEAD_BYTES:
            self.transport.close()
        else:
            self._watch()

    def _feed(self, data: bytes) -> None:
        """As uvicorn's, without a line in the log for each bad request: a flood of them would fill the disk."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self._end(self._status)
            except httptools.HttpParserUpgrade as upgrade:
                if self._declined:  # again, without the offer
                    data = self._declined + data[upgrade.args[0] :]
                    self._declined = b""
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
                    self._head_bytes = 0
                    continue
                self.handle_websocket_upgrade()
            return

    def _should_upgrade(self) -> bool:
        return self.parser.get_method() == b"GET" and super()._should_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_since is None:  # the next of several that came at once
            self._await_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_since is None:
            return  # a trailer: it came past the proxies that set headers, so it must not look like one of theirs
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise NoTunnel
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._declined = self._head_without_offer()
            return
        self._stop()
        self._head_since = None
        self._in_body = True
        self._framing = 0
        self._body_bytes = 0
        before: RequestResponseCycle | None = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = Together(self.transport, self.loop)

    def on_body(self, body: bytes) -> None:
        self._framing -= (1 + FRAMING) * len(body)
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._declined:
            return
        self._stop()
        self._in_body = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop()
        self._in_body = False
        super().handle_websocket_upgrade()

    def _head_without_offer(self) -> bytes:
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])

    def _await_head(self) -> None:
        self._stop()
        self._head_since = self.loop.time()
        self._fed = self._head_bytes = 0

    def _watch(self) -> None:
        """Set the timer of what is waited for, where it runs for nothing yet: a request that came whole needs none."""
        if self._timer is not None or self._deaf:
            return
        if self._head_since is not None:
            self._timer = self.loop.call_later(self.head_s, self._too_slow)
        elif self._in_body:
            self._timer = self.loop.call_later(self.request_s, self._body_too_slow)

    def _body_too_slow(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        patient = cycle is not None and not cycle.response_complete and cycle.scope.get(PATIENT)
        if patient and self._body_bytes >= self.request_s * self.patient_bytes_per_s:
            self._timer, self._body_bytes = None, 0
            self._watch()
        else:
            self.transport.close()

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > HEAD_BYTES:
            self._status = _TOO_LARGE
            raise HeadTooLarge  # ends the parser

    def _too_slow(self) -> None:
        self._end(_SLOW)

    def _end(self, status: bytes) -> None:
        """Take nothing more from here. An earlier request that is being worked on still gets its own answer."""
        self._stop()
        cycle: RequestResponseCycle | None = self.cycle
        if self._head_since is not None and cycle is not None and not cycle.response_complete:
            self._deaf = True
            cycle.keep_alive = False
            return
        self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, Connection) and each.since is not None]
        oldest = min(waiting, key=lambda each: each.since or 0.0, default=None)
        if oldest is not None:
            oldest.transport.abort()

    @property
    def since(self) -> float | None:
        """When it began to wait for a head, in the loop's time; None while it does not."""
        return self._head_since

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
