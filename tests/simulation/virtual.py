"""Virtual time: an event loop whose clock jumps to whatever falls due next, so that days pass in seconds.

Nothing here waits. With nothing due and nothing ready the simulation would stand still for ever, which is an error.
"""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import Any, Final

START: Final = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""A Monday, 8 o'clock in Nairobi."""


class StandsStill(BaseException):
    """Nothing is due and nothing is ready: whoever is waited for will never come."""


class _NoSockets(selectors.SelectSelector):
    """Time passes instead of waiting for sockets, of which there are none."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StandsStill
        if timeout > 0:
            self.loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop but for its time and its sockets."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        selector = _NoSockets()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._passed_s

    def pass_time(self, seconds: float) -> None:
        self._passed_s += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed_s)

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""


NOW_IN_DATABASE: Final = """
CREATE OR REPLACE FUNCTION rufaa_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT to_timestamp(current_setting('simulation.now')::float8)
$$
"""
"""``rufaa_now()`` with the virtual time in the server's place: as there, each statement sees its own time. A function
that PostgreSQL can inline, since a query may call it for each row."""


def set_now(now: datetime) -> bytes:
    """The statement that tells a connection what time it is."""
    return f"SET simulation.now = '{now.timestamp():.6f}'".encode()
