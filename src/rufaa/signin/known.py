"""Which API keys there are, in memory: so that wrong keys cost the database next to nothing, whoever tries how many.

A key that is known goes straight to the database, which says whether it still counts. One that is not may be new, so
all are read again, at most once a second: whoever presents wrong keys waits for that, and nobody else does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

EVERY_S: Final = 1.0
MOST_WAITING: Final = 500
"""Unknown keys being looked for at once. Beyond, who presents one is told to come again."""


class TooManyUnknown(Exception):
    """So many unknown keys are being tried that this one is not looked for now."""


class KnownKeys:
    """``read`` gives the digests of all keys. Nothing is read before a key is asked for."""

    def __init__(self, read: Callable[[], Awaitable[Collection[bytes]]], *, every_s: float = EVERY_S) -> None:
        self._read = read
        self._every_s = every_s
        self._known: Collection[bytes] = frozenset()
        self._one_at_a_time = asyncio.Lock()
        self._began = float("-inf")  # the last reading
        self._trouble: Exception | None = None  # what it ended in
        self._waiting = 0

    async def has(self, digest: bytes) -> bool:
        """Whether there is such a key. Raises ``TooManyUnknown``, and what ``read`` raises."""
        if digest in self._known:
            return True
        if self._waiting >= MOST_WAITING:
            raise TooManyUnknown
        self._waiting += 1
        try:
            await self._read_again()
        finally:
            self._waiting -= 1
        return digest in self._known

    async def _read_again(self) -> None:
        """Return after a reading that began after now; who came meanwhile shares it, and what it ended in."""
        now = asyncio.get_running_loop().time
        asked = now()
        async with self._one_at_a_time:
            if self._began < asked:
                await asyncio.sleep(max(0.0, self._began + self._every_s - now()))
                self._began, self._trouble = now(), None
                try:
                    self._known = await self._read()
                except Exception as error:
                    self._trouble = error
                    raise
            elif self._trouble is not None:
                raise self._trouble
