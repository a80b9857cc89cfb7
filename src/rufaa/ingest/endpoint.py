"""``POST /<letter>/<id>-<secret>``: check the secret, read the bytes, commit them, answer 200. Nothing is acted on.

A wrong secret is 404, counted and not stored. With the right one everything is stored, whatever it says, since
Safaricom delivers once and a refusal gains nothing (daraja.md §12).

C2B's validation is the exception: it asks whether to take a payment, and a late answer, or another one than yes, turns
a patient's payment away, a push of ours among them (daraja.md §6). It is accepted as soon as its secret is right and
its body read or given up, whatever the body says and the database does; what can be kept of it is kept afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from rufaa import metrics
from rufaa.config import Network
from rufaa.daraja.c2b import validation_answer
from rufaa.db.failpoints import Step, around
from rufaa.ingest.address import PREFIX_LENGTH, PREFIXES, Kind, may_speak_for_safaricom, report_at
from rufaa.ingest.batcher import Batcher, NotStored, Report
from rufaa.source import source_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LIMIT_BYTES: Final = 64 * 1024
"""A true report has a few kB at most."""
BODY_S: Final = 10.0
VALIDATION_BODY_S: Final = 2.0
"""For the body of a validation, which comes with its head; Safaricom waits 8 s for the answer (daraja.md §6)."""
READING_BYTES: Final = 16 * 1024 * 1024
"""Of all bodies that are being read. Who sends slowly on thousands of connections fills no memory."""
_STORED: Final = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
_ACCEPTED: Final = validation_answer(None)
_log = structlog.get_logger()

Header = tuple[bytes, bytes]
_CLOSE: Final[Header] = (b"connection", b"close")
"""What was not read must not be taken for the next request."""


class _Full(Exception):
    """Too many bodies are being read."""


class Endpoint:
    """An ASGI application for the paths that begin with one of ``PREFIXES``. ``counts`` says how many ended in which
    way."""

    def __init__(
        self,
        batcher: Batcher,
        *,
        keys: Sequence[str],
        trusted_proxies: Sequence[Network],
        callback_networks: Sequence[Network] | None,
    ) -> None:
        self._batcher = batcher
        self._keys = keys
        self._proxies = trusted_proxies
        self._networks = callback_networks
        self.counts: Counter[str] = Counter()
        self._reading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        kind = PREFIXES[path[:PREFIX_LENGTH]]
        addressed = report_at(path, keys=self._keys)
        if addressed is None:
            await self._refuse(send, kind, 404, "refused", b'{"message":"There is nothing here."}')
        elif scope["method"] != "POST":
            await self._refuse(send, kind, 405, "method", b'{"message":"POST only."}', (b"allow", b"POST"))
        else:
            source = source_of(_peer(scope), _header(scope, b"x-forwarded-for"), trusted_proxies=self._proxies)
            report = partial(Report, *addressed, source, may_speak_for_safaricom(source, self._networks))
            take = self._accept if kind is Kind.C2B_VALIDATION else self._store
            await take(kind, report, receive, send)

    async def _store(self, kind: Kind, report: Callable[[bytes], Report], receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_S):
                body = await self._read(receive)
        except TimeoutError:
            await self._refuse(send, kind, 408, "slow", b'{"message":"The body took too long."}')
            return
        except _Full:
            await self._refuse(send, kind, 503, "full", b'{"message":"Try again."}', (b"retry-after", b"5"))
            return
        if body is None:
            self._count(kind, "broken-off")
            return  # the sender hung up half-way: nobody is there to answer, and half a body is no report
        if len(body) > LIMIT_BYTES:
            await self._refuse(send, kind, 413, "too-long", b'{"message":"At most 64 KiB."}')
            return
        began = time.perf_counter()
        try:
            await self._batcher.store(report(body))
        except NotStored:
            await self._refuse(send, kind, 503, "not-stored", b'{"message":"Try again."}', (b"retry-after", b"5"))
            return
        finally:
            metrics.CALLBACK_STORE.observe(time.perf_counter() - began)
        with around(Step.INGEST_ANSWER):
            self._count(kind, "stored")
            await _answer(send, 200, _STORED)

    async def _accept(self, kind: Kind, report: Callable[[bytes], Report], receive: Receive, send: Send) -> None:
        """Yes, whatever comes. A body that is not kept is counted by why."""
        lost, body = "", b""
        try:
            async with asyncio.timeout(VALIDATION_BODY_S):
                read = await self._read(receive)
        except TimeoutError:
            lost = "slow"
        except _Full:
            lost = "full"
        else:
            if read is None:
                self._count(kind, "broken-off")
                return
            lost, body = ("too-long", b"") if len(read) > LIMIT_BYTES else ("", read)
        await _answer(send, 200, _ACCEPTED, *([_CLOSE] if lost else []))
        if lost:
            self._count(kind, lost)
        else:
            ended = partial(self._kept, kind)
            self._batcher.keep(report(body), ended=ended)

    def _kept(self, kind: Kind, stored: bool) -> None:
        self._count(kind, "stored" if stored else "not-stored")

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, at most one byte more than the limit: the rest of a longer one is never held. None: it broke off.

        Raises ``_Full``.
        """
        body = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                if self._reading + len(part) > READING_BYTES:
                    raise _Full
                body += part
                self._reading += len(part)
                if len(body) > LIMIT_BYTES or not message.get("more_body", False):
                    return bytes(body[: LIMIT_BYTES + 1])
        finally:
            self._reading -= len(body)

    async def _refuse(self, send: Send, kind: Kind, status: int, why: str, body: bytes, *more: Header) -> None:
        self._count(kind, why)
        await _answer(send, status, body, *more, _CLOSE)

    def _count(self, kind: Kind, end: str) -> None:
        self.counts[end] += 1
        metrics.CALLBACKS.labels(kind, end).inc()
        count = self.counts[end]
        # 1, 2, 4, 8, …: a flood fills no disk
        if end not in {"stored", "method", "broken-off"} and count & (count - 1) == 0:
            _log.warning("callback.refused", kind=kind, why=end, count=count)


async def _answer(send: Send, status: int, body: bytes, *more: Header) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
