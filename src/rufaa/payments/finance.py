"""What the payee's finance people see and do: their tasks, the money that waits, and giving back. One gate for all.

A receipt is theirs whose payee they work for (``receipt_payee`` in SQL); a fee is theirs that is owed to them. What is
not theirs is not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rufaa import reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Side
from rufaa.ids import from_wire
from rufaa.money import Money
from rufaa.payments import refunds, unapplied
from rufaa.payments.operations import FeeNotOpen
from rufaa.payments.refund_refusals import NoSuchReceipt, NoSuchRefund
from rufaa.payments.settle import HandOn
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "finance.sql")
MOST_LISTED: Final = 200
COUNTED_TO: Final = 1000


def _facilities(actor: Actor, right: Right) -> list[uuid.UUID]:
    """Raises ``Forbidden`` for who has the right nowhere."""
    mine = actor.facilities_with(right, Side.PAYEE)
    reads.note(reads.NOTHING)  # besides the person's memberships
    if not mine:
        raise Forbidden("Only finance people of the facility that is paid may do this.", right=right)
    return mine


def tasks(
    tx: Tx,
    actor: Actor,
    *,
    kind: str | None = None,
    fee: uuid.UUID | None = None,
    after: str | None = None,
    until: str | None = None,
    limit: int = MOST_LISTED,
) -> list[dict[str, Any]]:
    """The first ``limit`` open tasks of this person's facilities, oldest first: all, of a kind, or about a fee.

    Of a page they are those after the task with the id ``after``, up to and with ``until``; both may be closed by now.
    Proposed is a fee while it is open: what is paid or cancelled takes no money.
    """
    rows = _listed(
        tx,
        "tasks",
        _facilities(actor, Right.UNAPPLIED),
        kind=kind,
        fee=fee,
        limit=limit,
        **_range(after, until),
    )
    _note_proposed(rows)
    reads.note(*(reads.topic("fee", row["fee_id"]) for row in rows if row["prompt_id"] is not None))
    return rows


def count_tasks(tx: Tx, actor: Actor) -> dict[str, int]:
    """How many tasks of each kind are open in this person's facilities; of all together, up to ``COUNTED_TO``."""
    rows = _listed(tx, "count_tasks", _facilities(actor, Right.UNAPPLIED), limit=COUNTED_TO)
    return {row["kind"]: row["count"] for row in rows}


def waiting(
    tx: Tx, actor: Actor, *, after: str | None = None, until: str | None = None, limit: int = MOST_LISTED
) -> list[dict[str, Any]]:
    """The first ``limit`` receipts of which something waits, oldest first, with what was proposed for them, as above.

    Of a page they are those after the receipt with the id ``after``, up to and with ``until``; neither need wait still.
    """
    rows = _listed(tx, "waiting", _facilities(actor, Right.UNAPPLIED), limit=limit, **_range(after, until))
    _note_proposed(rows)
    reads.note(*(reads.topic("account", row["account_id"]) for row in rows))
    return rows


def under_way(
    tx: Tx, actor: Actor, *, after: str | None = None, until: str | None = None, limit: int = MOST_LISTED
) -> list[dict[str, Any]]:
    """The first ``limit`` refunds of this person's facilities, newest first; of a page as ``waiting``."""
    return _listed(tx, "refunds", _facilities(actor, Right.REFUND), limit=limit, **_range(after, until))


def _listed(
    tx: Tx, name: str, facilities: Sequence[uuid.UUID], *, limit: int, **wanted: object
) -> list[dict[str, Any]]:
    """Tasks tell of receipts, and receipts of their tasks; who is the payee of money without a fee, prices say."""
    reads.note("prices")
    for facility in facilities:
        reads.note(reads.topic("tasks", facility), reads.topic("money", facility))
    return tx.rows(_SQL[name], {"facilities": facilities, "limit": limit, **wanted})


def _note_proposed(rows: Sequence[Mapping[str, Any]]) -> None:
    """Whether what was proposed is still open is told with the fee."""
    reads.note(*(reads.topic("fee", row["proposed_fee_id"]) for row in rows if row["proposed_fee_id"] is not None))


def _range(after: str | None, until: str | None) -> dict[str, uuid.UUID | None]:
    return {
        "after": None if after is None else from_wire(after),
        "until": None if until is None else from_wire(until),
    }


def apply(tx: Tx, actor: Actor, receipts: Sequence[str], *, account_code: str, hand_on: HandOn) -> Money:
    """Receipts pay the fee of this account code, which is owed to the same people. Returns what is left of them."""
    mine = _facilities(actor, Right.UNAPPLIED)
    wanted = [_receipt(tx, mine, each) for each in receipts]
    fee = tx.row(_SQL["fee"], {"code": account_code.strip().upper(), "facilities": mine})
    if fee is None:
        raise FeeNotOpen("There is no fee with this account code here.")
    return unapplied.apply(tx, fee["id"], wanted, by=actor.user, hand_on=hand_on)


def propose_refund(
    tx: Tx,
    actor: Actor,
    receipt: str,
    *,
    why: str,
    amount: Money | None = None,
    phone: Phone | None = None,
    account_code: str | None = None,
) -> uuid.UUID:
    """The first of two people. ``account_code``: of the paid fee whose money it is; None: it waits in unapplied."""
    mine = _facilities(actor, Right.REFUND)
    wanted = _receipt(tx, mine, receipt)
    fee = None
    if account_code is not None:
        row = tx.row(_SQL["fee"], {"code": account_code.strip().upper(), "facilities": mine})
        if row is None:
            raise FeeNotOpen("There is no fee with this account code here.")
        if not row["cancelled"]:
            raise FeeNotOpen("The referral of this fee goes on. Cancel it first; then its money can be given back.")
        fee = row["id"]
    return refunds.propose(tx, wanted, fee=fee, amount=amount, phone=phone, why=why, by=actor.user)


def approve_refund(tx: Tx, actor: Actor, refund: str) -> None:
    """The second of two people: it is ordered."""
    refunds.approve(tx, _refund(tx, actor, refund), by=actor.user)


def withdraw_refund(tx: Tx, actor: Actor, refund: str, *, why: str) -> None:
    refunds.withdraw(tx, _refund(tx, actor, refund), why=why)


def conclude_refund(tx: Tx, actor: Actor, refund: str, *, went: bool, number: str | None, why: str) -> None:
    """What M-Pesa did not tell, as a person saw it in the statement."""
    refunds.conclude(tx, _refund(tx, actor, refund), went=went, number=number, why=why, by=actor.user)


def close_task(tx: Tx, actor: Actor, task: str, *, outcome: str) -> bool:
    """A contradiction, a stray, a claim, a fee that nothing was given for, a refund that did not go, or a prompt that
    is not asked about any more, once a person looked into it. Money that waits closes its task by itself."""
    mine = _facilities(actor, Right.UNAPPLIED)
    identifier = from_wire(task)
    values = {"id": identifier, "facilities": mine, "by": actor.user, "as": outcome.strip()}
    return bool(identifier and tx.execute(_SQL["close_task"], values))


def _receipt(tx: Tx, mine: Sequence[uuid.UUID], text: str) -> uuid.UUID:
    identifier = from_wire(text)
    row = tx.row(_SQL["receipt"], {"id": identifier, "facilities": mine}) if identifier else None
    if row is None:
        raise NoSuchReceipt("There is no such receipt.")
    return uuid.UUID(str(row["id"]))


def _refund(tx: Tx, actor: Actor, text: str) -> uuid.UUID:
    identifier = from_wire(text)
    values = {"id": identifier, "facilities": _facilities(actor, Right.REFUND)}
    row = tx.row(_SQL["refund"], values) if identifier else None
    if row is None:
        raise NoSuchRefund("There is no such refund.")
    return uuid.UUID(str(row["id"]))
