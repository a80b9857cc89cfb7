"""``POST /h/<id>-<secret>``: check the secret, read the bytes, commit them, answer 200. Nothing is acted on here.

A wrong secret is 404, counted and not stored. With the right one everything is stored, whatever it says, since
Safaricom delivers once and a refusal gains nothing (daraja.md §12).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import structlog

from rufaa import metrics
from rufaa.config import Network
from rufaa.db.failpoints import Step, around
from rufaa.ingest.address import may_speak_for_safaricom, report_at, source_of
from rufaa.ingest.batcher import Batcher, NotStored, Report

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LIMIT_BYTES: Final = 64 * 1024
"""A true callback has under 1 kB."""
BODY_S: Final = 10.0
READING_BYTES: Final = 16 * 1024 * 1024
"""Of all bodies that are being read. Who sends slowly on thousands of connections fills no memory."""
_ACCEPTED: Final = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
_log = structlog.get_logger()


class _Full(Exception):
    """Too many bodies are being read."""


class Endpoint:
    """An ASGI application for the callback paths. ``counts`` says how many ended in which way."""

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
        addressed = report_at(scope["path"], keys=self._keys)
        if addressed is None:
            await self._answer(send, 404, "refused", b'{"message":"There is nothing here."}')
            return
        if scope["method"] != "POST":
            await self._answer(send, 405, "method", b'{"message":"POST only."}', (b"allow", b"POST"))
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await self._read(receive)
        except TimeoutError:
            await self._answer(send, 408, "slow", b'{"message":"The body took too long."}')
            return
        except _Full:
            await self._answer(send, 503, "full", b'{"message":"Try again."}', (b"retry-after", b"5"))
            return
        if body is None:
            metrics.CALLBACKS.labels(end="broken-off").inc()
            return  # the sender hung up half-way: nobody is there to answer, and half a body is no report
        if len(body) > LIMIT_BYTES:
            await self._answer(send, 413, "too-long", b'{"message":"At most 64 KiB."}')
            return
        source = source_of(_peer(scope), _header(scope, b"x-forwarded-for"), trusted_proxies=self._proxies)
        trusted = may_speak_for_safaricom(source, self._networks)
        try:
            with metrics.CALLBACK_STORE.time():
                await self._batcher.store(Report(*addressed, source, trusted, body))
        except NotStored:
            await self._answer(send, 503, "not-stored", b'{"message":"Try again."}', (b"retry-after", b"5"))
            return
        with around(Step.INGEST_ANSWER):
            await self._answer(send, 200, "stored", _ACCEPTED)

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

    async def _answer(self, send: Send, status: int, what: str, body: bytes, *more: tuple[bytes, bytes]) -> None:
        self.counts[what] += 1
        metrics.CALLBACKS.labels(end=what).inc()
        count = self.counts[what]
        if what not in {"stored", "method"} and count & (count - 1) == 0:  # 1, 2, 4, 8, …: a flood fills no disk
            _log.warning("callback.refused", why=what, count=count)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
        if status >= 400:
            headers.append((b"connection", b"close"))  # what was not read must not be taken for the next request
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
