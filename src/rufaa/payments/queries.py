"""Reading money: a fee with its last prompt and receipt, and every attempt of a fee.

Whoever asks has passed the gate of what the fee belongs to (``referrals.queries``).
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rufaa import reads
from rufaa.daraja import codes
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments.hold import GIVEN_UP, HELD_FOR_S
from rufaa.payments.machine import LIVE, OPEN_FEE, PROMPT_LIFE_S, FeeState, PromptState
from rufaa.payments.paybill import Paybill
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "queries.sql")
_STEP_S: Final = 10
_HELD_STEP_S: Final = 60


@dataclass(frozen=True, slots=True)
class Attempt:
    """One prompt as a person may know it."""

    id: uuid.UUID
    created_at: datetime
    attempt: int
    state: PromptState
    phone: Phone
    amount: Money
    code: str
    said: str  # Daraja's own words
    merchant_request_id: str | None
    checkout_request_id: str | None
    sent_at: datetime | None
    settled_at: datetime | None
    left_s: float  # how long the phone can still ring, or this may wait on hold; 0 where it does neither
    receipt_number: str | None
    paid_at: datetime | None
    unapplied: bool  # its money came, and waits for a person
    pays: bool  # its money pays its fee, or did before it went back
    fee_open: bool  # its fee is not settled
    asked: bool  # it is paid although its fee is open, and a person is asked why
    held: bool  # it waits, since its account is on hold
    paybill: Paybill  # how its fee is paid by hand

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def in_doubt(self) -> bool:
        """Money may have come for it, or came and was used for something else: a person looks, and nobody should pay
        again meanwhile."""
        return self.state is PromptState.REVIEW or self.asked

    @property
    def again_at(self) -> datetime | None:
        """Not before then does it make sense to ask the phone again; None: there is nothing to wait for.

        While it is live, that is when it has run out: only an answer ends it, which may come earlier or later.
        """
        if self.live:
            return (self.sent_at or self.created_at) + timedelta(seconds=HELD_FOR_S if self.held else PROMPT_LIFE_S)
        wait_s = codes.PAY_AGAIN_AFTER_S.get(self.code, 0)
        if self.state not in {PromptState.UNPAID, PromptState.REFUSED} or self.settled_at is None or not wait_s:
            return None
        return self.settled_at + timedelta(seconds=wait_s)

    @property
    def seconds_left(self) -> int:
        """``left_s`` for a screen, in whole steps rounded up, so that one which is kept true moves only so often."""
        return math.ceil(self.left_s / self._step_s) * self._step_s

    @property
    def next_step_s(self) -> float | None:
        """How long ``seconds_left`` stays what it is, if nothing happens; None: for ever."""
        return self.left_s - self.seconds_left + self._step_s if self.left_s > 0 else None

    @property
    def _step_s(self) -> int:
        return _HELD_STEP_S if self.held else _STEP_S

    @property
    def words(self) -> str:
        """What happened, in a sentence for a clerk or a patient."""
        match self.state:
            case PromptState.CREATED if self.held:
                return (
                    f"Prompts are on hold. {self.paybill.words} If the phone rings after that, cancel:"
                    " it goes out when the hold ends."
                )
            case PromptState.CREATED | PromptState.SENDING:
                return "The prompt is on its way. If the phone does not ring soon, look again before sending another."
            case PromptState.PENDING:
                return "The prompt was sent. Enter the M-Pesa PIN on the phone."
            case PromptState.UNKNOWN:
                return "M-Pesa did not answer clearly; the phone may ring. It is being checked: do not send another."
            case PromptState.PAID:
                return self._words_of_paid
            case PromptState.UNPAID:
                return codes.in_plain_words(self.code)
            case PromptState.REFUSED:
                if self.code in codes.KNOWN_CODES:
                    return codes.in_plain_words(self.code)
                if self.code == GIVEN_UP:
                    return f"No prompt was sent. {self.said} {self.paybill.words}"
                return f"No prompt was sent. {self.said}".strip()
            case PromptState.REVIEW:
                return "M-Pesa has not told what became of this prompt; a person is looking."

    @property
    def _words_of_paid(self) -> str:
        if self.asked:
            return "M-Pesa says that it was paid, and the money was used for something else; a person is looking."
        if self.fee_open:
            return "It was paid, and the money was used for something else. The fee is open."
        if self.unapplied:
            return "The money arrived after the fee was settled otherwise; finance will deal with it."
        if not self.pays:
            return "It was paid, and the money was given back or pays something else."
        return f"Paid. M-Pesa receipt {self.receipt_number}." if self.receipt_number else "Paid."


@dataclass(frozen=True, slots=True)
class Summary:
    """A fee at a glance."""

    fee: uuid.UUID
    state: FeeState
    amount: Money
    receipt_number: str | None
    paid: bool
    sent: int  # prompts that went out
    last: Attempt | None
    in_review: bool  # M-Pesa does not tell what became of one of its prompts
    asked: bool  # one of its prompts is paid although it is open, and a person is asked why
    proposal: Mapping[str, Any] | None  # an open proposal to waive or defer: kind, reason, by
    paybill: Paybill  # how it is paid by hand
    held: bool  # prompts of its account are on hold


def summaries(tx: Tx, fees: Sequence[uuid.UUID]) -> dict[uuid.UUID, Summary]:
    """Each fee's summary, by its id; two queries whatever their number."""
    reads.note(*(reads.topic("fee", fee) for fee in fees))
    wanted = {"fees": sorted(fees)}
    last = {row["fee_id"]: _attempt(row) for row in tx.rows(_SQL["last_attempts"], wanted)}
    return {
        row["id"]: Summary(
            fee=row["id"],
            state=FeeState(row["state"]),
            amount=Money(row["amount_cents"]),
            receipt_number=row["receipt_number"],
            paid=row["state"] == FeeState.PAID,
            sent=row["sent"],
            last=last.get(row["id"]),
            in_review=row["in_review"] is not None,
            asked=_asked(row),
            proposal=None
            if row["proposed_by"] is None
            else {"kind": row["proposed_kind"], "reason": row["proposed_reason"], "by": row["proposed_by"]},
            paybill=_paybill(row),
            held=row["account_held"],
        )
        for row in tx.rows(_SQL["summaries"], wanted)
    }


def attempts(tx: Tx, fee: uuid.UUID) -> list[Attempt]:
    """Every prompt of a fee, newest first."""
    reads.note(reads.topic("fee", fee))
    return [_attempt(row) for row in tx.rows(_SQL["attempts"], {"fee": fee})]


def attempt(tx: Tx, prompt: uuid.UUID) -> Attempt:
    row = tx.row(_SQL["attempt"], {"prompt": prompt})
    if row is None:
        raise AssertionError(f"prompt {prompt} vanished")
    return _attempt(row)


def _attempt(row: Mapping[str, Any]) -> Attempt:
    reads.note(reads.topic("fee", row["fee_id"]))
    state = PromptState(row["state"])
    since = row["sent_at"] or row["created_at"]
    held = row["account_held"] and state is PromptState.CREATED
    left = (HELD_FOR_S if held else PROMPT_LIFE_S) - (row["now"] - since).total_seconds()
    return Attempt(
        id=row["id"],
        created_at=row["created_at"],
        attempt=row["attempt"],
        state=state,
        phone=Phone(row["payer_phone"]),
        amount=Money(row["amount_cents"]),
        code=row["code"],
        said=row["message"],
        merchant_request_id=row["merchant_request_id"],
        checkout_request_id=row["checkout_request_id"],
        sent_at=row["sent_at"],
        settled_at=row["settled_at"],
        left_s=max(0.0, left) if state in LIVE else 0.0,
        receipt_number=row["receipt_number"],
        paid_at=row["paid_at"],
        unapplied=row["receipt_state"] == "unapplied",
        pays=row["pays"] is not None,
        fee_open=FeeState(row["fee_state"]) in OPEN_FEE,
        asked=_asked(row),
        held=held,
        paybill=_paybill(row),
    )


def _asked(row: Mapping[str, Any]) -> bool:
    """A question about the money of an open fee is asked, and answered, without a change of the fee."""
    if row["disputed"]:
        reads.note(reads.topic("tasks", row["payee_id"]))
    return row["asked"] is not None


def _paybill(row: Mapping[str, Any]) -> Paybill:
    reads.note(reads.topic("account", row["account_id"]))
    return Paybill(
        short_code=row["short_code"],
        till=row["till_number"] or None,
        account_code=row["account_code"],
        amount=Money(row["amount_cents"]),
    )
