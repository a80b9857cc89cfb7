"""``refunds:…``: two finance people give money back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rufaa import phone as phones
from rufaa.errors import InvalidArgument
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.money import Money, stk_amount
from rufaa.payments import finance
from rufaa.payments.refund_machine import RefundState
from rufaa.sync.values import Value

register = REGISTRY.module("refunds")


@register.query
def listUnderWay(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Refund] | list[shapes.Refund]:
    """Refunds of this person's facilities, newest first; at most 200 without ``paginationOpts``."""

    def read(after: str | None, until: str | None, limit: int) -> Sequence[dict[str, Any]]:
        return finance.under_way(caller.tx, caller.actor, after=after, until=until, limit=limit)

    def render(rows: Sequence[dict[str, Any]]) -> list[shapes.Refund]:
        return [documents.refund(row) for row in rows]

    return Listing(read, lambda row: row["id"].hex, render).answer(paginationOpts, most=finance.MOST_LISTED)


@register.mutation
def propose(
    caller: Caller,
    *,
    receiptId: str,
    reason: str,
    amount: float | None = None,
    phoneNumber: str | None = None,
    accountCode: str | None = None,
) -> shapes.RefundAnswer:
    """The first of two people. With ``accountCode`` it is what paid a cancelled referral, else money that waits."""
    refund = finance.propose_refund(
        caller.tx,
        caller.actor,
        receiptId,
        why=reason,
        amount=None if amount is None else _amount(amount),
        phone=None if phoneNumber is None else phones.parse(phoneNumber),
        account_code=accountCode,
    )
    return {"refundId": refund.hex, "status": RefundState.PROPOSED}


@register.mutation
def approve(caller: Caller, *, refundId: str) -> shapes.RefundAnswer:
    """The second of two people: the money is ordered back."""
    finance.approve_refund(caller.tx, caller.actor, refundId)
    return {"refundId": refundId, "status": RefundState.APPROVED}


@register.mutation
def withdraw(caller: Caller, *, refundId: str, reason: str) -> shapes.RefundAnswer:
    """Before M-Pesa took an order of it: the money waits again."""
    finance.withdraw_refund(caller.tx, caller.actor, refundId, why=reason)
    return {"refundId": refundId, "status": RefundState.WITHDRAWN}


@register.mutation
def conclude(
    caller: Caller, *, refundId: str, went: bool, reason: str, receiptNumber: str | None = None
) -> shapes.RefundAnswer:
    """What M-Pesa does not tell, as a person saw it in the statement: the money went back, or it did not. That it went
    can be said, too, of what was not ordered, or failed: the M-Pesa portal gave it back."""
    finance.conclude_refund(caller.tx, caller.actor, refundId, went=went, number=receiptNumber, why=reason)
    return {"refundId": refundId, "status": RefundState.DONE if went else RefundState.FAILED}


def _amount(amount: float) -> Money:
    if amount != int(amount):
        raise InvalidArgument("amount is a whole number of shillings.", argument="amount")
    return stk_amount(int(amount))
