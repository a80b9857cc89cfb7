"""Group commit for reports: what arrives while one batch is being written becomes the next batch.

Who is to be answered after the commit waits for it in ``store``. Whoever waits longer than ``PATIENCE_S`` is told that
the server is not available; the schedules that ask then find what the lost report would have said. ``keep`` is for what
was answered already (a validation): nobody waits for it, and it never takes the room of those who do.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable
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
_WAITING: Final = 5000  # reports held in memory
_KEPT_SHARE: Final = 4  # what nobody waits for is let in while less than the fourth of the room is taken
BEHIND: Final = _WAITING // 2
"""From so many on, this process should get no more traffic."""
WAITING_BYTES: Final = 16 * 1024 * 1024
"""Of the bodies that wait: each is at most 64 KiB, and a true one under 1 kB."""
_AGAIN_S: Final = 0.2
_FAILS_FOR_S: Final = 15.0  # no longer: where nobody sends callbacks to a sick server, none would prove it well
_SILENT_S: Final = 4.0  # shorter than PATIENCE_S: who came last is stored yet, over another connection

_STORE: Final = """
WITH stored AS (
    INSERT INTO inbox (kind, subject, source, trusted, body)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bool[], $5::bytea[])
)
SELECT pg_notify($6, 'settle')
"""
"""Its own transaction: one way to the database and back for the reports, the wake-up of the workers and the commit."""


class NotStored(Exception):
    """The report is not, or not certainly, committed."""


@dataclass(frozen=True, slots=True)
class Report:
    """One POST with the right secret, as it came."""

    kind: Kind
    subject: uuid.UUID
    source: str
    trusted: bool
    body: bytes


class Batcher:
    """Stores reports. Run ``run()`` as a task."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: asyncio.Queue[tuple[Report, asyncio.Future[None]]] = asyncio.Queue(_WAITING)
        self._held = 0  # bytes of what waits, given up by its sender or not
        self._failed_at = -math.inf

    @property
    def backlog(self) -> int:
        """How many reports wait for their batch."""
        return self._waiting.qsize()

    @property
    def fails(self) -> bool:
        """Whether the last batch could not be written, and that was just now: a full disk still answers questions."""
        return time.monotonic() - self._failed_at < _FAILS_FOR_S

    async def store(self, report: Report) -> None:
        """Returns once it is committed. Raises ``NotStored`` when that takes too long; it may be stored even so."""
        stored = self._put(report, share=1)
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, _give_up, stored)
        try:
            await stored
        finally:
            patience.cancel()

    def keep(self, report: Report, *, ended: Callable[[bool], None]) -> None:
        """Store it while nobody waits, unless there is little room. ``ended`` is told, once, whether it is committed;
        it may be even though it is told that it is not."""
        try:
            stored = self._put(report, share=_KEPT_SHARE)
        except NotStored:
            ended(False)
            return
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, stored.cancel)

        def done(stored: asyncio.Future[None]) -> None:
            patience.cancel()
            ended(not stored.cancelled())

        stored.add_done_callback(done)

    def _put(self, report: Report, *, share: int) -> asyncio.Future[None]:
        """Into the next batch. Raises ``NotStored`` where ``1/share`` of the room is taken."""
        if self._held + len(report.body) > WAITING_BYTES // share or self._waiting.qsize() >= _WAITING // share:
            raise NotStored
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((report, stored))
        self._held += len(report.body)
        return stored

    async def run(self) -> None:
        """Writes until cancelled. While the database is away, it tries on with what is still waited for."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            held = sum(len(report.body) for report, _ in batch)
            while batch := [entry for entry in batch if not entry[1].done()]:
                try:
                    await self._write([report for report, _ in batch])
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

    async def _write(self, reports: list[Report]) -> None:
        async with self._pool.acquire(timeout=PATIENCE_S) as connection:
            # A silent connection is broken off by a timer: an orderly end would wait for its answers again and again
            silent = asyncio.get_running_loop().call_later(_SILENT_S, connection.terminate)
            try:
                failpoints.reach(Step.INGEST_STORE.before)
                await connection.execute(
                    _STORE,
                    [report.kind for report in reports],
                    [report.subject for report in reports],
                    [report.source for report in reports],
                    [report.trusted for report in reports],
                    [report.body for report in reports],
                    WORK,
                )
                failpoints.reach(Step.INGEST_STORE.after)
            except BaseException:
                if connection.is_closed():
                    await self._pool.expire_connections()  # the others may be as dead
                raise
            finally:
                silent.cancel()


def _give_up(stored: asyncio.Future[None]) -> None:
    if not stored.done():
        stored.set_exception(NotStored())
