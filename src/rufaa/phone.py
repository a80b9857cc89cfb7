"""Kenyan mobile numbers: every way a person writes them, one form inside.

Inside, a phone is twelve digits: ``2547XXXXXXXX`` or ``2541XXXXXXXX``. No finer prefix list is kept, since
new ones appear faster than lists (daraja.md §3).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NewType

from rufaa.errors import InvalidArgument, sentence

Phone = NewType("Phone", str)

_SEPARATORS: Final = re.compile(r"[\s\-().\u2010-\u2015\u00a0]+")
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}")
_FORMS: Final = re.compile(r"(?:\+?254|0)?([71][0-9]{8})")


class InvalidPhone(InvalidArgument):
    """Not a Kenyan mobile number."""

    code = "invalid-phone"


def parse(value: object, *, argument: str = "phoneNumber") -> Phone:
    """``0712 345 678``, ``+254712345678``, ``254712345678``, ``712345678`` and ``011…`` → ``2547…``/``2541…``.

    Raises ``InvalidPhone`` naming ``argument``; the message repeats no digits, since it may be logged.
    """
    if isinstance(value, str) and len(value) <= 40:
        match = _FORMS.fullmatch(_SEPARATORS.sub("", value))
        if match:
            return Phone("254" + match[1])
    raise InvalidPhone(
        sentence(
            "%(argument)s is not a Kenyan mobile number: write it as 0712345678, 0112345678 or 254712345678.",
            argument=argument,
        ),
        argument=argument,
    )


def masked(phone: str) -> str:
    """``254708***149``: what logs and other people's screens may show."""
    return f"{phone[:6]}***{phone[-3:]}" if len(phone) >= 9 else "***"


def agrees(shown: str, phone: Phone) -> bool:
    """Whether a number as M-Pesa shows it (whole, masked with ``*``, or hashed) can be ``phone`` (daraja.md §4, §6).

    The digits before the first ``*`` and after the last must match; a masked part may have any length, since the
    forms seen differ in it (``0722000***``, ``254708***430``, ``2547 ***** 126``). One that shows nothing contradicts
    nothing. Pull leaves the 254 out. 64 hex digits are a SHA-256.
    """
    if shown == phone:
        return True
    if _HASH.fullmatch(shown):
        return shown.lower() in hashes(phone)
    digits = _SEPARATORS.sub("", shown).lstrip("+")
    if digits.startswith("0"):
        digits = "254" + digits[1:]
    elif digits.startswith(("7", "1")):
        digits = "254" + digits
    if "*" not in digits:
        return digits == phone
    head, _, rest = digits.partition("*")
    tail = rest.rpartition("*")[2]
    return phone.startswith(head) and phone.endswith(tail) and len(head) + len(tail) <= len(phone)


def hashes(phone: Phone) -> frozenset[str]:
    """Every SHA-256, in hex, that C2B v1 may show for ``phone`` (daraja.md §6).

    That it is a SHA-256 is documented; which spelling is hashed is not. ``2547…`` is the one expected, since it is how
    C2B wrote the number before; the others are accepted too, since no other phone has them.
    """
    spellings = (phone, "+" + phone, "0" + phone[3:], phone[3:])
    return frozenset(hashlib.sha256(spelling.encode()).hexdigest() for spelling in spellings)
