"""Setting clinics up: hours, places, closures; and the slots that come of it.

Slots are rows, made for some time ahead from a clinic's hours. Whatever changes the hours lays them out anew: what is
wanted opens, what is not wanted any more closes, and a slot with people in it stays and keeps them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Final

from rufaa.appointments import times
from rufaa.appointments.models import Clinic, Closure, Hours
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility, LateMoney
from rufaa.ids import from_wire
from rufaa.referrals import texts

_SQL: Final = sql.load(__file__, "clinics.sql")
_MOST_SERVICES: Final = 30
_NONE: Final = uuid.UUID(int=0)
_LONGEST_CLOSURE: Final = timedelta(days=366)


class ClinicNotFound(RufaaError):
    """There is no such clinic, or it has ended, or it is another facility's."""

    kind = Kind.NOT_FOUND
    code = "clinic-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such clinic here, or it takes nobody any more.")


class ClinicNameTaken(RufaaError):
    """The facility has a clinic of this name already."""

    kind = Kind.CONFLICT
    code = "clinic-name-taken"


class ClosureNotFound(RufaaError):
    """The facility has no such closure, or it was taken back."""

    kind = Kind.NOT_FOUND
    code = "closure-not-found"


@dataclass(frozen=True, slots=True)
class Opening:
    """A clinic works from ``opens`` to ``closes`` on this day of the week: 1 Monday to 7 Sunday."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Shape:
    """All that an administrator says of a clinic. ``day_capacity`` None: as many as its slots have places."""

    name: str
    services: tuple[str, ...]
    hours: tuple[Opening, ...]
    slot_minutes: int
    slot_capacity: int
    day_capacity: int | None = None
    hold_minutes: int = 30
    days_ahead: int = 60
    works_on_holidays: bool = False


_BOUNDS: Final = {
    "slot_minutes": (5, 720),
    "slot_capacity": (1, 1000),
    "day_capacity": (1, 100_000),
    "hold_minutes": (2, 1440),
    "days_ahead": (1, 366),
}


def add(tx: Tx, facility: Facility, shape: Shape) -> Clinic:
    """One more clinic, with its slots. Raises ``InvalidArgument``, ``ClinicNameTaken``."""
    shape = _checked(shape)
    _free_name(facility.pk, shape.name, but=None)
    clinic = Clinic.objects.create(facility=facility, **_columns(shape))
    _write_hours(clinic, shape)
    lay_out(tx, [clinic.pk])
    return clinic


def need(tx: Tx, facility: Facility, clinic: object) -> None:
    """Raises ``ClinicNotFound`` where the facility has no such clinic."""
    del tx
    _own(facility, clinic)


def change(tx: Tx, facility: Facility, clinic: object, shape: Shape) -> Clinic:
    """Another shape from now on. Who has an appointment keeps it, also where its slot is no longer in the hours.

    Raises ``InvalidArgument``, ``ClinicNotFound``, ``ClinicNameTaken``.
    """
    shape = _checked(shape)
    row = _own(facility, clinic)
    _free_name(facility.pk, shape.name, but=row.pk)
    for name, value in _columns(shape).items():
        setattr(row, name, value)
    row.save()
    Hours.objects.filter(clinic=row).delete()
    _write_hours(row, shape)
    lay_out(tx, [row.pk])
    return row


def end(tx: Tx, facility: Facility, clinic: object) -> None:
    """It takes nobody new from now on; appointments stand until somebody moves them."""
    row = _own(facility, clinic)
    row.ended_at = now(tx)
    row.save(update_fields=["ended_at"])
    lay_out(tx, [row.pk])


def close(
    tx: Tx, facility: Facility, *, clinic: object | None, starts_at: datetime, ends_at: datetime, reason: str
) -> Closure:
    """Take nobody in this time, in one clinic or, where ``clinic`` is None, in all. Who is booked in it stays booked
    until somebody moves them: ``queries.displaced`` lists them. Raises ``InvalidArgument``, ``ClinicNotFound``.
    """
    why = texts.text_of("reason", reason, limit=texts.MAX_NAME, needed=True)
    if starts_at >= ends_at:
        raise InvalidArgument("A closure ends after it begins.", argument="endsAt")
    if ends_at - starts_at > _LONGEST_CLOSURE:
        raise InvalidArgument("A closure lasts at most a year; end the clinic instead.", argument="endsAt")
    if ends_at <= now(tx):
        raise InvalidArgument("This time is over.", argument="endsAt")
    row = None if clinic is None else _own(facility, clinic)
    closure = Closure.objects.create(facility=facility, clinic=row, starts_at=starts_at, ends_at=ends_at, reason=why)
    lay_out(tx, _clinics_of(tx, facility.pk) if row is None else [row.pk])
    return closure


def reopen(tx: Tx, facility: Facility, closure: object) -> None:
    """Take a closure back. Raises ``ClosureNotFound``."""
    identifier = from_wire(closure)
    found = (
        Closure.objects.filter(pk=identifier or _NONE, facility=facility, withdrawn_at=None).select_for_update().first()
    )
    if found is None:
        raise ClosureNotFound("There is no such closure, or it was taken back already.")
    found.withdrawn_at = now(tx)
    found.save(update_fields=["withdrawn_at"])
    lay_out(tx, _clinics_of(tx, facility.pk) if found.clinic_id is None else [found.clinic_id])


def set_late_money(tx: Tx, facility: Facility, policy: str) -> None:
    """What becomes of money that comes when its slot is another's. Raises ``InvalidArgument``."""
    del tx
    if policy not in set(LateMoney):
        raise InvalidArgument(
            sentence("%(argument)s is one of: %(allowed)s.", argument="late_money", allowed=[*LateMoney]),
            argument="late_money",
        )
    Facility.objects.filter(pk=facility.pk).update(late_money=policy)


# --- slots ----------------------------------------------------------------------------------------------------------


def lay_out(tx: Tx, clinics: Sequence[uuid.UUID]) -> None:
    """Make the slots of these clinics what their hours say, from today to as far ahead as each wants."""
    if not clinics:
        return
    day = times.today(now(tx))
    values = {"clinics": sorted(clinics), "today": day, "holidays": [*_holidays(day.year), *_holidays(day.year + 1)]}
    tx.execute(_SQL["lock"], {"clinics": sorted(clinics)})
    tx.execute(_SQL["lay_out"], values)
    tx.execute(_SQL["count_places"], {"clinics": sorted(clinics), "today": day})


def lay_out_due(tx: Tx) -> int:
    """Lay out what was last laid out on an earlier day; how many clinics that were."""
    due = [row["id"] for row in tx.rows(_SQL["due"], {"today": times.today(now(tx))})]
    lay_out(tx, due)
    return len(due)


@cache
def _holidays(year: int) -> tuple[date, ...]:
    """Kenya's public holidays. Those by the moon are estimated until they are gazetted: a closure says better."""
    import holidays  # noqa: PLC0415 - most of a second to load, and needed where slots are made alone

    return tuple(sorted(holidays.country_holidays("KE", years=year)))


def now(tx: Tx) -> datetime:
    row = tx.row("SELECT rufaa_now() AS now")
    assert row is not None
    moment: datetime = row["now"]
    return moment


# --- shared ---------------------------------------------------------------------------------------------------------


def _own(facility: Facility, clinic: object) -> Clinic:
    identifier = from_wire(clinic)
    found = Clinic.objects.filter(pk=identifier or _NONE, facility=facility, ended_at=None).select_for_update().first()
    if found is None:
        raise ClinicNotFound
    return found


def _clinics_of(tx: Tx, facility: uuid.UUID) -> list[uuid.UUID]:
    return [row["id"] for row in tx.rows(_SQL["clinics_of_facility"], {"facility": facility})]


def _free_name(facility: uuid.UUID, name: str, *, but: uuid.UUID | None) -> None:
    there = Clinic.objects.filter(facility=facility, name=name, ended_at=None)
    if there.exclude(pk=but or _NONE).exists():
        raise ClinicNameTaken(sentence("There is a clinic called %(name)s here already.", name=name), argument="name")


def _columns(shape: Shape) -> dict[str, object]:
    return {
        "name": shape.name,
        "services": list(shape.services),
        "slot_minutes": shape.slot_minutes,
        "slot_capacity": shape.slot_capacity,
        "day_capacity": shape.day_capacity,
        "hold_minutes": shape.hold_minutes,
        "days_ahead": shape.days_ahead,
        "works_on_holidays": shape.works_on_holidays,
    }


def _write_hours(clinic: Clinic, shape: Shape) -> None:
    Hours.objects.bulk_create(
        Hours(clinic=clinic, weekday=each.weekday, opens=each.opens, closes=each.closes) for each in shape.hours
    )


def _checked(shape: Shape) -> Shape:
    """The shape with its texts trimmed. Raises ``InvalidArgument``, which says what is allowed."""
    for argument, (least, most) in _BOUNDS.items():
        value = getattr(shape, argument)
        if value is not None and not least <= value <= most:
            raise InvalidArgument(
                sentence(
                    "%(argument)s is a whole number from %(least)s to %(most)s.",
                    argument=argument,
                    least=least,
                    most=most,
                ),
                argument=argument,
            )
    if not shape.hours:
        raise InvalidArgument("A clinic works at some time of the week.", argument="hours")
    if len(shape.services) > _MOST_SERVICES:
        raise InvalidArgument(
            sentence("A clinic has at most %(most)s services.", most=_MOST_SERVICES), argument="services"
        )
    _check_hours(shape)
    return replace(
        shape,
        name=" ".join(texts.text_of("name", shape.name, limit=texts.MAX_NAME, needed=True).split()),
        services=tuple(texts.text_of("services", each, limit=texts.MAX_NAME, needed=True) for each in shape.services),
    )


def _check_hours(shape: Shape) -> None:
    ordered = sorted(shape.hours, key=lambda each: (each.weekday, each.opens))
    for each in ordered:
        if not 1 <= each.weekday <= 7:
            raise InvalidArgument("A day of the week is a number from 1, Monday, to 7, Sunday.", argument="hours")
        lasts = (each.closes.hour - each.opens.hour) * 60 + each.closes.minute - each.opens.minute
        if lasts < shape.slot_minutes:
            raise InvalidArgument(
                sentence("Hours are at least one slot of %(minutes)s minutes long.", minutes=shape.slot_minutes),
                argument="hours",
            )
    for one, other in pairwise(ordered):
        if one.weekday == other.weekday and other.opens < one.closes:
            raise InvalidArgument("Hours of one day do not overlap.", argument="hours")
