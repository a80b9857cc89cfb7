"""What a person has to look at, and of nobody's facility: money on an account that several share which names no fee,
and reports that nobody can read. An operator, who serves all, says whose it is; from then on it is theirs as any.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.facilities import logbook
from rufaa.facilities.models import Facility
from rufaa.money import Money

_SQL: Final = sql.load(__file__, "unassigned.sql")


class NotUnassigned(RufaaError):
    """No open task that is nobody's has this id."""

    kind = Kind.NOT_FOUND
    code = "not-unassigned"


@dataclass(frozen=True, slots=True)
class Task:
    """``free``: what of the receipt waits; None where it is about none. ``inbox``: the report's number, to be read."""

    id: uuid.UUID
    opened_at: datetime
    kind: str
    why: str
    receipt_number: str | None
    free: Money | None
    inbox: int | None


def tasks(tx: Tx) -> list[Task]:
    """All, oldest first."""
    return [
        Task(
            id=row["id"],
            opened_at=row["opened_at"],
            kind=row["kind"],
            why=row["why"],
            receipt_number=row["receipt_number"],
            free=None if row["free_cents"] is None else Money(row["free_cents"]),
            inbox=row["inbox"],
        )
        for row in tx.rows(_SQL["tasks"])
    ]


def assign(tx: Tx, task: uuid.UUID, facility: Facility, *, by: str) -> None:
    """It is these finance people's from now on, with its money. Once: what is somebody's stays theirs.

    Raises ``NotUnassigned``.
    """
    if not tx.execute(_SQL["assign"], {"id": task, "facility": facility.pk}):
        raise NotUnassigned("There is no such task that is nobody's. See: rufaa task list")
    logbook.note(tx, "task.assigned", facility=facility.pk, about={"task": task.hex, "by": by})
