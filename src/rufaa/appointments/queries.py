"""Reading clinics, free slots, and who is expected when: each for those alone whose it is to see."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from rufaa import reads
from rufaa.appointments import times, words
from rufaa.appointments.clinics import ClinicNotFound, Opening, now
from rufaa.appointments.machine import State
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, sentence
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Side
from rufaa.ids import from_wire
from rufaa.referrals import bearer
from rufaa.referrals.queries import Seen
from rufaa.referrals.told import Happened

_SQL: Final = sql.load(__file__, "queries.sql")
MOST_SLOTS: Final = 500
MOST_LISTED: Final = 200
_FAR: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class ClinicSeen:
    """A clinic that takes people."""

    id: uuid.UUID
    created_at: datetime
    facility_id: uuid.UUID
    facility: str
    name: str
    services: tuple[str, ...]
    hours: tuple[Opening, ...]
    slot_minutes: int
    slot_capacity: int
    day_capacity: int | None
    hold_minutes: int
    days_ahead: int
    works_on_holidays: bool


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A time with places left. ``left``: so many, of the slot and of its day."""

    id: uuid.UUID
    clinic: uuid.UUID
    day: date
    starts_at: datetime
    ends_at: datetime
    left: int


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment of a referral, whatever became of it. ``displaced``: its clinic takes nobody then any more."""

    id: uuid.UUID
    created_at: datetime
    state: State
    reason: str
    held_until: datetime | None
    slot: uuid.UUID
    clinic_id: uuid.UUID
    clinic: str
    facility: str
    day: date
    starts_at: datetime
    ends_at: datetime
    displaced: bool


# --- clinics and slots ------------------------------------------------------------------------------------------------


def clinics_of(tx: Tx, facilities: Sequence[uuid.UUID]) -> list[ClinicSeen]:
    """The clinics of these facilities by name. They are no secret: whoever refers to a facility chooses among them."""
    reads.note(reads.NOTHING, *(reads.topic("clinics", facility) for facility in facilities))
    rows = tx.rows(_SQL["clinics"], {"facilities": sorted(facilities)})
    reads.note(*(reads.topic("clinic", row["id"]) for row in rows))
    return [_clinic(row) for row in rows]


def _clinic(row: Mapping[str, Any]) -> ClinicSeen:
    return ClinicSeen(
        id=row["id"],
        created_at=row["created_at"],
        facility_id=row["facility_id"],
        facility=row["facility"],
        name=row["name"],
        services=tuple(row["services"]),
        hours=tuple(
            Opening(
                each["weekday"],
                times.time_of(each["opens"], argument="opens"),
                times.time_of(each["closes"], argument="closes"),
            )
            for each in row["hours"]
        ),
        slot_minutes=row["slot_minutes"],
        slot_capacity=row["slot_capacity"],
        day_capacity=row["day_capacity"],
        hold_minutes=row["hold_minutes"],
        days_ahead=row["days_ahead"],
        works_on_holidays=row["works_on_holidays"],
    )


def has_clinics(tx: Tx, facility: uuid.UUID) -> bool:
    """Whether appointments of this facility are slots; else its front ends say day and time in words of their own."""
    return bool(clinics_of(tx, [facility]))


def may_choose_in(actor: Actor) -> bool:
    """Whether this person has anything to do with appointments: who refers, and who receives."""
    return bool(
        actor.facilities_with(Right.CREATE, Side.REFERRING)
        or actor.facilities_with(Right.BOOK, Side.REFERRING)
        or actor.facilities_with(Right.RECEIVE, Side.RECEIVING)
    )


def free_slots(
    tx: Tx,
    clinic: object,
    *,
    after: datetime | None = None,
    until: datetime | None = None,
    limit: int = MOST_SLOTS,
) -> list[FreeSlot]:
    """The first ``limit`` slots of a clinic that begin after ``after`` (now, at the earliest) and before ``until``, and
    have a place left. Raises ``ClinicNotFound``."""
    identifier = from_wire(clinic)
    found = tx.row(_SQL["clinic"], {"clinic": identifier}) if identifier is not None else None
    if found is None:
        reads.note(reads.NOTHING)
        raise ClinicNotFound
    reads.note(reads.topic("clinic", found["id"]), reads.topic("clinics", found["facility_id"]))
    moment = now(tx)
    values = {"clinic": identifier, "after": after or moment, "until": until or moment + _FAR, "limit": limit}
    rows = tx.rows(_SQL["free"], values)
    if rows:
        reads.changes_in(max(1.0, (rows[0]["starts_at"] - moment).total_seconds()))
    return [
        FreeSlot(
            id=row["id"],
            clinic=row["clinic_id"],
            day=row["day"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            left=min(row["of_slot"], row["of_day"]),
        )
        for row in rows
    ]


def slot_at(tx: Tx, facility: uuid.UUID, *, day: date, at: str, clinic: object = None) -> uuid.UUID:
    """The slot of a facility that begins on this day at this time: of ``clinic``, or of the only one that has one.

    Without ``at`` the day's first free one. Raises ``InvalidArgument``, which says what there is instead.
    """
    named = from_wire(clinic)
    if clinic is not None and named is None:
        raise ClinicNotFound
    if not at.strip():
        return _first_of(tx, facility, day, named)
    moment = times.instant(day, times.time_of(at, argument="bookedTime"))
    found = tx.rows(_SQL["at"], {"facility": facility, "starts_at": moment, "clinic": named})
    if len({row["clinic_id"] for row in found}) > 1:
        raise InvalidArgument(
            "Several clinics have an appointment at this time: name one as clinicId.", argument="clinicId"
        )
    if found:
        return uuid.UUID(str(found[0]["id"]))
    raise InvalidArgument(
        sentence(
            "There is no appointment at this time. On this day these are free: %(free)s.",
            free=_free_times(tx, facility, day, named) or sentence("no time at all"),
        ),
        argument="bookedTime",
    )


def _first_of(tx: Tx, facility: uuid.UUID, day: date, named: uuid.UUID | None) -> uuid.UUID:
    free = [slot for clinic in _meant(tx, facility, named) for slot in _of_day(tx, clinic, day, limit=1)]
    if not free:
        raise InvalidArgument("There is no free appointment on this day.", argument="bookedDate")
    if len(free) > 1:
        raise InvalidArgument("Several clinics have free appointments: name one as clinicId.", argument="clinicId")
    return free[0].id


def _free_times(tx: Tx, facility: uuid.UUID, day: date, named: uuid.UUID | None) -> list[str]:
    free = [slot for clinic in _meant(tx, facility, named) for slot in _of_day(tx, clinic, day, limit=50)]
    return sorted({times.clock_time(slot.starts_at) for slot in free})


def _meant(tx: Tx, facility: uuid.UUID, named: uuid.UUID | None) -> list[uuid.UUID]:
    return [each.id for each in clinics_of(tx, [facility]) if named in {None, each.id}]


def _of_day(tx: Tx, clinic: uuid.UUID, day: date, *, limit: int) -> list[FreeSlot]:
    begins, ends = times.whole_day(day)
    return free_slots(tx, clinic.hex, after=begins - timedelta(microseconds=1), until=ends, limit=limit)


# --- appointments -----------------------------------------------------------------------------------------------------


def concern(tx: Tx, seen: Seen) -> bool:
    """Whether there is anything to say of appointments about a referral: it has one, or its clinics can give one."""
    row = seen.referral
    reads.note(reads.topic("referral", row.pk), reads.topic("clinics", row.receiving_id))
    found = tx.row(_SQL["concerns"], {"facility": row.receiving_id, "referral": row.pk})
    assert found is not None
    return bool(found["clinics"] or found["appointments"])


def of_referral(tx: Tx, seen: Seen) -> list[Booking]:
    """The appointments of a referral that somebody may see, newest first. Its topic was noted when it was seen."""
    return of_referral_by_id(tx, seen.referral.pk)


def of_referral_by_id(tx: Tx, referral: uuid.UUID) -> list[Booking]:
    """As ``of_referral``, of who has the patient's link."""
    reads.note(reads.topic("referral", referral))
    rows = tx.rows(_SQL["of_referral"], {"referral": referral})
    reads.note(*(reads.topic("clinic", row["clinic_id"]) for row in rows))
    return [
        Booking(
            id=row["id"],
            created_at=row["created_at"],
            state=State(row["state"]),
            reason=row["reason"],
            held_until=row["held_until"],
            slot=row["slot_id"],
            clinic_id=row["clinic_id"],
            clinic=row["clinic"],
            facility=row["facility"],
            day=row["day"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            displaced=not row["open"] and State(row["state"]) is State.BOOKED,
        )
        for row in rows
    ]


def happened(tx: Tx, seen: Seen) -> list[Happened]:
    """Every move of a referral's appointments, oldest first, told in the reader's language; nothing for who sees its
    money alone."""
    if not seen.medical:
        return []
    about = {"referral": seen.referral.pk, "bearer": bearer.ACTOR, "bearer_name": bearer.NAME}
    return [
        Happened(
            at=row["at"],
            machine="appointment",
            event=row["event"],
            state=row["to_state"],
            words=str(words.HAPPENED[row["event"]]).format(when=words.moment(row["starts_at"])),
            who=row["who"],
            reason=row["reason"],
            attempt=None,
            phone=None,
            receipt=None,
            amount=None,
        )
        for row in tx.rows(_SQL["history"], about)
    ]


# --- the clinics' days ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody who is expected. ``patient`` and ``phone`` are empty while the referral is not released."""

    id: uuid.UUID
    state: State
    reason: str
    held_until: datetime | None
    slot: uuid.UUID
    referral: uuid.UUID
    code: str
    urgent: bool
    patient: str
    phone: str
    referring: str
    released: bool
    displaced: bool


@dataclass(frozen=True, slots=True)
class SlotOfDay:
    """A time of a clinic's day, and who is expected then."""

    id: uuid.UUID
    clinic: uuid.UUID
    day: date
    starts_at: datetime
    ends_at: datetime
    capacity: int
    taken: int
    open: bool
    expected: tuple[Expected, ...]


def receives_for(actor: Actor, facility: object) -> Facility:
    """A facility whose clinics' days this person sees. Raises ``Forbidden``."""
    there = from_wire(facility)
    if there not in actor.facilities_with(Right.RECEIVE, Side.RECEIVING):
        reads.note(reads.NOTHING)
        raise Forbidden("Who receives patients in the facility sees its clinics' days.", right=Right.RECEIVE)
    reads.note(reads.topic("facility", there), reads.topic("clinics", there))
    return Facility.objects.get(pk=there)


def days(tx: Tx, facility: Facility, *, first: date, last: date, clinic: uuid.UUID | None = None) -> list[SlotOfDay]:
    """The slots of a facility's clinics from ``first`` to ``last``, and who is expected in each. Ask ``receives_for``
    before: whether anybody may see them is not asked here."""
    values = {
        "facility": facility.pk,
        "after": times.begin_of(first),
        "until": times.begin_of(last + timedelta(days=1)),
        "clinic": clinic,
    }
    reads.note(*(reads.topic("clinic", each.id) for each in clinics_of(tx, [facility.pk])))
    expected: dict[uuid.UUID, list[Expected]] = {}
    for row in tx.rows(_SQL["of_days"], values):
        reads.note(reads.topic("referral", row["referral_id"]))
        expected.setdefault(row["slot_id"], []).append(
            Expected(
                id=row["id"],
                state=State(row["state"]),
                reason=row["reason"],
                held_until=row["held_until"],
                slot=row["slot_id"],
                referral=row["referral_id"],
                code=row["account_code"],
                urgent=row["priority"] != "Routine",
                patient=row["patient"],
                phone=row["phone"],
                referring=row["referring"],
                released=row["released"],
                displaced=not row["open"] and State(row["state"]) is State.BOOKED,
            )
        )
    return [
        SlotOfDay(
            id=row["id"],
            clinic=row["clinic_id"],
            day=row["day"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            capacity=row["capacity"],
            taken=row["taken"],
            open=row["open"],
            expected=tuple(expected.get(row["id"], ())),
        )
        for row in tx.rows(_SQL["slots_of_days"], values)
    ]


def displaced(tx: Tx, facility: Facility) -> list[dict[str, Any]]:
    """Who is booked at a time at which the clinic takes nobody any more; at most ``MOST_LISTED``, soonest first."""
    return tx.rows(_SQL["displaced"], {"facility": facility.pk, "limit": MOST_LISTED})


def without_place(tx: Tx, facility: Facility) -> list[dict[str, Any]]:
    """Whose fee is settled and who lost the time that they had chosen; at most ``MOST_LISTED``."""
    return tx.rows(_SQL["without_place"], {"facility": facility.pk, "limit": MOST_LISTED})


def closures(tx: Tx, facility: Facility) -> list[dict[str, Any]]:
    """The facility's closures that are not over, soonest first."""
    return tx.rows(_SQL["closures"], {"facility": facility.pk})
