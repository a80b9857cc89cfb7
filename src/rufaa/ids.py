"""Names for things: row ids, the patient's link token, and the account code that a person can type.

All are made here from a source of chance that the caller may give, so that a simulation can replay them.
"""

from __future__ import annotations

import os
import re
import secrets
import time
import uuid
from typing import Final

ACCOUNT_CODE_ALPHABET: Final = "2345679ACEFGHJKMNPRTWXY"  # 23, a prime: no 0/O/D/Q, 1/I/L, 5/S, 8/B, 2/Z, U/V twins
ACCOUNT_CODE_LENGTH: Final = 8  # seven of chance (3.4e9) and one check character; M-Pesa shows at most 12
_HEX_ID: Final = re.compile(r"[0-9a-f]{32}")


def new_id(*, now_ms: int | None = None, chance: bytes | None = None) -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): sorts by the time it was made. PostgreSQL 15 has no maker of its own."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    noise = int.from_bytes(chance if chance is not None else os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | noise & (1 << 80) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def wire(identifier: uuid.UUID) -> str:
    """How an id is written outside: 32 lower-case hex digits, which spell no word that Safaricom forbids in URLs."""
    return identifier.hex


def from_wire(text: object) -> uuid.UUID | None:
    """The id behind ``text``, or None if it has not the form of one (it then names nothing)."""
    if isinstance(text, str) and _HEX_ID.fullmatch(text):
        return uuid.UUID(hex=text)
    return None


def new_token() -> str:
    """128 bits for the patient's link: unguessable, 32 hex digits."""
    return secrets.token_hex(16)


def new_account_code() -> str:
    """Eight characters to type on a cheap phone: no look-alikes, the last one checks the others."""
    body = "".join(secrets.choice(ACCOUNT_CODE_ALPHABET) for _ in range(ACCOUNT_CODE_LENGTH - 1))
    return body + check_character(body)


def check_character(body: str) -> str:
    """The character that makes ``body`` valid: weighted sum modulo 23.

    23 is prime and the weights are distinct and non-zero, so every single wrong character and every swap of two
    unequal neighbours is noticed.
    """
    size = len(ACCOUNT_CODE_ALPHABET)
    total = sum((place + 2) * ACCOUNT_CODE_ALPHABET.index(letter) for place, letter in enumerate(body))
    return ACCOUNT_CODE_ALPHABET[-total % size]


def is_account_code(text: str) -> bool:
    """Whether ``text`` could be an account code that Rufaa gave out."""
    return (
        len(text) == ACCOUNT_CODE_LENGTH
        and all(letter in ACCOUNT_CODE_ALPHABET for letter in text)
        and check_character(text[:-1]) == text[-1]
    )
