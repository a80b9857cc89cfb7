"""Blocking database work beside an event loop: a bounded set of threads, and a deadline on each piece of work.

A frozen PostgreSQL keeps its sockets open, so only a clock on our side ends the wait. Work that misses its deadline is
not begun any more, or its transaction is rolled back before its COMMIT (``atomic`` asks ``nobody_waits``). If it is in
its COMMIT, whether that took effect is unknown, and the caller must not repeat it blindly.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from rufaa.errors import Kind, RufaaError

T = TypeVar("T")

DEADLINE_S: Final = 20.0


class DatabaseSilent(RufaaError):
    """The database did not answer in time."""

    kind = Kind.UNAVAILABLE
    code = "database-silent"


class NeverBegun(DatabaseSilent):
    """The database kept all threads waiting, so that the work was never begun."""


_thread = threading.local()


def nobody_waits() -> bool:
    """In a thread of ``Aside``: whether the one who wanted this work was told that it took too long."""
    given_up: threading.Event | None = getattr(_thread, "given_up", None)
    return given_up is not None and given_up.is_set()


class Aside:
    """Threads for blocking work. ``waiting`` is how many pieces are begun or queued."""

    def __init__(self, *, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.waiting = 0

    async def run(self, work: Callable[[], T], *, deadline_s: float = DEADLINE_S) -> T:
        """What ``work`` returns or raises; ``DatabaseSilent`` after ``deadline_s`` seconds.

        ``work`` runs in a copy of the caller's context.
        """
        self.waiting += 1
        given_up = threading.Event()

        def begin() -> T:
            _thread.given_up = given_up
            return work()

        begun = self._pool.submit(contextvars.copy_context().run, begin)
        future = asyncio.wrap_future(begun)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done() and not future.cancelled():
                return future.result()  # it was the work itself that raised TimeoutError, or it just made it
            given_up.set()
            silent = NeverBegun if begun.cancel() else DatabaseSilent
            raise silent("The database did not answer in time. Try again shortly.") from None

    def _done(self, future: asyncio.Future[T]) -> None:
        self.waiting -= 1
        if not future.cancelled():
            future.exception()  # retrieved: the one who waited may be gone

    def close(self) -> None:
        """Waits for nothing: what is queued is dropped, what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
