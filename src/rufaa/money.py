"""Money: whole cents of Kenyan shillings, and never a float.

M-Pesa moves whole shillings from 1 to 250,000 in one transaction (daraja.md §3); wider sums live in the books.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from rufaa.errors import InvalidArgument, sentence

MIN_SHILLINGS: Final = 1
MAX_SHILLINGS: Final = 250_000
CURRENCY: Final = "KES"
_REPORTED: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2})0{0,10})?", re.ASCII)


class InvalidAmount(InvalidArgument):
    """The amount is not a whole number of shillings that M-Pesa can move."""

    code = "invalid-amount"


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in whole cents. ``Money(100_000)`` is KES 1,000.00."""

    cents: int

    def __post_init__(self) -> None:
        if type(self.cents) is not int:
            raise TypeError(f"Money is whole cents, not {self.cents!r}")

    @classmethod
    def from_shillings(cls, shillings: int) -> Self:
        return cls(shillings * 100)

    @property
    def shillings(self) -> int:
        """The amount in whole shillings. Raises ``ValueError`` where cents are left over."""
        whole, rest = divmod(self.cents, 100)
        if rest:
            raise ValueError(f"{self} is not a whole number of shillings")
        return whole

    @property
    def decimal(self) -> Decimal:
        """Exact shillings, two places."""
        return Decimal(self.cents).scaleb(-2)

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        return f"{CURRENCY} {sign}{abs(self.cents) // 100:,}.{abs(self.cents) % 100:02}"


def stk_amount(value: object) -> Money:
    """The amount that a caller asks for, in shillings: a whole number from 1 to 250,000.

    Takes what a JSON number may have become (int, or float with an integral value); refuses everything else,
    strings and booleans included, with ``InvalidAmount``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(value)
    if isinstance(value, float) and not value.is_integer():  # also NaN and the infinities
        raise _refused(value)
    if not MIN_SHILLINGS <= value <= MAX_SHILLINGS:
        raise _refused(value)
    return Money.from_shillings(int(value))


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write out huge ones
        return "A number of that size"
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _refused(value: object) -> InvalidAmount:
    shown = _shown(value)
    return InvalidAmount(
        sentence(
            "%(shown)s is not an amount: give whole shillings from %(least)s to %(most)s, as a number.",
            shown=shown,
            least=MIN_SHILLINGS,
            most=f"{MAX_SHILLINGS:,}",
        ),
        argument="amount",
        minimum=MIN_SHILLINGS,
        maximum=MAX_SHILLINGS,
    )


def reported_amount(value: object) -> Money | None:
    """The amount in a report from outside (callback, statement), or None if it is no amount at all.

    M-Pesa writes ``1.00`` or ``1`` (daraja.md §4); plain digits as text are seen in other channels. Never rounded: no
    sign, no exponent, no separators, at most two decimals that count, below a trillion shillings.
    """
    if isinstance(value, bool) or not isinstance(value, float | int | str | Decimal):
        return None
    if isinstance(value, int) and not 0 <= value < 10**12:
        return None
    match = _REPORTED.fullmatch(str(value).strip())
    if match is None:
        return None
    return Money(int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")[:2]))
