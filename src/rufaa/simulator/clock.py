"""Two clocks: the real one, and one that stands still until it is advanced.

Whatever the simulator does later is given to ``call_at``. Under the manual clock nothing runs by itself: ``advance``
runs what falls due, one after another in the order of time (and, at one time, of asking), each to its end. Nothing here
knows what is run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from rufaa import clock
from rufaa.errors import Kind, RufaaError

Action = Callable[[], Awaitable[None]]


class ClockIsReal(RufaaError):
    """Only a manual clock can be advanced."""

    kind = Kind.CONFLICT
    code = "clock-is-real"


class Clock(Protocol):
    def now(self) -> datetime: ...

    def call_at(self, due: datetime, action: Action) -> None:
        """Run ``action`` once, at ``due`` or soon after."""

    async def sleep(self, seconds: float) -> None: ...

    async def advance(self, seconds: float) -> None:
        """Move the time and return when all that fell due has run. Raises ``ClockIsReal``."""

    async def close(self) -> None:
        """Forget what is not yet due, and stop what runs."""


class RealClock:
    def __init__(self) -> None:
        self._timers: set[asyncio.TimerHandle] = set()
        self._running: set[asyncio.Future[None]] = set()

    def now(self) -> datetime:
        return clock.now()

    def call_at(self, due: datetime, action: Action) -> None:
        def start() -> None:
            self._timers.discard(timer)
            task = asyncio.ensure_future(action())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        timer = asyncio.get_running_loop().call_later(max(0.0, (due - self.now()).total_seconds()), start)
        self._timers.add(timer)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def advance(self, seconds: float) -> None:  # noqa: ARG002 - the protocol's name
        raise ClockIsReal("The clock is the real one: start the simulator with a manual clock to advance it.")

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class ManualClock:
    def __init__(self, start: datetime) -> None:
        self._now = start
        self._due: list[tuple[datetime, int, Action]] = []
        self._order = itertools.count()
        self._advancing = asyncio.Lock()

    def now(self) -> datetime:
        return self._now

    def call_at(self, due: datetime, action: Action) -> None:
        heapq.heappush(self._due, (due, next(self._order), action))

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.Event()

        async def wake() -> None:
            awake.set()
            await asyncio.sleep(0)  # the sleeper goes first, before what falls due next

        self.call_at(self._now + timedelta(seconds=seconds), wake)
        await awake.wait()

    async def advance(self, seconds: float) -> None:
        async with self._advancing:
            until = self._now + timedelta(seconds=seconds)
            while self._due and self._due[0][0] <= until:
                due, _, action = heapq.heappop(self._due)
                self._now = max(self._now, due)
                await action()
            self._now = until

    async def close(self) -> None:
        self._due.clear()
