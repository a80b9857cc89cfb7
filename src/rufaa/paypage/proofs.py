"""What a browser brings back to prove something, signed and short-lived, since there is no session.

A *form* proves that it was drawn here for this link, and how things stood then. A *pass* proves that whoever has it
knew the date of birth. Each is good for one link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from rufaa import secret
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.referrals.bearer import Linked

FORM_S: Final = 2 * 3600
PASS_S: Final = 15 * 60
_FORM: Final = "paypage-form"
_PASS: Final = "paypage-pass"  # noqa: S105 - a label
_SHAPE: Final = re.compile(r"([0-9]{1,12})\.([0-9]{1,6})\.([0-9a-f]{32})", re.ASCII)


class StaleForm(RufaaError):
    """The form was not made here for this link, or is too old, or things stood otherwise when it was made."""

    kind = Kind.CONFLICT
    code = "stale-form"

    def __init__(self) -> None:
        super().__init__("This page had become old. Load it again.")


class InvalidDay(InvalidArgument):
    """Not a date."""

    code = "invalid-day"


class WrongDay(RufaaError):
    """Not the patient's date of birth, as the facility has it."""

    kind = Kind.FORBIDDEN
    code = "wrong-day"


@dataclass(frozen=True, slots=True)
class Stand:
    """How things stand when a form is drawn: how many prompts there were, and the phone that it asks; empty for a form
    that has no phone of its own."""

    prompts: int
    phone: str = ""


def form(keys: Sequence[str], linked: Linked, stand: Stand, *, now: datetime) -> str:
    until = int(now.timestamp()) + FORM_S
    return f"{until}.{stand.prompts}.{secret.signature(keys, _FORM, _said(linked, until, stand))}"


def read_form(keys: Sequence[str], linked: Linked, given: str, *, phone: str = "", now: datetime) -> int:
    """How many prompts there were when the form was drawn. ``phone``: the one that it would ask now, as in ``Stand``.

    Raises ``StaleForm``.
    """
    match = _SHAPE.fullmatch(given)
    if match is None:
        raise StaleForm
    until, prompts = int(match[1]), int(match[2])
    if until < now.timestamp() or not secret.is_signature(
        keys, _FORM, _said(linked, until, Stand(prompts, phone)), match[3]
    ):
        raise StaleForm
    return prompts


def _said(linked: Linked, until: int, stand: Stand) -> str:
    return f"{linked.id.hex} {until} {stand.prompts} {stand.phone}"


def pass_for(keys: Sequence[str], linked: Linked, *, now: datetime) -> str:
    """For whoever has just given the date of birth. It ends when that is corrected."""
    until = int(now.timestamp()) + PASS_S
    return f"{until}.0.{secret.signature(keys, _PASS, f'{linked.id.hex} {until} {linked.born_on}')}"


def is_pass(keys: Sequence[str], linked: Linked, given: str, *, now: datetime) -> bool:
    match = _SHAPE.fullmatch(given)
    if match is None or not linked.born_on or int(match[1]) < now.timestamp():
        return False
    return secret.is_signature(keys, _PASS, f"{linked.id.hex} {int(match[1])} {linked.born_on}", match[3])


def day(text: Sequence[str]) -> date:
    """Day, month and year as three fields have them. Raises ``InvalidDay``."""
    digits = [part.strip() for part in text]
    try:
        if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in digits):
            raise ValueError
        of_month, month, year = (int(part) for part in digits)
        return date(year, month, of_month)
    except ValueError:
        raise InvalidDay("That is no date: give day, month and year in digits.", argument="day") from None
