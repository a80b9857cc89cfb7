"""All chance of the simulator, from one seed: ids, receipts, tokens and which of two true forms comes.

The same seed and the same order of requests give the same ids. Nothing here asks the clock.
"""

from __future__ import annotations

import random
import string
from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from rufaa.clock import EAT
from rufaa.phone import Phone

T = TypeVar("T")

_UPPER_AND_DIGITS: Final = string.ascii_uppercase + string.digits
_LETTERS_AND_DIGITS: Final = string.ascii_letters + string.digits
_DAYS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUV"  # the third character of a receipt: the day of the month


class Chance:
    """``start`` counts the starts on one journal, so that a restarted simulator does not give its old ids again."""

    def __init__(self, seed: int, *, start: int = 0) -> None:
        self._random = random.Random(seed if start == 0 else f"{seed}/{start}")  # noqa: S311 - replayable, not secret
        hexadecimal = f"{self._random.getrandbits(96):024x}"
        self._node = f"{hexadecimal[:4]}-{hexadecimal[4:8]}-{hexadecimal[8:12]}-{hexadecimal[12:]}"
        self._count = self._random.randrange(10_000, 90_000_000)

    def merchant_request_id(self) -> str:
        """``847c-4573-85db-96a68dacad19`` of the answering machine, then its running number (daraja.md §1)."""
        self._count += self._random.randrange(1, 40)
        return f"{self._node}{self._count}"

    def checkout_request_id(self, *, at: datetime, phone: Phone, taken: Container[str]) -> str:
        """``ws_CO_`` + DDMMYYYYHHMMSSmmm in EAT + the last nine digits of the phone (daraja.md §1).

        Two for one phone in one millisecond would be equal; the later one then says a later millisecond.
        """
        while True:
            local = at.astimezone(EAT)
            made = f"ws_CO_{local:%d%m%Y%H%M%S}{local.microsecond // 1000:03}{phone[-9:]}"
            if made not in taken:
                return made
            at += timedelta(milliseconds=1)

    def receipt(self, *, at: datetime, taken: Container[str]) -> str:
        """Ten characters: year (R is 2023), month (A is January), day (1-9, A-V), a digit, six of chance.

        The form is read off the receipts and TransactionDates of daraja.md's corpus.
        """
        local = at.astimezone(EAT)
        day = chr(ord("A") + (local.year - 2006) % 26) + chr(ord("A") + local.month - 1) + _DAYS[local.day]
        while True:
            rest = "".join(self._random.choice(_UPPER_AND_DIGITS) for _ in range(6))
            made = day + self._random.choice(string.digits) + rest
            if made not in taken:
                return made

    def conversation_id(self, *, at: datetime) -> str:
        """``AG_`` + YYYYMMDD + ``_`` + 20 hexadecimal digits, the form of daraja.md's corpus."""
        return f"AG_{at.astimezone(EAT):%Y%m%d}_{self._random.getrandbits(80):020x}"

    def token(self) -> str:
        return "".join(self._random.choice(_LETTERS_AND_DIGITS) for _ in range(28))

    def one_of(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def happens(self, share: float) -> bool:
        """True in ``share`` (0 to 1) of the cases."""
        return self._random.random() < share
