"""Transactions: one way to open them, and the handle that whoever joins one takes as its first argument.

A unit of work is run by ``unit``: it commits or leaves nothing, is repeated when PostgreSQL asks for it, and gives its
connection back to the pool, so that none goes stale between units.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.db import InternalError, NotSupportedError, OperationalError, connection, transaction
from psycopg.pq import ExecStatus
from psycopg.rows import dict_row

from rufaa import trail
from rufaa.db import failpoints
from rufaa.db.aside import nobody_waits
from rufaa.db.failpoints import Step

T = TypeVar("T")

WORK: Final = "rufaa_work"
"""NOTIFY channel that wakes workers. The payload names their loops, with spaces between them; an empty one means all.
What is due stands in the tables."""
CHANGED: Final = "rufaa_changed"
"""NOTIFY channel on which triggers tell what a commit changed: topics (``rufaa.reads``) with spaces between them."""

_TABLE_CHANGED: Final = "0A000"
_REPEAT: Final = frozenset({"40001", "40P01", _TABLE_CHANGED})
"""Serialization, deadlock, and a table that changed after its statement was prepared: a rollback forgets that one."""
_SLEPT_TOO_LONG: Final = "25P03"
_ATTEMPTS: Final = 4


class GivenUp(Exception):
    """Nobody waits for this transaction any more: it was rolled back, since who wanted it was told to try again."""


class Tx:
    """An open transaction. What takes a ``Tx`` becomes part of it and never commits."""

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.cursor.row_factory = dict_row
            cursor.execute(sql, params)
            if cursor.cursor.pgresult.status != ExecStatus.TUPLES_OK:  # it told no rows
                return []
            found: list[dict[str, Any]] = cursor.fetchall()
            return found

    def tuples(self, sql: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query whose columns the caller counts."""
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def row(self, sql: str, params: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        rows = self.rows(sql, params)
        if len(rows) > 1:
            raise AssertionError(f"expected at most one row, got {len(rows)}")
        return rows[0] if rows else None

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> int:
        """How many rows it touched."""
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def seconds(self, sql: str) -> float | None:
        """The one number of a query, not below zero; None for NULL."""
        row = self.row(sql)
        value = None if row is None else next(iter(row.values()))
        return None if value is None else max(0.0, float(value))

    def wake_workers(self, *loops: str) -> None:
        """At the commit: tell every worker that something is due, for these of its loops; for all if none is named."""
        self.execute("SELECT pg_notify(%(channel)s, %(loops)s)", {"channel": WORK, "loops": " ".join(loops)})


@contextmanager
def atomic(*, actor: uuid.UUID | None = None, looks: bool = False) -> Iterator[Tx]:
    """A transaction; triggers of history and audit note ``actor`` as the one who wrote, and where it came from
    (``trail``). They are told nothing in one that only ``looks``."""
    with transaction.atomic():
        tx = Tx()
        came = trail.origin()
        if not looks and (actor is not None or came.channel is not trail.Channel.SERVER):
            told = {"actor": "" if actor is None else str(actor), "via": f"{came.channel} {came.place}"}
            tx.execute(
                "SELECT set_config('rufaa.actor', %(actor)s, true), set_config('rufaa.via', %(via)s, true)", told
            )
        yield tx
        if nobody_waits():
            raise GivenUp


def unit(
    work: Callable[[Tx], T], *, actor: uuid.UUID | None = None, step: Step | None = None, looks: bool = False
) -> T:
    """Run ``work`` in a transaction of its own and return what it returns. Its commit is ``step``, where it has a name.

    Only what PostgreSQL rolled back for certain is repeated. A connection lost during COMMIT raises: whether it
    committed is not known, and the caller finds out by reading. A process that froze inside a transaction finds its
    connection ended: psycopg calls that an internal error, and here it is what it is, an ``OperationalError``.
    """
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with atomic(actor=actor, looks=looks) as tx:
                    result = work(tx)
                    if step is not None:
                        failpoints.reach(step.before)
                if step is not None:
                    failpoints.reach(step.after)
                return result
            except (OperationalError, NotSupportedError) as error:
                if sqlstate(error) not in _REPEAT or attempt == _ATTEMPTS:
                    raise
            except InternalError as error:
                if sqlstate(error) != _SLEPT_TOO_LONG:
                    raise
                raise OperationalError(*error.args) from error.__cause__
        raise AssertionError("unreachable")
    finally:
        if not connection.in_atomic_block:
            connection.close()


def sqlstate(error: Exception) -> str | None:
    """What PostgreSQL called it; None where the error is not PostgreSQL's, which was not reached."""
    return getattr(error.__cause__, "sqlstate", None)


def look(work: Callable[[Tx], T]) -> T:
    """As ``unit``, for work that only reads: its commit is no step that anything depends on."""
    return unit(work, looks=True)
