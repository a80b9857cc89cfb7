"""Money that waits for a person: applied to the fee it was meant for, whole or in part.

A fee is paid at once and whole: by one receipt, or by several that together have at least its amount. What a receipt
has more than the fee needs goes on waiting, to pay another fee or to be given back (``refunds``).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.money import Money
from rufaa.payments import operations, refunds, settle
from rufaa.payments.machine import OPEN_FEE, FeeState
from rufaa.payments.settle import Applied, HandOn

_SQL: Final = sql.load(__file__, "unapplied.sql")
MOST_RECEIPTS: Final = 20


class TooLittle(RufaaError):
    """The receipts do not cover the fee. ``data.missing`` says how much is missing, in shillings."""

    kind = Kind.CONFLICT
    code = "too-little"


class NotNeeded(RufaaError):
    """One of the receipts would pay nothing: the others cover the fee, or none of it is free."""

    kind = Kind.CONFLICT
    code = "receipt-not-needed"


class OtherAccount(RufaaError):
    """The money came to another M-Pesa account than the fee is owed on."""

    kind = Kind.CONFLICT
    code = "other-account"


def apply(tx: Tx, fee: uuid.UUID, receipts: Sequence[uuid.UUID], *, by: uuid.UUID, hand_on: HandOn) -> Money:
    """These receipts pay ``fee``, in this order, each with all that is still missing. Returns what is left of them.

    Nothing happens unless they cover the fee. Locks: the fee, its prompts (``pay_fees``), the receipts by id.
    """
    if not receipts or len(set(receipts)) != len(receipts) or len(receipts) > MOST_RECEIPTS:
        raise InvalidArgument(
            sentence("Name 1 to %(most)s receipts, each once.", most=MOST_RECEIPTS), argument="receiptIds"
        )
    row = operations.lock_fee(tx, fee)
    state, due = FeeState(row["state"]), Money(row["amount_cents"])
    if state is FeeState.PAID:
        raise operations.AlreadyPaid("The fee is paid already.", status=state)
    if state not in OPEN_FEE:
        raise operations.FeeNotOpen(
            sentence("The fee is %(state)s: there is nothing to pay.", state=state), status=state
        )
    tx.rows(_SQL["lock_prompts"], {"fee": fee})
    locked = {receipt: refunds.lock_receipt(tx, receipt) for receipt in sorted(receipts)}
    missing = due.cents
    applied: list[Applied] = []
    for receipt in receipts:
        standing = locked[receipt]
        if standing.row["account_id"] != row["account_id"]:
            raise OtherAccount("This money came to another M-Pesa account than the fee is owed on. Give it back.")
        takes = min(missing, standing.row["free_cents"])
        if takes == 0:
            raise NotNeeded("A receipt would pay nothing: nothing of it is free, or the others cover the fee.")
        applied.append(Applied(receipt, fee, Money(takes), by))
        missing -= takes
    if missing:
        raise TooLittle(
            sentence(
                "%(free)s are not enough for the fee of %(due)s. Add another receipt, or give it back.",
                free=Money(due.cents - missing),
                due=due,
            ),
            missing=Money(missing).shillings if missing % 100 == 0 else missing / 100,
        )
    settle.apply(tx, applied)
    settle.pay_fees(tx, [fee], hand_on)
    settle.close_unapplied(tx, [each.receipt for each in applied], by=by)
    left = sum(standing.row["free_cents"] for standing in locked.values()) - due.cents
    return Money(left)
