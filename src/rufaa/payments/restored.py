"""After a restore: what must be true before anything is sent again, and what people have to find out.

The lost server went on after its backup. What it sent, and what was paid, is not here: a prompt that waited then is
never sent again, and no phone is asked for an old fee without a reason until a person has looked in the statement.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql as compose

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.payments.refund_machine import RefundMethod, RefundState

_SQL: Final = sql.load(__file__, "restored.sql")


@dataclass(frozen=True, slots=True)
class Restoration:
    """What the database holds is as it was at ``backup_at``. ``compared`` None: nobody has said yet what is missing."""

    backup_at: datetime
    restored_at: datetime
    compared_at: datetime | None
    compared: str | None


@dataclass(frozen=True, slots=True)
class ToFindOut:
    """What a person compares with M-Pesa's statement."""

    open_fees: int
    unclear_prompts: int
    unknown_callbacks: int  # money of prompts that were made after the backup


def make_safe(*, restoration: uuid.UUID, backup_at: datetime) -> str:
    """SQL for the transaction that restores; a plain script, since it is run by psql."""
    return (
        compose.SQL(_SQL["make_safe"])
        .format(
            wait_s=compose.Literal(UNKNOWN_WITHOUT_ID_S),
            id=compose.Literal(str(restoration)),
            backup_at=compose.Literal(backup_at.isoformat()),
        )
        .as_string(None)
    )


def note(tx: Tx, *, restoration: uuid.UUID, backup_at: datetime) -> None:
    """Remember the restore, where ``make_safe`` could not, since the backup is of before there was a table for it."""
    tx.execute(_SQL["note"], {"id": restoration, "backup_at": backup_at})


def restorations(tx: Tx) -> list[Restoration]:
    """All, oldest first."""
    return [
        Restoration(row["backup_at"], row["restored_at"], row["compared_at"], row["compared"])
        for row in tx.rows(_SQL["all"])
    ]


def not_compared(tx: Tx) -> list[Restoration]:
    """Those of which nobody has said yet what is missing, oldest first."""
    return [each for each in restorations(tx) if each.compared_at is None]


def to_find_out(tx: Tx) -> ToFindOut:
    row = tx.row(_SQL["unasked"])
    assert row is not None
    return ToFindOut(**row)


def compared(tx: Tx, what: str) -> int:
    """Somebody compared the money since with the statement, and says ``what`` was found. How many restores it ends.

    A refund that had been agreed to stays a person's, though no worker has come by yet: the lost server may have done
    otherwise. A payout is asked about by its id, and neither is ordered again.
    """
    from rufaa.payments import refunds  # noqa: PLC0415 - needs Django set up, which a restore has not

    for row in tx.rows(_SQL["agreed_to"]):
        locked, _ = refunds.lock(tx, row["id"])
        if RefundMethod(locked["method"]) is RefundMethod.B2C:
            tx.execute(_SQL["ask_by_id"], {"id": row["id"], "conversation": ids.wire(row["id"])})
        elif RefundState(locked["state"]) is RefundState.UNKNOWN:
            refunds.ask_no_more(tx, locked, why=refunds.NOT_TOLD)
    return tx.execute(_SQL["compared"], {"what": what.strip()})
