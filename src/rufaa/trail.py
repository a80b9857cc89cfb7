"""Where work comes from, and whose records it showed: what the audit has to know of it.

Edges say where their work comes from; whoever reads a record for somebody says that it is shown; the edge that gathers
both hands them to ``rufaa.audit``. Nothing here knows a noun or a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Channel(StrEnum):
    """By which way somebody came to a record."""

    PAGE = "page"
    FUNCTION = "function"
    COMMAND = "command"  # somebody at the server's command line
    PATIENT = "patient"  # the page of the patient's link
    SERVER = "server"  # nobody asked: settlement, the worker, or SQL by hand


class Reading(StrEnum):
    """What of a record was shown. Money: name, code and money, nothing medical. File: a file that is attached to it.
    Letter: what became of the patient, on paper."""

    READ = "referral.read"
    LISTED = "referral.listed"
    MONEY_READ = "money.read"
    MONEY_LISTED = "money.listed"
    FILE_READ = "attachment.read"
    LETTER_READ = "letter.read"


@dataclass(frozen=True, slots=True)
class Origin:
    """``place`` is the function's name, the page's address with its parts unnamed, or the command: never an id. Behind
    it may stand which file was read, by its digest."""

    channel: Channel
    place: str = ""


_origin: Final[ContextVar[Origin | None]] = ContextVar("origin", default=None)
_NOBODY: Final = Origin(Channel.SERVER)
_shown: Final[ContextVar[set[tuple[UUID, Reading]] | None]] = ContextVar("shown", default=None)


def origin() -> Origin:
    """Where the present work comes from."""
    return _origin.get() or _NOBODY


@contextmanager
def coming_from(channel: Channel, place: str) -> Iterator[None]:
    """What is done inside comes from there, in threads too that got a copy of the context."""
    token = _origin.set(Origin(channel, place))
    try:
        yield
    finally:
        _origin.reset(token)


@contextmanager
def gathering() -> Iterator[set[tuple[UUID, Reading]]]:
    """Keeps what is shown inside, each referral once for each kind of reading."""
    shown: set[tuple[UUID, Reading]] = set()
    token = _shown.set(shown)
    try:
        yield shown
    finally:
        _shown.reset(token)


def show(referral: UUID, *, medical: bool, listed: bool) -> None:
    """``referral`` is being read for somebody. Does nothing where nobody gathers."""
    shown = _shown.get()
    if shown is not None:
        if medical:
            shown.add((referral, Reading.LISTED if listed else Reading.READ))
        else:
            shown.add((referral, Reading.MONEY_LISTED if listed else Reading.MONEY_READ))


def show_file(referral: UUID) -> None:
    """A file of ``referral`` is being handed to somebody. Does nothing where nobody gathers."""
    shown = _shown.get()
    if shown is not None:
        shown.add((referral, Reading.FILE_READ))


def show_letter(referral: UUID) -> None:
    """The letter about ``referral`` is being handed to somebody. Does nothing where nobody gathers."""
    shown = _shown.get()
    if shown is not None:
        shown.add((referral, Reading.LETTER_READ))
