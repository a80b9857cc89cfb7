"""How long an SMS is: in the units of GSM 03.38's default alphabet where it can be written so, else in UCS-2. Pure.

Source: 3GPP TS 23.038 §6.2.1 (alphabet and its extension), TS 23.040 §9.2.3.24.1 (a message in parts spends six octets
of each on its header: 153 units, or 67 characters of UCS-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from string import digits
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
) | frozenset(digits)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""Two units each."""
ONE_PART: Final = 160
_PARTS_OF: Final = 153
_WIDE_PART: Final = 70
_WIDE_PARTS_OF: Final = 67


@dataclass(frozen=True, slots=True)
class Length:
    """``units`` of the alphabet that ``plain`` tells: GSM-7, or UCS-2. ``parts``: what the operator counts."""

    units: int
    parts: int
    plain: bool

    @property
    def room(self) -> int:
        """How many units still go into the last part; what a first message has."""
        if self.plain:
            return (ONE_PART if self.parts <= 1 else self.parts * _PARTS_OF) - self.units
        return (_WIDE_PART if self.parts <= 1 else self.parts * _WIDE_PARTS_OF) - self.units


def length(text: str) -> Length:
    """How long ``text`` is as an SMS."""
    if BASIC.issuperset(set(text) - EXTENDED):
        sizes = [2 if each in EXTENDED else 1 for each in text]
        units = sum(sizes)
        return Length(units, _parts(sizes, ONE_PART, _PARTS_OF), plain=True)
    sizes = [len(each.encode("utf-16-be")) // 2 for each in text]
    return Length(sum(sizes), _parts(sizes, _WIDE_PART, _WIDE_PARTS_OF), plain=False)


def odd(text: str) -> str:
    """The characters that make ``text`` UCS-2, each once."""
    return "".join(dict.fromkeys(each for each in text if each not in BASIC and each not in EXTENDED))


def _parts(sizes: list[int], alone: int, each: int) -> int:
    """A character of two units is not torn apart: it begins the next part."""
    if sum(sizes) <= alone:
        return 1
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > each:
            parts, filled = parts + 1, 0
        filled += size
    return parts
