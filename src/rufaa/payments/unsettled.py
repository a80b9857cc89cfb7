"""All money that is not settled: what it is, whether M-Pesa can be asked about it, and making all of it due at once.

What is due is asked by the worker's rounds, and by nothing else; here only times are moved, so that one pass over
everything is what the worker would do in the course of a day.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.payments.machine import PromptState
from rufaa.payments.refund_machine import RefundState

_SQL: Final = sql.load(__file__, "unsettled.sql")


class What(StrEnum):
    PROMPT = "prompt"
    RECEIPT = "receipt"  # its number is awaited
    CLAIM = "claim"
    REFUND = "refund"
    STRAY = "stray"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is open, or was. ``account`` None: a stray, of which nobody knows whose it is."""

    what: What
    id: uuid.UUID
    account: uuid.UUID | None
    state: str
    next_at: datetime | None
    asked: int
    open: bool
    known_there: bool  # M-Pesa has an id for it, by which it can be asked
    amount_cents: int | None
    account_code: str | None
    attempt: int | None
    number: str | None

    @property
    def askable(self) -> bool:
        """Whether M-Pesa can be asked about it now."""
        if not self.open or not self.known_there:
            return False
        match self.what:
            case What.PROMPT:
                return self.state in {PromptState.PENDING, PromptState.UNKNOWN, PromptState.REVIEW}
            case What.REFUND:
                return self.state == RefundState.UNKNOWN and self.next_at is not None
            case What.CLAIM | What.STRAY:
                return True
            case What.RECEIPT:
                return False


@dataclass(frozen=True, slots=True)
class AccountNow:
    id: uuid.UUID
    books: str
    pull_at: datetime | None  # when Pull is asked next; None: not for this account


@dataclass(frozen=True, slots=True)
class Now:
    """Everything at one instant."""

    at: datetime
    accounts: Sequence[AccountNow]
    items: Sequence[Item]
    tasks: Sequence[dict[str, Any]]
    reports: int  # stored, and not settled yet

    @property
    def left_open(self) -> list[Item]:
        return [item for item in self.items if item.open]


def now(tx: Tx, *, also: Iterable[uuid.UUID] = ()) -> Now:
    """What is open, and what became of the items ``also``."""
    reports = tx.row(_SQL["reports"])
    assert reports is not None
    return Now(
        at=reports["now"],
        accounts=[AccountNow(row["id"], row["books"], row["pull_at"]) for row in tx.rows(_SQL["accounts"])],
        items=[_item(row) for row in tx.rows(_SQL["items"], {"also": list(also)})],
        tasks=tx.rows(_SQL["tasks"]),
        reports=reports["reports"],
    )


def _item(row: dict[str, Any]) -> Item:
    values = {name: row[name] for name in ("id", "state", "next_at", "asked", "open", "known_there", "amount_cents")}
    return Item(
        what=What(row["kind"]),
        account=row["account_id"],
        account_code=row["account_code"],
        attempt=row["attempt"],
        number=row["number"],
        **values,
    )


def arrived(tx: Tx, *, since: datetime) -> list[dict[str, Any]]:
    """Receipts that no prompt asked for, and that came ``since``."""
    return tx.rows(_SQL["arrived"], {"since": since})


def make_due(tx: Tx, items: Collection[Item]) -> None:
    """These are asked about at the next rounds, and so is Pull, of all accounts that are registered for it."""
    for what, statement in (
        (What.PROMPT, "prompts_due"),
        (What.CLAIM, "claims_due"),
        (What.REFUND, "refunds_due"),
        (What.STRAY, "strays_due"),
    ):
        tx.execute(_SQL[statement], {"ids": [item.id for item in items if item.what is what]})
    tx.execute(_SQL["pulls_due"])


def still_to_ask(tx: Tx, items: Collection[Item]) -> int:
    """How many of what was made due nobody has asked about yet, with accounts whose Pull is still due."""
    at = now(tx, also=[item.id for item in items])
    became = {item.id: item for item in at.items}
    left = [item for item in items if _waits(item, became[item.id], at.at)]
    pulls = tx.row(_SQL["pulls_left"])
    assert pulls is not None
    return len(left) + int(pulls["pulls"])


def _waits(before: Item, after: Item, at: datetime) -> bool:
    """A stray is asked about at one account after the other: until then it stays due."""
    if not after.askable or after.next_at is None or after.next_at > at:
        return False
    return after.what is What.STRAY or after.asked == before.asked


def unanswered(tx: Tx, *, since: datetime) -> int:
    """Questions for a status whose answers have not come."""
    row = tx.row(_SQL["unanswered"], {"since": since})
    assert row is not None
    return int(row["questions"])
