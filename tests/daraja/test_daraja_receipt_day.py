"""The day that a receipt number says, against real pairs of number and date, and against the simulator's numbers."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from rufaa.clock import EAT
from rufaa.daraja.messages import instant_of, receipt_day
from rufaa.simulator.chance import Chance

_PAIRS: Final = (
    re.compile(
        r'"MpesaReceiptNumber"\s*,\s*"Value"\s*:\s*"([A-Z0-9]+)"[\s\S]{0,400}?'
        r'"TransactionDate"\s*,\s*"Value"\s*:\s*"?([0-9]{14})'
    ),
    re.compile(r'"TransID"\s*:\s*"([A-Z0-9]+)"\s*,\s*"TransTime"\s*:\s*"?([0-9]{14})'),
)

MADE_UP: Final = {
    *("LHG31AA4AY", "QHJ7XYZ123", "RCP1230001", "REAL123456", "RGU3456789", "RKTQDM7W6S", "RKTQDMWYCK"),
    *("TEST452328", "TEST744393", "TRANS123"),
}
"""Numbers of the corpus that somebody typed into a fixture, with any date: they repeat, count up, or spell a word."""


def test_real_receipts_say_the_day_of_their_payment(corpus: Path) -> None:
    files = [path for path in corpus.rglob("*") if path.is_file()]
    said = {pair for path in files for form in _PAIRS for pair in form.findall(path.read_text(errors="replace"))}
    real = {(number, stamp) for number, stamp in said if number not in MADE_UP}

    assert len(real) >= 15
    for number, stamp in real:
        instant = instant_of(stamp)
        assert instant is not None
        assert receipt_day(number) == instant.astimezone(EAT).date(), number


@pytest.mark.parametrize("at", [datetime(2007, 3, 6, tzinfo=UTC), datetime(2026, 12, 31, 20, 59, 59, tzinfo=UTC)])
def test_the_numbers_of_the_simulator_say_their_day(at: datetime) -> None:
    chance = Chance(7)
    for days in range(0, 2000, 13):
        then = at + timedelta(days=days)
        assert receipt_day(chance.receipt(at=then, taken=())) == then.astimezone(EAT).date()


@pytest.mark.parametrize(
    ("number", "day"),
    [
        ("BA1000000A", date(2007, 1, 1)),
        ("UBN7XY0001", date(2026, 2, 23)),
        ("ZLV0000000", date(2031, 12, 31)),
        ("AAV0000000", date(2032, 1, 31)),
        ("TB00000000", None),  # no day 0
        ("TBU0000000", None),  # no 30 February
        ("TM10000000", None),  # no thirteenth month
        ("T110000000", None),
        ("1B10000000", None),
        ("TBW0000000", None),
        ("tb10000000", None),
        ("TB1", None),
        ("", None),
    ],
)
def test_a_number_says_its_day_or_none(number: str, day: date | None) -> None:
    assert receipt_day(number) == day
