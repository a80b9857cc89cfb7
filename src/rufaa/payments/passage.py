"""Where a fee's money went, move by move, as the history has it: for people who want to know where it is.

Only what concerns the money: no name, no reason that somebody wrote, nothing of what the fee is for. Whoever asks has
passed the gate of what the fee belongs to.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money

_SQL: Final = sql.load(__file__, "passage.sql")
MOST: Final = 100
"""The newest moves that are told."""


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a fee, or of a prompt, receipt or refund of it."""

    at: datetime
    machine: str
    event: str
    actor: uuid.UUID | None  # None: settlement, or a worker
    phone: str  # whole, of a prompt or a payout; empty where there is none
    code: str  # the last answer about the prompt
    number: str  # M-Pesa's, of a receipt or of the giving back; empty where it is not known
    amount: Money | None


@dataclass(frozen=True, slots=True)
class Paid:
    """So much of one receipt pays the fee."""

    number: str | None  # None: M-Pesa has not told it yet
    paid_at: datetime  # as M-Pesa says, else when it was applied
    amount: Money


def moves(tx: Tx, fee: uuid.UUID) -> list[Move]:
    """The newest ``MOST``, oldest first."""
    reads.note(reads.topic("fee", fee))
    return [
        Move(
            at=row["at"],
            machine=row["machine"],
            event=row["event"],
            actor=row["actor"],
            phone=row["phone"],
            code=row["code"],
            number=row["number"],
            amount=None if row["amount_cents"] is None else Money(row["amount_cents"]),
        )
        for row in reversed(tx.rows(_SQL["moves"], {"fee": fee, "most": MOST}))
    ]


def waiting(tx: Tx, fee: uuid.UUID) -> Money | None:
    """What came for the fee, by its code or by a prompt, and neither pays anything nor went back; None: nothing."""
    reads.note(reads.topic("fee", fee))
    row = tx.row(_SQL["waiting"], {"fee": fee})
    return Money(row["cents"]) if row is not None and row["cents"] else None


def payee(tx: Tx, fee: uuid.UUID) -> str:
    """The facility whose money the fee is."""
    row = tx.row(_SQL["payee"], {"fee": fee})
    assert row is not None  # fees are kept
    return str(row["name"])


def paid_by(tx: Tx, fee: uuid.UUID) -> list[Paid]:
    """What pays the fee, in the order in which it was applied."""
    reads.note(reads.topic("fee", fee))
    return [
        Paid(row["number"], row["paid_at"], Money(row["amount_cents"]))
        for row in tx.rows(_SQL["paid_by"], {"fee": fee})
    ]
