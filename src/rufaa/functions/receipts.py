"""``receipts:…``: money that waits for a person, and codes that people type in."""

from __future__ import annotations

from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.runtime import Caller
from rufaa.payments import finance
from rufaa.referrals import operations
from rufaa.referrals.operations import fees_paid

register = REGISTRY.module("receipts")


@register.query
def listUnapplied(caller: Caller) -> list[shapes.UnappliedReceipt]:
    """Receipts of which something waits, oldest first, with the account code that is proposed. For finance people."""
    return [documents.unapplied(row) for row in finance.waiting(caller.tx, caller.actor)]


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
