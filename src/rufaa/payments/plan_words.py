"""What settlement asks a person about a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rufaa.payments.machine import Verdict

REVIEW: Final[Mapping[Verdict, str]] = {
    Verdict.AMOUNT_DIFFERS: "The callback reports another amount than the prompt asked for.",
    Verdict.PHONE_DIFFERS: "The callback reports another phone than the prompt rang.",
    Verdict.NO_NEWS: "M-Pesa did not tell what became of this prompt.",
    Verdict.FAILS_FOR_NOW: "M-Pesa did not tell what became of this prompt.",
}
REVIEW_ELSE: Final = "A callback reports a success that cannot be believed without another source."
USED_OTHERWISE: Final = (
    "M-Pesa says that this prompt was paid. By all that is known that is receipt {number}, which somebody had given"
    " back, or applied to another fee, before M-Pesa told whose it is. Look in the M-Pesa statement whether it was one"
    " payment or two. If two: type in the other one's code. If one: a refund that is not ordered yet can be withdrawn,"
    " and the money applied; what went back is asked for again; what pays another fee stays there, and this fee is"
    " waived, or the other's payer is asked."
)
