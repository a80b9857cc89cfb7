"""LISTEN/NOTIFY for an event loop: wakes workers, and tells what was committed.

A notification is a hint; the news is in the tables. So after a lost connection everybody is told that anything may have
changed, and looks.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import structlog

from rufaa.db.atomic import CHANGED, WORK
from rufaa.reads import EVERYTHING

_log = structlog.get_logger()
_AGAIN_S: Final = 0.5
_PING_EVERY_S: Final = 10.0
_ANSWER_S: Final = 5.0
_MARK: Final = "rufaa_mark_"


class News:
    """The topics that were heard since the last ``forget``."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._stirred = asyncio.Event()

    def add(self, topics: Collection[str] | None) -> None:
        self._topics.update((EVERYTHING,) if topics is None else topics)
        self._stirred.set()

    def forget(self) -> None:
        """Before looking: what was heard so far will be seen."""
        self._topics.clear()

    async def of(self, topics: Collection[str]) -> None:
        """Returns once one of ``topics`` was heard."""
        while EVERYTHING not in self._topics and self._topics.isdisjoint(topics):
            self._stirred.clear()
            await self._stirred.wait()


class Listener:
    """One connection that listens, and those who wait for it to hear something. Run ``run()`` as a task."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._workers: set[tuple[str, asyncio.Event]] = set()
        self._hearers: list[Callable[[Collection[str] | None], None]] = []
        self.connected = asyncio.Event()
        self._mark = _MARK + secrets.token_hex(8)  # a channel of this listener alone
        self._unmarked: list[asyncio.Future[None]] = []  # whoever wants to know that all is heard
        self._marked: list[asyncio.Future[None]] = []  # the same, once the mark that tells is on its way
        self._stirred = asyncio.Event()  # the connection has ended, or a mark is wanted

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
        # a mark need not survive a crash, so its commit waits for no disk
        connection = await asyncpg.connect(
            self._url,
            timeout=_ANSWER_S,
            command_timeout=_ANSWER_S,
            server_settings={"synchronous_commit": "off"},
        )
        try:
            connection.add_termination_listener(lambda _: self._stirred.set())
            await connection.add_listener(WORK, self._heard_work)
            await connection.add_listener(CHANGED, self._heard_changed)
            await connection.add_listener(self._mark, self._heard_mark)
            self.connected.set()
            self._wake_all()  # whatever was said while nobody listened
            while not connection.is_closed():
                await self._turn(connection)
        finally:
            self._unmarked = self._marked + self._unmarked
            self._marked = []
            connection.terminate()

    async def _turn(self, connection: asyncpg.Connection) -> None:
        """Sends a mark if one is wanted and none is on its way; else waits until something is the matter."""
        if self._unmarked and not self._marked:
            self._marked, self._unmarked = self._unmarked, []
            await connection.execute("SELECT pg_notify($1, '')", self._mark)
            return
        self._stirred.clear()
        if connection.is_closed():
            return
        try:
            async with asyncio.timeout(_PING_EVERY_S):
                await self._stirred.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")  # a frozen server keeps its sockets open

    def _heard_work(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        loops = payload.split()
        for loop, event in self._workers:
            if not loops or loop in loops:
                event.set()

    def _heard_changed(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        topics = frozenset(payload.split())
        if EVERYTHING in topics:
            self._wake_all()
            return
        for heard in self._hearers:
            heard(topics)

    def _heard_mark(self, *_: Any) -> None:
        for waiter in self._marked:
            if not waiter.done():
                waiter.set_result(None)
        self._marked = []
        self._stirred.set()

    def _wake_all(self) -> None:
        for _, event in self._workers:
            event.set()
        for heard in self._hearers:
            heard(None)

    @contextmanager
    def work(self, loop: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever work may be due for ``loop``: clear it, look at the tables, wait."""
        event = asyncio.Event()
        self._workers.add((loop, event))
        try:
            yield event
        finally:
            self._workers.discard((loop, event))

    @contextmanager
    def news(self) -> Iterator[News]:
        """What is heard from now on, for one who looks, and looks again when what was read has changed."""
        news = News()
        self._hearers.append(news.add)
        try:
            yield news
        finally:
            self._hearers.remove(news.add)

    def hear(self, heard: Callable[[Collection[str] | None], None], /) -> None:
        """From now on ``heard`` gets the topics of each piece of news; None after a time in which some may be lost."""
        self._hearers.append(heard)

    async def all_heard(self) -> None:
        """Returns when the news of all that was committed before the call has been told.

        PostgreSQL delivers notifications in the order of their commits, so it is enough to hear one of our own. While
        the connection is lost this waits until it is back, and everybody was told that anything may have changed.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unmarked.append(waiter)
        self._stirred.set()
        await waiter
