"""``receipts:…``: money that waits for a person, and codes that people type in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.payments import finance
from rufaa.referrals import operations
from rufaa.referrals.operations import fees_paid
from rufaa.sync.values import Value

register = REGISTRY.module("receipts")


@register.query
def listUnapplied(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.UnappliedReceipt] | list[shapes.UnappliedReceipt]:
    """Receipts of which something waits, oldest first, with the account code that is proposed; at most 200 without
    ``paginationOpts``. For finance people."""

    def read(after: str | None, until: str | None, limit: int) -> Sequence[dict[str, Any]]:
        return finance.waiting(caller.tx, caller.actor, after=after, until=until, limit=limit)

    def render(rows: Sequence[dict[str, Any]]) -> list[shapes.UnappliedReceipt]:
        return [documents.unapplied(row) for row in rows]

    return Listing(read, lambda row: row["id"].hex, render).answer(paginationOpts, most=finance.MOST_LISTED)


@register.mutation
def apply(caller: Caller, *, receiptIds: list[str], accountCode: str) -> shapes.Applied:
    """These receipts, in this order, pay the fee of this account code; what is left of them goes on waiting."""
    left = finance.apply(caller.tx, caller.actor, receiptIds, account_code=accountCode, hand_on=fees_paid)
    return {"accountCode": accountCode.strip().upper(), "left": documents.shillings(left)}


@register.mutation
def typeCode(caller: Caller, *, referralId: str, code: str) -> shapes.TypedCode:
    """Say that the M-Pesa message with this code pays the referral. M-Pesa has the last word."""
    answer = operations.type_receipt_code(caller.tx, caller.actor, referralId, code=code)
    return {"status": answer.typed.value, "message": answer.message}
