"""Reading a request's body within bounds: of one body, of the time it takes, and of all bodies held at once.

The declared Content-Length is not believed; the bytes are counted. What they mean is not looked at here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from rufaa.sync.refusal import BadRequest
from rufaa.sync.runtime import Overloaded

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The client went away; nobody is there to answer."""


class Bodies:
    """The request bodies in memory: ``most_bytes`` each, ``most_held`` bytes together, ``deadline_s`` to arrive."""

    def __init__(self, *, most_bytes: int, most_held: int, deadline_s: float) -> None:
        self._most_bytes = most_bytes
        self._most_held = most_held
        self._deadline_s = deadline_s
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes counted as held now."""
        return self._held

    @asynccontextmanager
    async def read(self, receive: Receive) -> AsyncIterator[bytes]:
        """The whole body, counted as held until the end of the block.

        Raises ``BadRequest`` for one that is too large (after as much again was thrown away, so that the answer
        arrives) or too slow, ``Disconnected``, and ``Overloaded`` if too much is held already.
        """
        chunks: list[bytes] = []
        held = 0
        try:
            try:
                async with asyncio.timeout(self._deadline_s):
                    more = True
                    while more:
                        chunk, more = await _next(receive)
                        if held + len(chunk) > self._most_bytes:
                            if more:
                                await _discard(receive, most_bytes=self._most_bytes)
                            raise BadRequest("The request body is too large", close=True)
                        if self._held + len(chunk) > self._most_held:
                            raise Overloaded
                        held += len(chunk)
                        self._held += len(chunk)
                        chunks.append(chunk)
            except TimeoutError:
                raise BadRequest(
                    "The request body took too long to arrive", code="RequestTimeout", status=408, close=True
                ) from None
            yield b"".join(chunks)
        finally:
            self._held -= held


async def _next(receive: Receive) -> tuple[bytes, bool]:
    """The next piece, and whether more follow. Raises ``Disconnected``."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), bool(message.get("more_body", False))


async def _discard(receive: Receive, *, most_bytes: int) -> None:
    discarded, more = 0, True
    while more and discarded <= most_bytes:
        chunk, more = await _next(receive)
        discarded += len(chunk)
