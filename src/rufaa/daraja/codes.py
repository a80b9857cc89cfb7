"""What Safaricom's STK ResultCodes mean, for money and for people (daraja.md §11a). The code alone counts:
its prose is not stable (§4). What to do about a verdict is the payments' law, not written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Verdict(StrEnum):
    """What a code says about money. Only the first two are about its end."""

    PAID = "paid"
    UNPAID = "unpaid"  # this push is dead and took nothing
    PROCESSING = "processing"  # ask again later
    UNCERTAIN = "uncertain"  # nobody knows: ask again, look elsewhere, then a person


class _Code(NamedTuple):
    verdict: Verdict
    words: str
    pay_again_after_s: int = 0


_CODES: Final[Mapping[str, _Code]] = MappingProxyType(
    {
        "0": _Code(Verdict.PAID, "The payment was made."),
        "1": _Code(Verdict.UNPAID, "There was not enough money in the M-Pesa account."),
        "2": _Code(Verdict.UNPAID, "The amount is less than M-Pesa allows."),
        "3": _Code(Verdict.UNPAID, "The amount is more than M-Pesa allows in one payment."),
        "4": _Code(Verdict.UNPAID, "The payment would exceed the day's M-Pesa limit of this phone."),
        "8": _Code(Verdict.UNPAID, "The payment would exceed the balance that the receiving account may hold."),
        "11": _Code(Verdict.UNPAID, "The payer's M-Pesa account cannot be used at present."),
        "17": _Code(
            Verdict.UNCERTAIN,
            "M-Pesa refused a second payment of the same amount so soon after another; this is being checked.",
            120,  # the same-amount rule is about two minutes long
        ),
        "26": _Code(Verdict.UNCERTAIN, "M-Pesa was too busy to answer clearly; this is being checked."),
        "1001": _Code(
            Verdict.UNPAID,
            "The phone was busy with another M-Pesa request.",
            60,  # another session is live on that phone
        ),
        "1019": _Code(Verdict.UNPAID, "The request expired before it was answered."),
        "1025": _Code(Verdict.UNPAID, "M-Pesa could not send the request to the phone."),
        "1031": _Code(Verdict.UNPAID, "The request was cancelled on the phone."),
        "1032": _Code(Verdict.UNPAID, "The request was cancelled on the phone."),
        "1036": _Code(Verdict.UNPAID, "The request did not reach the phone."),
        "1037": _Code(Verdict.UNPAID, "The phone did not answer the request."),
        "2001": _Code(Verdict.UNPAID, "The M-Pesa PIN was wrong."),
        "2026": _Code(Verdict.UNPAID, "The request expired before it was answered."),
        "2028": _Code(Verdict.UNPAID, "M-Pesa does not allow this account to receive this kind of payment."),
        "4999": _Code(Verdict.PROCESSING, "M-Pesa is still working on the payment."),
        "8006": _Code(Verdict.UNPAID, "The payer's M-Pesa PIN is locked."),
        "9999": _Code(Verdict.UNPAID, "M-Pesa could not send the request to the phone."),
        "SFC_IC0003": _Code(Verdict.UNPAID, "M-Pesa does not know the number that should be paid."),
        "BW-JMS-100039": _Code(Verdict.UNCERTAIN, "M-Pesa had a fault of its own; this is being checked."),
    }
)

KNOWN_CODES: Final = frozenset(_CODES)

PAY_AGAIN_AFTER_S: Final[Mapping[str, int]] = MappingProxyType(
    {code: entry.pay_again_after_s for code, entry in _CODES.items()}
)
"""Seconds before another prompt to the same phone is sensible. An unknown code is not in it and needs no wait."""

_LOGGABLE: Final = re.compile(r"[0-9]{0,6}|[0-9]{3}(?:\.[0-9]{2,4}){1,3}|[a-z]+(?:-[a-z0-9]+)*")
_PRINTABLE_CODE: Final = re.compile(r"[0-9A-Za-z_.-]{1,40}")


def loggable(code: str) -> str:
    """``code`` where it is known, or its form leaves no room for a phone or a name; else ``other``."""
    return code if code in _CODES or _LOGGABLE.fullmatch(code) else "other"


def verdict(result_code: str) -> Verdict:
    """What ``result_code``, in canonical text, says about money; an unknown code says nothing."""
    entry = _CODES.get(result_code)
    return entry.verdict if entry is not None else Verdict.UNCERTAIN


def of_error(code: str) -> str:
    """What stands for the code of an error: itself, unless a result is written like it. An error tells of no money."""
    return f"error-{code}" if code in _CODES else code


def in_plain_words(result_code: str) -> str:
    """One short English sentence for a clerk or a patient."""
    entry = _CODES.get(result_code)
    if entry is not None:
        return entry.words
    if _PRINTABLE_CODE.fullmatch(result_code):
        return f"M-Pesa gave an answer that is not known here (code {result_code}); this is being checked."
    return "M-Pesa gave an answer that is not known here; this is being checked."
