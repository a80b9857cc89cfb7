"""Group commit for callbacks: what arrives while one batch is being written becomes the next batch.

Nobody is answered before the commit. Whoever waits longer than ``PATIENCE_S`` is told that the server is not available;
the query schedule then finds what the lost callback would have said.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from rufaa import metrics
from rufaa.db import failpoints
from rufaa.db.atomic import WORK
from rufaa.db.failpoints import Step
from rufaa.ingest.address import Kind

_log = structlog.get_logger()

PATIENCE_S: Final = 5.0
_BATCH: Final = 1000
_WAITING: Final = 5000  # callbacks held in memory
BEHIND: Final = _WAITING // 2
"""From so many on, this process should get no more traffic."""
WAITING_BYTES: Final = 16 * 1024 * 1024
"""Of the bodies that wait: each is at most 64 KiB, and a true one under 1 kB."""
_AGAIN_S: Final = 0.2
_FAILS_FOR_S: Final = 15.0  # no longer: where nobody sends callbacks to a sick server, none would prove it well
_SILENT_S: Final = 4.0  # shorter than PATIENCE_S: who came last is stored yet, over another connection

_STORE: Final = """
INSERT INTO inbox (kind, subject, source, trusted, body)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bool[], $5::bytea[])
"""


class NotStored(Exception):
    """The callback is not, or not certainly, committed."""


@dataclass(frozen=True, slots=True)
class Report:
    """One POST with the right secret, as it came."""

    kind: Kind
    subject: uuid.UUID
    source: str
    trusted: bool
    body: bytes


class Batcher:
    """Stores callbacks. Run ``run()`` as a task."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: asyncio.Queue[tuple[Report, asyncio.Future[None]]] = asyncio.Queue(_WAITING)
        self._held = 0  # bytes of what waits, given up by its sender or not
        self._failed_at = -math.inf

    @property
    def backlog(self) -> int:
        """How many callbacks wait for their batch."""
        return self._waiting.qsize()

    @property
    def fails(self) -> bool:
        """Whether the last batch could not be written, and that was just now: a full disk still answers questions."""
        return time.monotonic() - self._failed_at < _FAILS_FOR_S

    async def store(self, callback: Report) -> None:
        """Returns once it is committed. Raises ``NotStored`` when that takes too long; it may be stored even so."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._held + len(callback.body) > WAITING_BYTES:
            raise NotStored
        try:
            self._waiting.put_nowait((callback, stored))
            self._held += len(callback.body)
            async with asyncio.timeout(PATIENCE_S):
                await stored
        except (asyncio.QueueFull, TimeoutError):
            raise NotStored from None

    async def run(self) -> None:
        """Writes until cancelled. While the database is away, it tries on with what is still waited for."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            held = sum(len(callback.body) for callback, _ in batch)
            while batch := [entry for entry in batch if not entry[1].done()]:
                try:
                    await self._write([callback for callback, _ in batch])
                except Exception as error:  # noqa: BLE001 - asyncpg has many; this task must outlive them all
                    self._failed_at = time.monotonic()
                    _log.warning("ingest.store_failed", error=type(error).__name__, waiting=len(batch))
                    await asyncio.sleep(_AGAIN_S)
                else:
                    metrics.CALLBACK_BATCH.observe(len(batch))
                    self._failed_at = -math.inf
                    for _, stored in batch:
                        if not stored.done():
                            stored.set_result(None)
            self._held -= held

    async def _write(self, callbacks: list[Report]) -> None:
        async with self._pool.acquire(timeout=PATIENCE_S) as connection:
            # A silent connection is broken off by a timer: an orderly end would wait for its answers again and again
            silent = asyncio.get_running_loop().call_later(_SILENT_S, connection.terminate)
            try:
                async with connection.transaction():
                    await connection.execute(
                        _STORE,
                        [callback.kind for callback in callbacks],
                        [callback.subject for callback in callbacks],
                        [callback.source for callback in callbacks],
                        [callback.trusted for callback in callbacks],
                        [callback.body for callback in callbacks],
                    )
                    await connection.execute("SELECT pg_notify($1, '')", WORK)
                    failpoints.reach(Step.INGEST_STORE.before)
                failpoints.reach(Step.INGEST_STORE.after)
            except BaseException:
                if connection.is_closed():
                    await self._pool.expire_connections()  # the others may be as dead
                raise
            finally:
                silent.cancel()
