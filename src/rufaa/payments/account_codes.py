"""What a payer typed as account reference, read as one of our account codes, or as one that is a slip away. Pure.

The code has a check character (``ids.check_character``): a single wrong letter or a swap of two neighbours is noticed,
so a code that ``read`` returns is the one that was meant, and a wrong one is healed by ``near`` only as a proposal that
a person confirms. C2B gives the reference back as it was typed, at most 20 characters (daraja.md §6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rufaa.ids import ACCOUNT_CODE_ALPHABET, ACCOUNT_CODE_LENGTH, is_account_code

LOOK_ALIKES: Final = {"S": "5", "Z": "2"}
"""Characters that are not in the alphabet, where exactly one letter of it looks like them. O, 0, Q, D, I, 1, L, 8, B, U
and V look only like each other, and none of them is in it."""

MOST_NEAR: Final = ACCOUNT_CODE_LENGTH + (ACCOUNT_CODE_LENGTH - 1)
"""How many codes ``near`` gives at most: for every place just one letter makes the check right, and there are seven
pairs of neighbours. A missing letter has eight places, an extra one nine."""

_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015\u00a0]+")
_LONGEST: Final = 40  # more than this is no reference that was typed on a phone
_TYPED: Final = str.maketrans(LOOK_ALIKES)


def read(text: str) -> str | None:
    """The account code that was typed: in any case, with spaces, hyphens, dots and look-alikes; None if it is none."""
    typed = _plain(text)
    return typed if is_account_code(typed) else None


def near(text: str) -> frozenset[str]:
    """Every right code that one slip of the typist would turn into ``text``; empty for what is hopeless.

    A slip is one wrong letter, one missing, one too many, or two neighbours swapped. Of a right code there is none,
    since its check character would have to be wrong.
    """
    typed = _plain(text)
    if abs(len(typed) - ACCOUNT_CODE_LENGTH) > 1:
        return frozenset()
    foreign = sum(letter not in ACCOUNT_CODE_ALPHABET for letter in typed)
    if foreign > 1 or is_account_code(typed):
        return frozenset()
    return frozenset(code for code in _one_slip_away(typed) if is_account_code(code))


def _plain(text: str) -> str:
    if len(text) > _LONGEST:
        return ""
    return _SEPARATORS.sub("", text).upper().translate(_TYPED)


def _one_slip_away(typed: str) -> Iterator[str]:
    if len(typed) == ACCOUNT_CODE_LENGTH:
        for place in range(len(typed)):
            for letter in ACCOUNT_CODE_ALPHABET:
                yield typed[:place] + letter + typed[place + 1 :]
        for place in range(len(typed) - 1):
            yield typed[:place] + typed[place + 1] + typed[place] + typed[place + 2 :]
    elif len(typed) < ACCOUNT_CODE_LENGTH:
        for place in range(len(typed) + 1):
            for letter in ACCOUNT_CODE_ALPHABET:
                yield typed[:place] + letter + typed[place:]
    else:
        for place in range(len(typed)):
            yield typed[:place] + typed[place + 1 :]
