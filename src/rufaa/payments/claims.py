"""Codes that people type in, and payments that no trusted source has reported yet: Safaricom has to confirm them.

A typed code is no money. Where its receipt is in the books and waits, it pays the fee; else Safaricom is asked about
it, and what it confirms waits in unapplied with the fee proposed.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from rufaa import ids
from rufaa.clock import EAT
from rufaa.daraja.messages import receipt_day
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.money import Money
from rufaa.payments import operations, unapplied
from rufaa.payments.machine import OPEN_FEE, FeeState
from rufaa.payments.settle import HandOn

_SQL: Final = sql.load(__file__, "claims.sql")
_CODE: Final = re.compile(r"[A-Z0-9]{10}")
_SLACK: Final = timedelta(days=1)


class InvalidReceiptCode(InvalidArgument):
    """Not the code of an M-Pesa message: ten letters and digits, of which the first three tell the day."""

    code = "invalid-receipt-code"


class ReceiptOfAnotherDay(RufaaError):
    """The code tells a day on which this fee was not owed yet, or one that has not come."""

    kind = Kind.CONFLICT
    code = "receipt-of-another-day"


class ReceiptUsed(RufaaError):
    """The payment pays something else, names something else, was given back, or came to another account."""

    kind = Kind.CONFLICT
    code = "receipt-used"


class Typed(StrEnum):
    """What became of a typed code."""

    PAYS = "pays"  # the fee is paid by it
    FOR_FINANCE = "for-finance"  # the money is there, and does not fit: a person at the payee decides
    ASKED = "asked"  # M-Pesa is asked about it


@dataclass(frozen=True, slots=True)
class Answer:
    typed: Typed
    message: str


_NOT_THIS: Final = sentence("This payment is not for this referral. Look at the code again, or ask the finance office.")


def read_code(text: str) -> str:
    """Raises ``InvalidReceiptCode``."""
    code = "".join(text.split()).upper()
    if not _CODE.fullmatch(code) or receipt_day(code) is None:
        raise InvalidReceiptCode(
            "This is not the code of an M-Pesa message. It has ten letters and digits, as in the message's first word.",
            argument="code",
        )
    return code


def type_code(tx: Tx, fee: uuid.UUID, text: str, *, by: uuid.UUID, hand_on: HandOn) -> Answer:
    """A person says that this receipt pays ``fee``. It moves money only where the receipt is there and fits."""
    code = read_code(text)
    row = operations.lock_fee(tx, fee)
    state, due = FeeState(row["state"]), Money(row["amount_cents"])
    if state is FeeState.PAID:
        raise operations.AlreadyPaid("The fee is paid already.", status=state)
    if state not in OPEN_FEE:
        raise operations.FeeNotOpen(
            sentence("The fee is %(state)s: there is nothing to pay.", state=state), status=state
        )
    _check_day(tx, code, raised=row["created_at"].astimezone(EAT).date())
    receipt = tx.row(_SQL["lock_receipt"], {"number": code})
    if receipt is None:
        return _ask(tx, code, fee, row["account_id"], by=by)
    if receipt["account_id"] != row["account_id"] or receipt["names_id"] not in {None, fee}:
        raise ReceiptUsed(_NOT_THIS)
    if receipt["asked_for"] not in {None, fee} or receipt["free_cents"] == 0:
        raise ReceiptUsed(_NOT_THIS)
    tx.execute(_SQL["evidence"], {"account": row["account_id"], "receipt": receipt["id"], "number": code})
    if receipt["free_cents"] == due.cents:
        unapplied.apply(tx, fee, [receipt["id"]], by=by, hand_on=hand_on)
        return Answer(Typed.PAYS, f"Paid by receipt {code}.")
    why = f"A clerk typed {code} for a fee of {due}; {Money(receipt['free_cents'])} of it are free."
    _propose(tx, receipt["id"], fee, why=why, anew=True)
    return Answer(Typed.FOR_FINANCE, "The payment is there, but not of the fee's amount. The finance office decides.")


def _propose(tx: Tx, receipt: uuid.UUID, fee: uuid.UUID, *, why: str, anew: bool = False) -> None:
    """In the task of the receipt, or in a new one: ``anew``, or where the old one's fee takes no money any more."""
    stale = tx.execute(_SQL["close_stale"], {"receipt": receipt})
    tx.execute(_SQL["propose"], {"receipt": receipt, "fee": fee})
    if anew or stale:
        tx.execute(_SQL["open_task"], {"id": ids.new_id(), "receipt": receipt, "fee": fee, "why": why})


def _check_day(tx: Tx, code: str, *, raised: date) -> None:
    day = receipt_day(code)
    assert day is not None
    now = tx.row("SELECT rufaa_now() AS now")
    assert now is not None
    today = now["now"].astimezone(EAT).date()
    if not raised - _SLACK <= day <= today + _SLACK:
        raise ReceiptOfAnotherDay(
            sentence(
                "This code is of a payment of %(day)s. The fee was raised on %(raised)s.",
                day=f"{day:%d %B %Y}",
                raised=f"{raised:%d %B %Y}",
            ),
            paidOn=day.isoformat(),
        )


def _ask(tx: Tx, code: str, fee: uuid.UUID, account: uuid.UUID, *, by: uuid.UUID) -> Answer:
    about = {"account": account, "number": code, "fee": fee}
    tx.execute(_SQL["give_way"], about)
    if tx.row(_SQL["claimed_for_another"], about) is not None:
        raise ReceiptUsed("This code was typed for another referral. The finance office decides.")
    tx.execute(_SQL["claim"], {"id": ids.new_id(), "account": account, "number": code, "fee": fee, "by": by})
    tx.wake_workers()
    return Answer(Typed.ASKED, "M-Pesa is asked about this code. The referral is paid once M-Pesa and finance agree.")


def bring(tx: Tx, fee: uuid.UUID, text: str, *, why: str, by: uuid.UUID) -> None:
    """Another app says that ``fee`` was paid, with the code ``text`` or with none. A person is asked at once.

    It moves no money: M-Pesa is asked about the code, however old it is, and what it confirms waits in unapplied with
    the fee proposed.
    """
    try:
        code = read_code(text)
    except InvalidReceiptCode:
        unproved = f"{why} There is no M-Pesa code that could be one."
        operations.open_task_for_fee(tx, fee, kind="contradiction", why=unproved)
        return
    row = operations.lock_fee(tx, fee)
    other = tx.row(_SQL["claimed_for_another"], {"account": row["account_id"], "number": code, "fee": fee})
    claim = ids.new_id()
    values = {"id": claim, "account": row["account_id"], "number": code, "fee": fee, "by": by}
    if tx.execute(_SQL["claim"], values):
        twice = " The same code is claimed for another referral." if other is not None else ""
        tx.execute(
            _SQL["open_claim_task"],
            {"id": ids.new_id(), "claim": claim, "why": f"{why} Its M-Pesa code is {code}.{twice}"},
        )


def hand_over(tx: Tx) -> None:
    """What nobody confirmed for half an hour is a person's task; after a day nobody is asked any more.

    Unless its money is in the books: then it is confirmed, and where a person typed it for a fee, that one is proposed.
    """
    for row in tx.rows(_SQL["known"]):
        if row["fee_id"] is not None:
            _propose(tx, row["receipt_id"], row["fee_id"], why=_TYPED)
    for row in tx.rows(_SQL["unconfirmed"]):
        tx.execute(_SQL["open_claim_task"], {"id": ids.new_id(), "claim": row["id"], "why": _why(row)})
    tx.execute(_SQL["give_up"])
    tx.execute(_SQL["close_confirmed"])


_TYPED: Final = "A clerk typed the code of this payment for a fee before it was told of."
_A_NOTICE: Final = "A notice from an address that is not Safaricom's, or whose amount cannot be read, tells of"


def _why(row: dict[str, object]) -> str:
    who = "A clerk typed" if row["channel"] == "typed" else _A_NOTICE
    return f"{who} receipt {row['number']}, and M-Pesa does not confirm it. Look for it in the M-Pesa statement."
