"""Particulars that say when the patient wants to come.

Where the receiving facility has clinics, day and time are a slot, which is taken with them; where it has none, they are
kept in the words in which they came.
"""

from __future__ import annotations

from datetime import date

from rufaa.appointments import operations, queries, times
from rufaa.appointments.machine import LIVE
from rufaa.clock import EAT
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument
from rufaa.facilities.queries import Actor
from rufaa.ids import wire
from rufaa.referrals import operations as referrals
from rufaa.referrals.operations import Changed
from rufaa.referrals.queries import Seen, see


def save(
    tx: Tx,
    actor: Actor,
    referral: str,
    *,
    patient_phone: str,
    payer_phone: str,
    email: str = "",
    date_of_birth: str = "",
    national_id: str = "",
    booked_date: str = "",
    booked_time: str = "",
) -> Changed:
    """As ``referrals.operations.save_particulars``; a day and a time that name a slot take it, as ``operations.book``
    does, before anything is sent. Raises what both raise. The time that the referral has already is no new choice."""
    if booked_date.strip() or booked_time.strip():
        seen = see(tx, actor, referral)
        if queries.has_clinics(tx, seen.referral.receiving_id):
            _choose(tx, actor, seen, day=booked_date, at=booked_time)
            booked_date = booked_time = ""
    return referrals.save_particulars(
        tx,
        actor,
        referral,
        patient_phone=patient_phone,
        payer_phone=payer_phone,
        email=email,
        date_of_birth=date_of_birth,
        national_id=national_id,
        booked_date=booked_date,
        booked_time=booked_time,
    )


def _choose(tx: Tx, actor: Actor, seen: Seen, *, day: str, at: str) -> None:
    if not day.strip():
        raise InvalidArgument("bookedTime needs bookedDate.", argument="bookedDate")
    wanted = times.day_of(day, argument="bookedDate")
    if not _has_it(tx, seen, day=wanted, at=at):
        slot = queries.slot_at(tx, seen.referral.receiving_id, day=wanted, at=at)
        operations.book(tx, actor, wire(seen.referral.pk), slot=wire(slot))


def _has_it(tx: Tx, seen: Seen, *, day: date, at: str) -> bool:
    """Whether the referral is expected on this day and, if one is named, at this time: forms repeat what they show."""
    named = times.time_of(at, argument="bookedTime") if at.strip() else None
    return any(
        each.state in LIVE and each.day == day and named in {None, each.starts_at.astimezone(EAT).time()}
        for each in queries.of_referral(tx, seen)
    )
