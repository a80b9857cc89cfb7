"""What the page shows, read in one transaction. Whoever has the link may see it (``referrals.bearer``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from rufaa import reads, tickets
from rufaa.appointments import calendars
from rufaa.appointments import queries as appointments
from rufaa.appointments.calendars import Entry
from rufaa.appointments.machine import CHANGEABLE, LIVE, State
from rufaa.appointments.queries import Booking, FreeSlot
from rufaa.audit import operations as audit
from rufaa.db.atomic import Tx, look
from rufaa.money import Money
from rufaa.payments import passage
from rufaa.payments import queries as payments
from rufaa.payments.machine import SETTLED_FEE
from rufaa.payments.queries import Summary
from rufaa.paypage import proofs, story, telling
from rufaa.paypage.receipt import Receipt
from rufaa.paypage.story import Line
from rufaa.paypage.telling import Telling
from rufaa.phone import Phone
from rufaa.referrals import bearer
from rufaa.referrals.bearer import Linked, Whereabouts
from rufaa.referrals.machine import OVER
from rufaa.trail import Reading

OFFERED: Final = 24
"""So many times of each clinic are offered: a page of few bytes, and on most days more than a week of them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The appointment that stands, if any, and the next free times of each clinic."""

    booking: Booking | None
    offered: Sequence[tuple[str, Sequence[FreeSlot]]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the database found."""

    linked: Linked
    money: Summary | None
    told: Telling
    story: list[Line]
    waits: Money | None  # it came, and is not counted yet
    whereabouts: Whereabouts | None
    visit: Visit | None  # for who has proved the date of birth, where visits have times to choose
    lost: bool  # the fee is settled, and the time that was chosen is another's
    ticket: str | None  # to hear with that something has changed

    @property
    def known_phone(self) -> Phone | None:
        return known_phone(self.linked, self.money)

    @property
    def prompts(self) -> int:
        """How many there were."""
        return self.money.last.attempt if self.money is not None and self.money.last is not None else 0


def look_at(token: str, keys: Sequence[str], *, proof: str, now: datetime) -> Seen:
    """Everything that the page shows to who has ``proof`` (``proofs.pass_for``) or none. Raises ``UnknownLink``."""
    with reads.recording() as noted:
        seen = look(lambda tx: _seen(tx, token, keys, proof, now))
    if not telling.may_change(seen.money, seen.told):
        return seen
    return replace(seen, ticket=tickets.issue(keys, noted.topics or {reads.EVERYTHING}))


def _seen(tx: Tx, token: str, keys: Sequence[str], proof: str, now: datetime) -> Seen:
    linked = bearer.find(tx, token)
    audit.note_shown(tx, None, {(linked.id, Reading.MONEY_READ)})
    fee, summary = linked.fee, money(tx, linked)
    bookings = appointments.of_referral_by_id(tx, linked.id)
    lost = _is_lost(linked, summary, bookings)
    opened = proofs.is_pass(keys, linked, proof, now=now)
    return Seen(
        linked=linked,
        money=summary,
        told=telling.tell(linked, summary, now=now, lost=lost),
        story=story.lines(passage.moves(tx, fee)) if fee is not None else [],
        waits=passage.waiting(tx, fee) if fee is not None else None,
        whereabouts=bearer.whereabouts(tx, linked) if opened else None,
        visit=_visit(tx, linked, bookings) if opened else None,
        lost=lost,
        ticket=None,
    )


def _is_lost(linked: Linked, summary: Summary | None, bookings: Sequence[Booking]) -> bool:
    return (
        summary is not None
        and summary.state in SETTLED_FEE
        and linked.status not in OVER
        and bool(bookings)
        and bookings[0].state in {State.LAPSED, State.CANCELLED}
    )


def _visit(tx: Tx, linked: Linked, bookings: Sequence[Booking]) -> Visit | None:
    """What stands, and what may be chosen: nothing for a referral that is over, or once the patient has arrived."""
    standing = next((each for each in bookings if each.state in LIVE), None)
    facility = bearer.receiving(tx, linked)
    clinics = appointments.clinics_of(tx, [facility])
    if not clinics and standing is None:
        return None
    over = linked.status in OVER or (standing is not None and standing.state not in CHANGEABLE)
    offered = [] if over else [(each, appointments.free_slots(tx, each.id.hex, limit=OFFERED)) for each in clinics]
    return Visit(standing, [(clinic.name, slots) for clinic, slots in offered if slots])


def money(tx: Tx, linked: Linked) -> Summary | None:
    return payments.summaries(tx, [linked.fee])[linked.fee] if linked.fee is not None else None


def known_phone(linked: Linked, summary: Summary | None) -> Phone | None:
    """The phone that is asked where none is typed: the last one that was, else the one that the facility has."""
    if summary is not None and summary.last is not None:
        return summary.last.phone
    return linked.payer_phone


def calendar(tx: Tx, token: str, keys: Sequence[str], *, proof: str, now: datetime) -> bytes | None:
    """The visit as a calendar file, for who has proved the date of birth; None without that, or without a time."""
    linked = bearer.find(tx, token)
    standing = next((each for each in appointments.of_referral_by_id(tx, linked.id) if each.state in LIVE), None)
    if standing is None or not proofs.is_pass(keys, linked, proof, now=now):
        return None
    entry = Entry(
        uid=linked.id, starts_at=standing.starts_at, ends_at=standing.ends_at, title=standing.facility,
        place=standing.facility,
    )  # fmt: skip
    return calendars.written([entry], now=now)


def receipt(tx: Tx, token: str) -> Receipt | None:
    """None until the fee is paid and M-Pesa has told its number. Raises ``UnknownLink``."""
    linked = bearer.find(tx, token)
    summary = money(tx, linked)
    if summary is None or not telling.offers_receipt(summary):
        return None
    return Receipt(
        payee=passage.payee(tx, summary.fee),
        name=linked.name,
        account_code=summary.paybill.account_code,
        amount=summary.amount,
        paid=passage.paid_by(tx, summary.fee),
    )
