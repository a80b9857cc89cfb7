"""Whole shillings in words, English and Swahili, as a receipt has them. Pure."""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_ENGLISH_TENS: Final = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SWAHILI: Final = ["sifuri", "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa"]
_SWAHILI_TENS: Final = [
    "-",
    "kumi",
    "ishirini",
    "thelathini",
    "arobaini",
    "hamsini",
    "sitini",
    "sabini",
    "themanini",
    "tisini",
]
LARGEST: Final = 999_999
"""M-Pesa moves less in one payment."""


def in_words(shillings: int, language: str) -> str:
    """``one thousand two hundred and fifty``; ``elfu moja, mia mbili na hamsini``. From 0 to ``LARGEST``."""
    if not 0 <= shillings <= LARGEST:
        raise ValueError(f"{shillings} is not from 0 to {LARGEST}")
    return _swahili(shillings) if language == "sw" else _english(shillings)


def _english(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _english_hundreds(rest)
    words = f"{_english_hundreds(thousands)} thousand"
    if not rest:
        return words
    return f"{words} {'and ' if rest < 100 else ''}{_english_hundreds(rest)}"


def _english_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _english_tens(rest)
    words = f"{_ENGLISH[hundreds]} hundred"
    return f"{words} and {_english_tens(rest)}" if rest else words


def _english_tens(number: int) -> str:
    if number < 20:
        return _ENGLISH[number]
    tens, ones = divmod(number, 10)
    return f"{_ENGLISH_TENS[tens]}-{_ENGLISH[ones]}" if ones else _ENGLISH_TENS[tens]


def _swahili(number: int) -> str:
    if not number:
        return _SWAHILI[0]
    thousands, rest = divmod(number, 1000)
    hundreds, below = divmod(rest, 100)
    tens, ones = divmod(below, 10)
    parts = []
    if thousands:
        parts.append(f"elfu {_swahili(thousands)}")
    if hundreds:
        parts.append(f"mia {_SWAHILI[hundreds]}")
    if tens:
        parts.append(f"{_SWAHILI_TENS[tens]} na {_SWAHILI[ones]}" if ones else _SWAHILI_TENS[tens])
    elif ones:
        parts.append(_SWAHILI[ones])
    if len(parts) == 1:
        return parts[0]
    # without the comma 10,005 would read like 15,000
    joint = ", na" if thousands >= 10 and len(parts) == 2 else " na"
    return f"{', '.join(parts[:-1])}{joint} {parts[-1]}"
