"""LISTEN/NOTIFY for an event loop: wakes workers, and whoever waits for a prompt.

A notification is a hint; the news is in the tables. So after a lost connection everybody is woken, and looks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
import structlog

from rufaa.db.atomic import CHANGED, WORK

_log = structlog.get_logger()
_AGAIN_S: Final = 0.5
_PING_EVERY_S: Final = 10.0
_ANSWER_S: Final = 5.0


class Listener:
    """One connection that listens, and those who wait for it to hear something. Run ``run()`` as a task."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._workers: set[asyncio.Event] = set()
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Listens until cancelled; connects again by itself, however long it takes."""
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001 - asyncpg has many; listening must outlive them all
                _log.warning("listen.lost", error=type(error).__name__)
            finally:
                self.connected.clear()
            await asyncio.sleep(_AGAIN_S)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=_ANSWER_S, command_timeout=_ANSWER_S)
        ended = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(WORK, self._heard_work)
            await connection.add_listener(CHANGED, self._heard_changed)
            self.connected.set()
            self._wake_all()  # whatever was said while nobody listened
            while not ended.is_set():
                try:
                    async with asyncio.timeout(_PING_EVERY_S):
                        await ended.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1")  # a frozen server keeps its sockets open
        finally:
            connection.terminate()

    def _heard_work(self, *_: Any) -> None:
        for event in self._workers:
            event.set()

    def _heard_changed(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        if payload == "*":
            self._wake_all()
            return
        for topic in payload.split():
            for event in self._waiting.get(topic, ()):
                event.set()

    def _wake_all(self) -> None:
        for event in self._workers:
            event.set()
        for events in self._waiting.values():
            for event in events:
                event.set()

    @contextmanager
    def work(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever work may be due. Each loop has its own: clear it, look at the tables, wait."""
        event = asyncio.Event()
        self._workers.add(event)
        try:
            yield event
        finally:
            self._workers.discard(event)

    @asynccontextmanager
    async def changes(self, topic: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever ``topic`` (a prompt's id) may have changed. Subscribe first, then look."""
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            yield event
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]
