"""Canaries: values that stand for people and secrets, planted wherever somebody can fill something in, and the search
for them in everything that a server puts out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

PAYS: Final = "254711000000"  # a phone that pays by itself; not the one that the demo tells about
CANCELS: Final = "254711001032"
PATIENT: Final = "254711004242"
STRANGER: Final = "254711007777"
PHONES: Final = (PAYS, CANCELS, PATIENT, STRANGER)


def canary(place: str) -> str:
    """A word that is nowhere else, and says where it was planted."""
    return f"Kanari{place}Zebaki"


DATE_OF_BIRTH: Final = "1931-02-27"
NATIONAL_ID: Final = "29381746"
EMAIL: Final = "kanari.zebaki@example.org"
MARK: Final = re.compile(rf"Kanari\w*Zebaki|{DATE_OF_BIRTH}|{NATIONAL_ID}|{re.escape(EMAIL)}", re.IGNORECASE)
_DIGITS_APART: Final = r"[\s().-]?"


def _spelled(phone: str) -> str:
    """Nine digits are in every spelling: 0711…, 711…, +254711…, 254 711 …, and in a CheckoutRequestID."""
    return _DIGITS_APART.join(phone[-9:])


PHONE: Final = re.compile("|".join(_spelled(phone) for phone in PHONES))


@dataclass(frozen=True)
class Found:
    output: str
    canary: str
    line: str

    def __str__(self) -> str:
        return f"{self.output}: {self.canary} in {self.line[:300]!r}"


def search(outputs: Mapping[str, str], *, secrets: Mapping[str, str]) -> Iterator[Found]:
    """Every canary in ``outputs`` (name → text), and every one of ``secrets`` (name → text), by line."""
    for name, text in outputs.items():
        for line in text.splitlines():
            for match in (*MARK.finditer(line), *PHONE.finditer(line)):
                yield Found(name, match[0], line)
            for what, secret in secrets.items():
                if secret in line:
                    yield Found(name, what, line)
