"""Text as the built-in fonts of PDF can draw it: which letters they have, and where lines end. Knows no page."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from reportlab.pdfbase.pdfmetrics import stringWidth

LOST: Final = "?"
"""What stands for a letter that cannot be drawn."""

_SPELT: Final = {
    "≥": ">=",
    "≤": "<=",
    "≠": "=/=",
    "≈": "~",
    "−": "-",
    "‐": "-",
    "‑": "-",
    "⁄": "/",
    "→": "->",
    "←": "<-",
    "↑": "(up)",
    "↓": "(down)",
    "μ": "µ",
    "Ω": "ohm",
    "\t": "    ",
}
"""What medicine writes with, where the fonts have it not: "BP ? 140" would be worse than a plain sign."""


def printable(text: str) -> str:
    """``text`` in the letters that the fonts have: those of western Europe.

    A letter with a mark that they have not loses the mark (Wanjikũ, Wanjiku), a Greek one is called by its name, and
    what is left is ``LOST``.
    """
    return "".join(_drawn(letter) for letter in unicodedata.normalize("NFC", text.replace("\r\n", "\n")))


def loses(text: str) -> bool:
    """Whether anything of ``text`` cannot be drawn."""
    return printable(text).count(LOST) > text.count(LOST)


@cache
def _drawn(letter: str) -> str:
    if letter == "\n" or (_has(letter) and letter.isprintable()):
        return letter
    if letter in _SPELT:
        return _SPELT[letter]
    if unicodedata.category(letter) in {"Cc", "Cf", "Mn"}:
        return ""  # nothing that would be seen
    name = unicodedata.name(letter, "")
    base = name.partition(" WITH ")[0]
    if name.startswith("GREEK ") and " LETTER " in base:
        return base.rpartition(" ")[2].lower()
    plain = "".join(each for each in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(each))
    for found in (plain, _named(base)):
        spelt = "".join(_SPELT.get(each, each) for each in found)
        if spelt and _has(spelt):
            return spelt
    return LOST


def _has(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _named(name: str) -> str:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return ""


def lines(text: str, *, font: str, size: float, fit: float) -> list[str]:
    """``text`` broken at its own ends of line, at blanks, or anywhere where a word is longer than a line."""
    return [line for own in text.split("\n") for line in _broken(own, font, size, fit)]


def _broken(text: str, font: str, size: float, fit: float) -> list[str]:
    made: list[str] = []
    line, width, blank = "", 0.0, stringWidth(" ", font, size)
    for word in text.split():
        wide = stringWidth(word, font, size)
        if line and width + blank + wide <= fit:
            line, width = f"{line} {word}", width + blank + wide
            continue
        if line:
            made.append(line)
        *full, line = _cut(word, font, size, fit) if wide > fit else [word]
        made += full
        width = stringWidth(line, font, size)
    return [*made, line]


def _cut(word: str, font: str, size: float, fit: float) -> list[str]:
    parts, begun, width = [], 0, 0.0
    for place, letter in enumerate(word):
        wide = stringWidth(letter, font, size)
        if width + wide > fit and place > begun:
            parts.append(word[begun:place])
            begun, width = place, 0.0
        width += wide
    return [*parts, word[begun:]]
