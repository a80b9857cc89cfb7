"""Giving money back: two people agree, a worker orders it (``orders``), and M-Pesa's result says whether it went.

A refund is of money that waits in unapplied, or of what pays a fee whose referral was cancelled. From the proposal on
its amount is promised: it can be neither applied nor promised again. Locks: the fee, then the receipt, then the refund.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, sentence
from rufaa.law import Moved
from rufaa.money import Money
from rufaa.payments.machine import RECEIPT, FeeState, ReceiptEvent, ReceiptState
from rufaa.payments.operations import SamePerson
from rufaa.payments.refund_guards import (
    FREE_AGAIN,
    UNORDERED,
    check_number,
    check_once,
    check_payable,
    check_statement,
    is_overtaken,
    may_be_by_hand,
)
from rufaa.payments.refund_machine import LIVE_REFUND, REFUND, RefundEvent, RefundMethod, RefundState
from rufaa.payments.refund_refusals import (
    NoSuchReceipt,
    NoSuchRefund,
    NothingToRefund,
    RefundNeedsPhone,
    RefundNotOpen,
    RefundTooMuch,
    RefundUnderWay,
)
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "refunds.sql")
WENT_OTHERWISE: Final = "Another refund of this money, which was called failed, went after all."
_WENT_OR_GOES: Final = frozenset({RefundState.SENDING, RefundState.RESENDING, RefundState.ORDERED, RefundState.DONE})


@dataclass(frozen=True, slots=True)
class Standing:
    """A locked receipt and what became of its money so far. All in cents but ``row``."""

    row: dict[str, Any]
    pays: int  # what is applied to fees
    returned: int  # of that, what was given back
    given_back: int  # of the rest

    @property
    def waits(self) -> int:
        return int(self.row["amount_cents"]) - self.pays - self.given_back


def lock_receipt(tx: Tx, receipt: uuid.UUID) -> Standing:
    """Raises ``NoSuchReceipt``."""
    row = tx.row(_SQL["lock_receipt"], {"receipt": receipt})
    if row is None:
        raise NoSuchReceipt("There is no such receipt.")
    sums = tx.row(_SQL["standing"], {"receipt": receipt})
    assert sums is not None
    return Standing(row, pays=sums["pays"], returned=sums["returned"], given_back=sums["given_back"])


# --- two people ----------------------------------------------------------------------------------------------------


def propose(
    tx: Tx,
    receipt: uuid.UUID,
    *,
    fee: uuid.UUID | None,
    amount: Money | None,
    phone: Phone | None,
    why: str,
    by: uuid.UUID,
) -> uuid.UUID:
    """The first of two people. ``fee``: whose paid money it is; None: it waits in unapplied.

    ``amount`` None is all there is. ``phone`` is whom to pay where a reversal is not possible: a part of a receipt, a
    receipt whose number is awaited, or on demand; None takes the payer's, where it is known whole.
    """
    if not why.strip():
        raise InvalidArgument("Say why: the reason is kept for ever.", argument="reason")
    state = _lock_fee(tx, fee) if fee is not None else None
    standing = lock_receipt(tx, receipt)
    free = _free(tx, standing, fee, state)
    if tx.row(_SQL["live"], {"receipt": receipt, "fee": fee}) is not None:
        raise RefundUnderWay("This money is being given back already.")
    if free.cents == 0:
        raise NothingToRefund("There is nothing to give back: it pays a fee, or went back already.")
    wanted = amount or free
    if wanted.cents <= 0 or wanted > free or (fee is not None and wanted != free):
        raise RefundTooMuch(
            sentence("%(wanted)s cannot be given back: it is exactly %(free)s.", wanted=wanted, free=free)
            if fee is not None
            else sentence("%(wanted)s cannot be given back: it is at most %(free)s.", wanted=wanted, free=free),
            free=free.shillings,
        )
    refund = ids.new_id()
    check_once(tx, {"id": refund, "receipt_id": receipt, "fee_id": fee})
    method, to = _method(tx, standing, wanted, phone)
    if wanted != free:  # a rest that M-Pesa does not pay out is given by hand, and another person says so
        check_payable(wanted, by_reversal=method is RefundMethod.REVERSAL)
    tx.execute(
        _SQL["insert"],
        {
            "id": refund,
            "receipt": receipt,
            "fee": fee,
            "amount": wanted.cents,
            "method": method,
            "phone": to,
            "why": why.strip(),
            "by": by,
        },
    )
    return refund


def _lock_fee(tx: Tx, fee: uuid.UUID) -> FeeState:
    row = tx.row(_SQL["lock_fee"], {"fee": fee})
    if row is None:
        raise NothingToRefund("There is no such fee.")
    return FeeState(row["state"])


def _free(tx: Tx, standing: Standing, fee: uuid.UUID | None, state: FeeState | None) -> Money:
    if fee is None:
        return Money(standing.row["free_cents"])
    if state is not FeeState.PAID:
        raise NothingToRefund(sentence("The fee is %(state)s: none of its money can be given back.", state=state))
    row = tx.row(_SQL["applied_to"], {"receipt": standing.row["id"], "fee": fee})
    return Money(0 if row is None else row["amount_cents"])


def _method(tx: Tx, standing: Standing, amount: Money, phone: Phone | None) -> tuple[RefundMethod, str]:
    """A reversal is of a whole receipt and by its number (daraja.md §8); all else is paid out to a phone."""
    whole = amount.cents == standing.row["amount_cents"] and standing.row["number"] is not None
    if whole and phone is None:
        return RefundMethod.REVERSAL, ""
    if phone is None:
        known = tx.row(_SQL["payer"], {"receipt": standing.row["id"]})
        phone = Phone(known["phone"]) if known is not None else None
    if phone is None:
        raise RefundNeedsPhone(
            "This can only be paid out to a phone, and the payer's is not known. Give its number.", argument="phone"
        )
    return RefundMethod.B2C, phone


def approve(tx: Tx, refund: uuid.UUID, *, by: uuid.UUID) -> None:
    """The second of two people: a worker orders it after the commit."""
    row, _ = lock(tx, refund)
    if RefundState(row["state"]) is not RefundState.PROPOSED:
        raise RefundNotOpen(
            sentence("The refund is %(state)s already.", state=RefundState(row["state"])), status=row["state"]
        )
    if row["proposed_by"] == by:
        raise SamePerson("You proposed this. Another person has to agree.")
    check_payable(Money(row["amount_cents"]), by_reversal=row["method"] == RefundMethod.REVERSAL)
    check_once(tx, row)
    tx.execute(_SQL["approve"], {"id": refund, "by": by})
    tx.wake_workers()


def withdraw(tx: Tx, refund: uuid.UUID, *, why: str) -> None:
    """Before M-Pesa took an order of it: the money is free again."""
    row, _ = lock(tx, refund)
    if RefundState(row["state"]) not in UNORDERED:
        raise RefundNotOpen(
            sentence(
                "The refund is %(state)s: only one that M-Pesa was not asked for can be withdrawn.",
                state=RefundState(row["state"]),
            ),
            status=row["state"],
        )
    _let_go(tx, row, why=why.strip())


def conclude(tx: Tx, refund: uuid.UUID, *, went: bool, number: str | None, why: str, by: uuid.UUID) -> None:
    """What nobody could find out, as a person saw it in the M-Pesa statement: it went, or it did not.

    Not by whoever proposed it; and that it did not go only once M-Pesa is not asked any more, and a day after its last
    order. That it went can be said, too, of one that was not ordered, or that did not go: somebody gave it back in the
    M-Pesa portal. Who says so of what was only proposed agrees to it.
    """
    number = (number or "").strip().upper() or None
    row, standing = lock(tx, refund)
    state = RefundState(row["state"])
    if state is not RefundState.UNKNOWN and not (went and may_be_by_hand(row)):
        raise RefundNotOpen(
            sentence("The refund is %(state)s: what became of it is not in doubt.", state=state), status=state
        )
    if row["proposed_by"] == by:
        raise SamePerson("You proposed this. Another person has to say what became of it.")
    if not why.strip():
        raise InvalidArgument("Say where you saw it: the reason is kept for ever.", argument="reason")
    if not went and row["next_at"] is not None:
        raise RefundUnderWay(
            "M-Pesa is still being asked what became of it. Say that it did not go when that has ended."
        )
    if not went:
        if not is_spent(tx, row, standing):  # its money would be free again
            check_statement(tx, row)
        fail(tx, row, code="by-hand", message="", reason=why.strip())
        return
    check_number(tx, row, number)
    standing = make_room(tx, row, standing)
    if is_spent(tx, row, standing):
        raise RefundNotOpen("What this receipt pays was given back by another refund.", status=row["state"])
    if state is RefundState.PROPOSED:
        tx.execute(_SQL["approve"], {"id": refund, "by": by})  # and done in one transaction: no worker orders it
        row = {**row, "state": RefundState.APPROVED}
    succeed(tx, row, standing, number=number, reason=why.strip())


# --- what became of it ---------------------------------------------------------------------------------------------


def lock(tx: Tx, refund: uuid.UUID) -> tuple[dict[str, Any], Standing]:
    """The refund with its fee and receipt locked, in the order that everybody keeps. Raises ``NoSuchRefund``."""
    about = tx.row(_SQL["about"], {"id": refund})
    if about is None:
        raise NoSuchRefund("There is no such refund.")
    if about["fee_id"] is not None:
        tx.row(_SQL["lock_fee"], {"fee": about["fee_id"]})
    standing = lock_receipt(tx, about["receipt_id"])
    row = tx.row(_SQL["lock"], {"id": refund})
    assert row is not None
    return row, standing


def move(tx: Tx, row: dict[str, Any], event: RefundEvent, *, next_s: float | None = None, **values: object) -> bool:
    """One move of the law, if the state takes it. ``next_s``: seconds until it is looked at again."""
    decision = REFUND.decide(RefundState(row["state"]), event)
    if not isinstance(decision, Moved):
        return False
    tx.execute(
        _SQL["move"],
        {
            "id": row["id"],
            "state": decision.state,
            "event": event,
            "next_s": next_s,
            "code": values.get("code", row["code"]),
            "message": values.get("message", row["message"]),
            "reason": values.get("reason", ""),
        },
    )
    row["state"] = decision.state
    return True


def succeed(tx: Tx, row: dict[str, Any], standing: Standing, *, number: str | None, reason: str = "") -> bool:
    """The money went back: the refund is done, and so is what it was for. Never where ``is_spent``."""
    late = RefundState(row["state"]) in FREE_AGAIN
    if not move(tx, row, RefundEvent.SUCCEEDED, code="0", message="", reason=reason):
        return False
    tx.execute(_SQL["done"], {"id": row["id"], "number": number})
    event, state = _after(standing, row["amount_cents"], of_fee=row["fee_id"] is not None)
    tx.execute(_SQL["receipt_moved"], {"id": standing.row["id"], "state": state, "event": event})
    if row["fee_id"] is not None:
        tx.execute(_SQL["fee_refunded"], {"fee": row["fee_id"], "reason": row["why"]})
    if late and row["fee_id"] is not None:
        _stop_others(tx, row)
    tx.execute(_SQL["close_tasks"], {"receipt": standing.row["id"], "fee": row["fee_id"], "refund": row["id"]})
    if late and row["fee_id"] is None and _others(tx, row, _WENT_OR_GOES, since=row["created_at"]):
        ask_person(tx, row, kind="contradiction", why=_FOR_ONE)
    return True


_FOR_ONE: Final = (
    "M-Pesa gave this money back after it had said that it did not, and another refund of the same receipt was ordered"
    " since. If both were meant for one, more went back than was to."
)


def is_spent(tx: Tx, row: dict[str, Any], standing: Standing) -> bool:
    """Whether the money of a refund that is not done is gone for something else by now: it cannot be gone twice."""
    state = RefundState(row["state"])
    if row["fee_id"] is None:
        return state in FREE_AGAIN and standing.row["free_cents"] < row["amount_cents"]
    about = {"receipt": row["receipt_id"], "fee": row["fee_id"]}
    return state is not RefundState.DONE and tx.row(_SQL["applied_to"], about) is None


def make_room(tx: Tx, row: dict[str, Any], standing: Standing) -> Standing:
    """Money that waited went although it was called failed: others that were proposed of it since, and of which M-Pesa
    was not asked, go without. Returns how the receipt stands then."""
    if RefundState(row["state"]) not in FREE_AGAIN or row["fee_id"] is not None:
        return standing
    _stop_others(tx, row)
    return lock_receipt(tx, row["receipt_id"])


def _stop_others(tx: Tx, row: dict[str, Any]) -> None:
    """It was called failed, and proposed anew; now it went after all. What was not ordered yet is not ordered, and an
    order whose answer was lost is not given again: a person finds out whether that went, too."""
    for other in _others(tx, row, UNORDERED):
        _let_go(tx, other, why=WENT_OTHERWISE)
    for other in _others(tx, row, {RefundState.UNKNOWN}):
        ask_whether_both(tx, other)


def let_go(tx: Tx, refund: uuid.UUID) -> None:
    """What is not ordered yet is not ordered any more: another refund of its money went."""
    row, _ = lock(tx, refund)
    if RefundState(row["state"]) in UNORDERED:
        _let_go(tx, row, why=WENT_OTHERWISE)


def _let_go(tx: Tx, row: dict[str, Any], *, why: str) -> None:
    move(tx, row, RefundEvent.WITHDRAW, reason=why)
    tx.execute(_SQL["close_own"], {"refund": row["id"], "as": "withdrawn"})


def _others(
    tx: Tx, row: dict[str, Any], states: Collection[RefundState], *, since: datetime | None = None
) -> list[dict[str, Any]]:
    """Other refunds of the same money; ``since``: proposed after that, or done."""
    about = {"id": row["id"], "receipt": row["receipt_id"], "fee": row["fee_id"]}
    return tx.rows(_SQL["lock_others"], {**about, "states": sorted(states), "since": since})


def is_told(tx: Tx, row: dict[str, Any]) -> None:
    """All that M-Pesa can tell of it is told: nobody is asked any more."""
    move(tx, row, RefundEvent.SILENT, code=row["code"])
    tx.execute(_SQL["ask_no_more"], {"id": row["id"]})


NOT_TOLD: Final = (
    "M-Pesa does not tell whether this money went back. Look for it in the M-Pesa statement, and say what you found;"
    " it is not ordered again meanwhile."
)


def ask_whether_both(tx: Tx, row: dict[str, Any]) -> None:
    ask_no_more(tx, row, why=_BOTH)


def ask_no_more(tx: Tx, row: dict[str, Any], *, why: str) -> None:
    """M-Pesa does not tell: a person says what became of it."""
    tx.execute(_SQL["ask_no_more"], {"id": row["id"]})
    ask_person(tx, row, kind="refund", why=why)


_BOTH: Final = (
    "Another refund of this money, which was called failed, went after all, and nobody knows whether this one went,"
    " too. Look in the M-Pesa statement, and say what you found; it is not ordered again."
)


def _after(standing: Standing, amount: int, *, of_fee: bool) -> tuple[ReceiptEvent, ReceiptState]:
    """The receipt's move when so much of it went back."""
    state = ReceiptState(standing.row["state"])
    if of_fee:
        empty = standing.waits == 0 and standing.pays - standing.returned == amount
        event = ReceiptEvent.RETURN if empty else ReceiptEvent.PART_RETURN
    elif standing.waits > amount:
        event = ReceiptEvent.PART_GIVE_BACK
    elif standing.pays - standing.returned > 0:
        event = ReceiptEvent.GIVE_BACK_REST
    else:
        event = ReceiptEvent.GIVE_BACK
    return event, RECEIPT.transitions[state, event]


def fail(tx: Tx, row: dict[str, Any], *, code: str, message: str, reason: str = "") -> bool:
    """It certainly did not go: the money is free again, and a person decides anew, about this alone."""
    if not reject(tx, row, code=code, message=message, reason=reason):
        return False
    if is_overtaken(tx, row):
        return True  # there is another question about this money already
    why = f"M-Pesa did not give {Money(row['amount_cents'])} back ({code}). Propose it anew, or otherwise."
    ask_person(tx, row, kind="refund", why=why)
    return True


def reject(tx: Tx, row: dict[str, Any], *, code: str, message: str, reason: str) -> bool:
    """It did not go, and nobody is asked to propose it anew. What was asked about it is answered."""
    declined = RefundState(row["state"]) is RefundState.SENDING and not reason
    event = RefundEvent.DECLINED if declined else RefundEvent.REJECTED
    if not move(tx, row, event, code=code, message=message, reason=reason):
        return False
    tx.execute(_SQL["close_own"], {"refund": row["id"], "as": ""})
    return True


def ask_person(tx: Tx, row: dict[str, Any], *, kind: str, why: str) -> None:
    """A task of the payee's finance people about this refund; one open task of a kind is enough."""
    tx.execute(_SQL["open_task"], {"id": ids.new_id(), "refund": row["id"], "kind": kind, "why": why})


def is_live(state: RefundState) -> bool:
    return state in LIVE_REFUND
