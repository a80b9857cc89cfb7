"""The gate: holds racing transactions at a row until all wait there, so that a race is arranged, not hoped for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from support import wait_until


@dataclass
class Racers:
    """Runs work in threads of its own, each with its own connection."""

    database: str
    pool: ThreadPoolExecutor

    def start(self, *work: Callable[[], Any]) -> list[Future[Any]]:
        return [self.pool.submit(each) for each in work]

    @contextmanager
    def gate(self, statement: str, **params: object) -> Iterator[Callable[[int], None]]:
        """Holds the rows of ``statement``; the function given returns when that many transactions wait for a lock."""
        with psycopg.connect(self.database) as holder:
            holder.execute(statement, params)
            yield lambda waiting: wait_until(
                lambda: self.waiting() >= waiting, what=f"{waiting} transactions waiting for a lock"
            )

    def start_until_it_waits(self, work: Callable[[], Any]) -> Future[Any]:
        """It has done all that it can while others hold their locks."""
        (running,) = self.start(work)
        wait_until(lambda: running.done() or self.waiting() > 0, what="a transaction waiting for a lock")
        return running

    def waiting(self) -> int:
        with psycopg.connect(self.database, autocommit=True) as look:
            row = look.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"
            ).fetchone()
        assert row is not None
        return int(row[0])


def meeting(count: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, after whose first call in each thread ``count`` threads wait for each other."""
    barrier, been = threading.Barrier(count, timeout=20), threading.local()

    def met(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not getattr(been, "there", False):
            been.there = True
            barrier.wait()
        return result

    return met
