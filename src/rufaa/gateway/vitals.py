"""How the database is, and what stands in it that somebody should know: read seldom, with a deadline, for all who ask.

Never: who may see it, and what follows from it. Those are the monitor's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import asyncpg
import structlog

from rufaa import metrics
from rufaa.db import level, sql
from rufaa.metrics import Sample

T = TypeVar("T")

_SQL: Final = sql.load(__file__, "vitals.sql")
_log = structlog.get_logger()

DEADLINE_S: Final = 2.0
STATE_KEPT_S: Final = 0.5
"""Health is asked for by anybody: a flood of questions must not become a flood of queries."""
FIGURES_KEPT_S: Final = 5.0


class Kept(Generic[T]):
    """What ``read`` answers, kept for a time, a failure that it answers too. Who comes meanwhile shares it."""

    def __init__(self, read: Callable[[], Awaitable[T]], *, for_s: float) -> None:
        self._read = read
        self._for_s = for_s
        self._held: tuple[float, T] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def get(self) -> T:
        async with self._one_at_a_time:
            if self._held is None or time.monotonic() - self._held[0] >= self._for_s:
                began = time.monotonic()
                self._held = (began, await self._read())
            return self._held[1]


@dataclass(frozen=True, slots=True)
class State:
    """``trouble`` is empty where the database answered; the rest is known only then."""

    trouble: str
    round_trip_s: float = 0.0
    writable: bool = False
    missing: int = 0  # migrations of this version that the database has not seen


class Vitals:
    """Over two connections of its own, so that it neither waits for callbacks nor holds them up."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._pool: asyncpg.Pool | None = None
        self._ours = level.known()
        self._state = Kept(self._read_state, for_s=STATE_KEPT_S)
        self._figures = Kept(self._read_figures, for_s=FIGURES_KEPT_S)

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=2,
            timeout=DEADLINE_S,
            command_timeout=DEADLINE_S,
            server_settings={"application_name": "rufaa vitals"},
        )

    async def aclose(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    async def state(self) -> State:
        """At most 0.5 s old."""
        return await self._state.get()

    async def figures(self) -> Sequence[Sample]:
        """The gauges of the database, at most 5 s old. Where it does not answer: only that it does not."""
        return await self._figures.get()

    async def _read_state(self) -> State:
        assert self._pool is not None
        try:
            async with asyncio.timeout(DEADLINE_S), self._pool.acquire() as connection:
                began = time.monotonic()
                await connection.fetchval("SELECT 1")
                round_trip_s = time.monotonic() - began
                row = await connection.fetchrow(_SQL["state"])
                applied = await connection.fetch(_SQL["applied"]) if row["has_migrations"] else []
        except Exception as error:  # noqa: BLE001 - asyncpg has many, and who asks must be answered
            return State(f"{type(error).__name__}")
        missing = self._ours - {(each["app"], each["name"]) for each in applied}
        return State("", round_trip_s, row["writable"], len(missing))

    async def _read_figures(self) -> Sequence[Sample]:
        assert self._pool is not None
        try:
            async with asyncio.timeout(DEADLINE_S), self._pool.acquire() as connection:
                began = time.monotonic()
                await connection.fetchval("SELECT 1")
                found: list[Sample] = [("rufaa_database_round_trip_seconds", {}, time.monotonic() - began)]
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    found += await _figures(connection)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("metrics.database_not_read", error=type(error).__name__)
            return [("rufaa_database_up", {}, 0.0)]
        return [("rufaa_database_up", {}, 1.0), *found]


async def _figures(connection: asyncpg.Connection) -> Sequence[Sample]:
    most = metrics.MOST_COUNTED
    inbox = await connection.fetchrow(_SQL["inbox"], most)
    live = {row["state"]: row["number"] for row in await connection.fetch(_SQL["live"], most)}
    live["review"] = await connection.fetchval(_SQL["review"], most)
    due = {row["work"]: row for row in await connection.fetch(_SQL["due"], most)}
    unapplied = await connection.fetchrow(_SQL["unapplied"], most)
    tasks = {row["kind"]: row for row in await connection.fetch(_SQL["tasks"], most)}
    found: list[Sample] = [
        ("rufaa_inbox_unsettled", {}, inbox["number"]),
        ("rufaa_inbox_oldest_age_seconds", {}, inbox["age_s"]),
        ("rufaa_account_held", {}, await connection.fetchval(_SQL["held"])),
        ("rufaa_receipts_unapplied", {}, unapplied["number"]),
        ("rufaa_receipts_unapplied_cents", {}, unapplied["cents"]),
        ("rufaa_receipts_unapplied_age_seconds", {}, unapplied["age_s"]),
    ]
    for state in metrics.DESCRIBED["rufaa_prompts"].labels["state"]:
        found.append(("rufaa_prompts", {"state": state}, live.get(state, 0.0)))
    for work in metrics.DESCRIBED["rufaa_prompts_due"].labels["work"]:
        row = due.get(work)
        found.append(("rufaa_prompts_due", {"work": work}, row["number"] if row else 0.0))
        found.append(("rufaa_prompts_due_age_seconds", {"work": work}, row["age_s"] if row else 0.0))
    for kind in metrics.TASK_KINDS:
        row = tasks.get(kind)
        found.append(("rufaa_tasks_open", {"kind": kind}, row["number"] if row else 0.0))
        found.append(("rufaa_tasks_oldest_age_seconds", {"kind": kind}, row["age_s"] if row else 0.0))
    return found
