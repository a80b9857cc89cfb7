"""Checks of an account's keys, as a facility's administrators ask for them: asked here, done by a worker, told here.

Many clicks are one check. What a check found is kept, and stands in the logbook; no key is ever part of it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities import logbook

_SQL: Final = sql.load(__file__, "key_checks.sql")

EVERY_S: Final = 60
"""A check that ended so lately, or is under way, is the one that is asked for."""
LEASE_S: Final = 60
"""For so long a worker may be at it; then another may begin it anew, which does no harm."""
LATE_S: Final = 30
"""A check that has not ended by then finds no worker, or a slow one."""


class Finding(StrEnum):
    """What Safaricom said to consumer key and secret."""

    RIGHT = "right"
    WRONG = "wrong"
    OTHER_ENVIRONMENT = "other-environment"  # the sandbox takes what was to be production's, or the other way round
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    UNREADABLE = "unreadable"  # no secret of the operator's opens them
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Check:
    """``finding`` None: it is under way. ``said``: Daraja's own words, or the network's."""

    asked_at: datetime
    ended_at: datetime | None
    finding: Finding | None
    said: str
    late: bool


@dataclass(frozen=True, slots=True)
class Due:
    id: uuid.UUID
    account: uuid.UUID


def ask(tx: Tx, account: uuid.UUID, *, facility: uuid.UUID, by: uuid.UUID) -> bool:
    """Have the account's keys checked; whether that is a new check, and not the one that somebody just asked for."""
    values = {"id": ids.new_id(), "account": account, "facility": facility, "by": by, "every_s": EVERY_S}
    asked = bool(tx.execute(_SQL["ask"], values))
    if asked:
        tx.wake_workers()
    return asked


def latest(tx: Tx, accounts: list[uuid.UUID]) -> dict[uuid.UUID, Check]:
    """The last check of each account that had one."""
    return {
        row["account_id"]: Check(
            row["asked_at"],
            row["ended_at"],
            Finding(row["finding"]) if row["finding"] else None,
            row["said"],
            row["late"],
        )
        for row in tx.rows(_SQL["latest"], {"accounts": accounts, "late_s": LATE_S})
    }


def claim(tx: Tx) -> Due | None:
    """The next check to do, under a lease."""
    row = tx.row(_SQL["claim"], {"lease_s": LEASE_S})
    return None if row is None else Due(row["id"], row["account_id"])


def next_check_s(tx: Tx) -> float | None:
    """Seconds until the next one is due; None if none is."""
    return tx.seconds(_SQL["next_due"])


def end(tx: Tx, due: Due, finding: Finding, *, said: str = "") -> None:
    """What came of it, once."""
    row = tx.row(_SQL["end"], {"id": due.id, "finding": finding, "said": said[:300]})
    if row is not None:
        about = {"account": str(due.account), "finding": finding.value}
        logbook.note(tx, "keys.checked", facility=row["facility_id"], actor=row["asked_by"], about=about)
