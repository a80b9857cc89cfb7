"""What the bearer of a link does: ask a phone for the fee, and prove that they know the date of birth.

Each takes the transaction it joins. Whatever is refused has used nothing up, but a wrong date of birth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from rufaa import phone
from rufaa.appointments import operations as appointments
from rufaa.db.atomic import Tx
from rufaa.payments.operations import PaidAlready, Requested
from rufaa.paypage import limits, proofs, queries
from rufaa.paypage.limits import Use
from rufaa.paypage.proofs import StaleForm
from rufaa.referrals import bearer
from rufaa.referrals.bearer import Linked

MOVED_WHY: Final = "The patient chose another time."
CANNOT_WHY: Final = "The patient cannot come then."
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a form: by which link, from whose address, with the proof that it was drawn here, and when."""

    token: str
    network: str
    form: str
    now: datetime


def ask(tx: Tx, keys: Sequence[str], sender: Sender, *, typed: str) -> Requested | PaidAlready:
    """Ask the phone that was typed, or where none was the one that is known; run it as ``bearer.ACTOR``.

    A form rings at most once, and nobody is rung more often than the limits say.
    """
    linked = bearer.find(tx, sender.token)
    wanted = phone.parse(typed, argument="phone") if typed else None
    known = None if wanted else queries.known_phone(linked, queries.money(tx, linked))
    prompts = proofs.read_form(keys, linked, sender.form, phone=known or "", now=sender.now)
    asked = bearer.ask(tx, sender.token, phone=wanted or known or "", after=prompts)
    if isinstance(asked, Requested) and not asked.joined:
        uses = [
            Use(limits.RING_ADDRESS, sender.network),
            Use(limits.RING_LINK, linked.id.hex),
            Use(limits.RING_LINK_DAY, linked.id.hex),
            Use(limits.RING_PHONE, asked.phone),
            Use(limits.RING_PHONE_DAY, asked.phone),
        ]
        limits.take(tx, keys, *uses)
        _log.info("paypage.asked", referral=linked.id.hex, prompt=asked.prompt.hex)
    return asked


def choose(tx: Tx, keys: Sequence[str], sender: Sender, *, proof: str, slot: str) -> None:
    """Take a time for the visit, or another one than the one that was taken; run it as ``bearer.ACTOR``. Only for who
    has proved that they know the date of birth."""
    _proved(tx, keys, sender, proof)
    row = bearer.locked(tx, sender.token)
    booked = appointments.book_for(tx, row, slot=slot, reason=MOVED_WHY)
    _log.info("paypage.chosen", referral=row.pk.hex, appointment=booked.hex)


def give_up(tx: Tx, keys: Sequence[str], sender: Sender, *, proof: str, appointment: str) -> None:
    """Give the time of the visit back; as ``choose``."""
    _proved(tx, keys, sender, proof)
    row = bearer.locked(tx, sender.token)
    appointments.cancel_for(tx, row, appointment, reason=CANNOT_WHY)
    _log.info("paypage.given_up", referral=row.pk.hex)


def _proved(tx: Tx, keys: Sequence[str], sender: Sender, proof: str) -> None:
    linked = bearer.find(tx, sender.token)
    proofs.read_form(keys, linked, sender.form, now=sender.now)
    if not proofs.is_pass(keys, linked, proof, now=sender.now):
        raise StaleForm


def prove(tx: Tx, keys: Sequence[str], sender: Sender, *, day: Sequence[str]) -> Linked | None:
    """The referral, if ``day`` (day, month, year) is the date of birth. A wrong one is None, and counts as a try once
    this has committed."""
    linked = bearer.find(tx, sender.token)
    given = proofs.day(day)
    proofs.read_form(keys, linked, sender.form, now=sender.now)
    if not linked.born_on:
        raise StaleForm  # the form is not drawn where nobody wrote the day down
    tries = [Use(limits.BIRTH_ADDRESS, sender.network), Use(limits.BIRTH_LINK, linked.id.hex)]
    closed = limits.take(tx, keys, *tries)
    if given.isoformat() == linked.born_on:
        limits.give_back(tx, keys, *tries)
        return linked
    if closed:
        _log.warning("paypage.birth_guessed", referral=linked.id.hex, source=sender.network)
    return None
