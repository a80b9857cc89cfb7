"""What has to hold before money is given back, or is said to have gone or not: else it could go twice.

Each raises the refusal that people read (``refund_refusals``) and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from rufaa.daraja.orders import MIN_B2C_SHILLINGS
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, sentence
from rufaa.money import Money
from rufaa.payments.refund_machine import RefundState
from rufaa.payments.refund_refusals import RefundedMeanwhile, RefundTooMuch, RefundUnderWay

_SQL: Final = sql.load(__file__, "refund_guards.sql")
UNORDERED: Final = frozenset({RefundState.PROPOSED, RefundState.APPROVED})
"""M-Pesa was not asked for it, or did not take the order."""
FREE_AGAIN: Final = frozenset({RefundState.FAILED, RefundState.WITHDRAWN})
STATEMENT_LAGS: Final = timedelta(days=1)
"""So long a person waits for M-Pesa's statement to show an order of which M-Pesa tells nothing; no source says how far
it lags. To be wrong here is to pay out twice."""


def check_once(tx: Tx, row: Mapping[str, Any]) -> None:
    """Raises ``RefundUnderWay`` or ``RefundedMeanwhile`` where the money may have gone otherwise."""
    if is_overtaken(tx, row):
        raise RefundUnderWay(
            "Another refund of this money went after all, though it was called failed. Say so of that one, or close"
            " its question, first."
        )
    found = tx.row(_SQL["restored"], {"receipt": row["receipt_id"]})
    if found is not None and found["backup_at"] is not None:
        raise RefundedMeanwhile(
            sentence(
                "This server was restored from a backup of %(backup_at)s UTC, and this money may have been paid out"
                " since. Compare with the M-Pesa statement first; an operator then says so (rufaa restored).",
                backup_at=f"{found['backup_at']:%Y-%m-%d %H:%M}",
            ),
            since=found["backup_at"].isoformat(),
        )


def is_overtaken(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Whether another refund of this money went, though it had been called failed, so that this one must not."""
    found = tx.row(_SQL["overtaken"], {"id": row["id"], "receipt": row["receipt_id"], "fee": row["fee_id"]})
    return found is not None and bool(found["overtaken"])


def check_payable(amount: Money, *, by_reversal: bool) -> None:
    """Raises ``RefundTooMuch`` where M-Pesa would not pay so much out (daraja.md §10)."""
    if not by_reversal and (amount.cents % 100 or amount < Money.from_shillings(MIN_B2C_SHILLINGS)):
        raise RefundTooMuch(
            sentence(
                "M-Pesa pays out whole shillings, %(least)s or more; %(amount)s cannot be. Give it back otherwise, and"
                " say so of the refund.",
                least=MIN_B2C_SHILLINGS,
                amount=amount,
            ),
            least=MIN_B2C_SHILLINGS,
        )


def may_be_by_hand(row: Mapping[str, Any]) -> bool:
    """Whether another person may say that somebody gave it back in the M-Pesa portal: M-Pesa has no order of it here,
    and it was not withdrawn before anybody agreed."""
    state = RefundState(row["state"])
    agreed = row["approved_by"] is not None
    return state is RefundState.PROPOSED or (agreed and state in {RefundState.APPROVED, *FREE_AGAIN})


def check_statement(tx: Tx, row: Mapping[str, Any]) -> None:
    """Raises ``RefundUnderWay`` where the statement may not show yet what became of the last order."""
    found = tx.row(_SQL["last_order"], {"id": row["id"], "lag": STATEMENT_LAGS})
    if found and found["too_soon"]:
        raise RefundUnderWay(
            sentence(
                "M-Pesa may have carried out the order of %(at)s UTC without saying so, and its statement may lag. Say"
                " that it did not go a day after that.",
                at=f"{found['at']:%Y-%m-%d %H:%M}",
            )
        )


def check_number(tx: Tx, row: Mapping[str, Any], number: str | None) -> None:
    """Raises ``InvalidArgument`` where the number is that of another refund: one payment is not two."""
    if number is not None and is_taken(tx, row, number):
        raise InvalidArgument("This number is the one of another refund already.", argument="receiptNumber")


def is_taken(tx: Tx, row: Mapping[str, Any], number: str) -> bool:
    return tx.row(_SQL["number_taken"], {"number": number, "id": row["id"]}) is not None
