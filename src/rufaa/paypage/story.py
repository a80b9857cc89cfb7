"""Where is my money: what happened to the fee, in plain words, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from rufaa.payments.machine import FeeEvent, PromptEvent, ReceiptEvent
from rufaa.payments.passage import Move
from rufaa.payments.refund_machine import RefundEvent
from rufaa.paypage import words
from rufaa.referrals import bearer

_GOOD = {("fee", FeeEvent.PAY), ("receipt", ReceiptEvent.ARRIVE), ("refund", RefundEvent.SUCCEEDED)}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story. ``good``: money came, or went back."""

    at: datetime
    text: str
    good: bool


def lines(moves: Sequence[Move]) -> list[Line]:
    """What of ``moves``, oldest first, a patient is told, newest first."""
    return [
        Line(move.at, text_of(move), (move.machine, move.event) in _GOOD)
        for move in reversed(moves)
        if (move.machine, move.event) in words.MOVES
    ]


def text_of(move: Move) -> str:
    key = (move.machine, move.event)
    here = move.actor == bearer.ACTOR and key == ("prompt", PromptEvent.CREATE)
    text = str(words.ASKED_HERE if here else words.MOVES[key]) % {
        "amount": words.money(move.amount) if move.amount is not None else "",
        "phone": words.phone(move.phone),
        "number": _("M-Pesa receipt %(number)s.") % {"number": move.number} if move.number else "",
    }
    if key == ("prompt", PromptEvent.FAILED):
        text = f"{text} {words.NOT_PAID.get(move.code, '')}"
    return text.strip()
