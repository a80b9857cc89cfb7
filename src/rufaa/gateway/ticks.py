"""Live pages: ``/live?ticket=…`` streams one event whenever something changed that the page was made from.

Server-sent events from the event loop: an open page costs no thread and no database connection. Who hears too slowly
loses nothing, since a tick has no content and two are as good as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from rufaa import tickets
from rufaa.gateway.connections import ENDLESS
from rufaa.sync.live import Changes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH: Final = "/live"
ALIVE_S: Final = 20.0
"""A comment is sent so often, so that whoever went away is noticed and no proxy hangs up."""
GATHER_S: Final = 0.05
"""News that come together are one tick."""
MOST: Final = 2000
_HELLO: Final = b"retry: 3000\nevent: hello\ndata:\n\n"
_TICK: Final = b"event: tick\ndata:\n\n"
_ALIVE: Final = b":\n\n"


class Ticks:
    """An ASGI application for ``PATH``. ``changes`` is told what every process commits."""

    def __init__(self, changes: Changes, *, keys: Sequence[str]) -> None:
        self._keys = keys
        self._pages: dict[bytes, set[asyncio.Event]] = {}
        self._open = 0
        changes.hear(self._heard)

    @property
    def open(self) -> int:
        """Pages that listen now."""
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await _answer(send, 405, b"Use GET.\n", (b"allow", b"GET"))
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [])
        words = tickets.read(self._keys, given[0]) if len(given) == 1 and given[0].isascii() else None
        if words is None:
            await _answer(send, 403, b"A page of this server has the ticket that is needed here. Load it again.\n")
        elif self._open >= MOST:
            await _answer(send, 503, b"Too many pages listen. Try again shortly.\n", (b"retry-after", b"30"))
        else:
            await self._stream(words, scope, receive, send)

    async def _stream(self, words: Collection[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        scope[ENDLESS] = True
        stirred = asyncio.Event()
        for each in words:
            self._pages.setdefault(each, set()).add(stirred)
        self._open += 1
        gone = asyncio.create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
            await _part(send, _HELLO)
            while not gone.done():
                await _part(send, await _next(stirred, gone))
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            self._open -= 1
            for each in words:
                self._pages[each].discard(stirred)
                if not self._pages[each]:
                    del self._pages[each]

    def _heard(self, topics: Collection[str] | None) -> None:
        if topics is None:
            stirred = set().union(*self._pages.values())
        else:
            heard = {tickets.EVERY_WORD, *map(tickets.word, topics)}
            stirred = set().union(*(self._pages.get(each, ()) for each in heard))
        for page in stirred:
            page.set()


async def _next(stirred: asyncio.Event, gone: asyncio.Task[None]) -> bytes:
    """What to send next: a tick, or a sign of life."""
    waits = asyncio.create_task(stirred.wait())
    done, _ = await asyncio.wait({waits, gone}, timeout=ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
    if waits not in done:
        waits.cancel()
        return _ALIVE
    await asyncio.sleep(GATHER_S)
    stirred.clear()
    return _TICK


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_EVENT_STREAM: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def _part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    fixed = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *more]})
    await send({"type": "http.response.body", "body": body})
