"""``clinics:…``: what one can be referred to a facility for, and when there is a place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from rufaa import reads
from rufaa.appointments import queries, times
from rufaa.errors import InvalidArgument
from rufaa.facilities.queries import Forbidden, facility_named
from rufaa.facilities.rights import Right
from rufaa.functions import REGISTRY, appointed, shapes
from rufaa.functions.runtime import Caller

register = REGISTRY.module("clinics")
_MOST_DAYS: Final = 31


@register.query(name="list")
def list_(caller: Caller, *, facility: str | None = None) -> list[shapes.Clinic]:
    """The clinics of a facility, named or by id, by name; without ``facility`` those of the caller's own."""
    _need_part(caller)
    wanted = (
        sorted({mine for mine, _role in caller.actor.memberships})
        if facility is None
        else [facility_named(facility, argument="facility").pk]
    )
    return [appointed.clinic(row) for row in queries.clinics_of(caller.tx, wanted)]


@register.query
def getAvailableSlots(
    caller: Caller, *, clinicId: str, date: str | None = None, days: float | None = None, limit: float | None = None
) -> list[shapes.Slot]:
    """The times of a clinic that have a place left, soonest first: on ``date`` (2026-11-23) and for ``days`` days from
    then, one unless it is said; without ``date`` the next ones. At most ``limit`` of them, 500 at most. Live: what
    somebody else takes disappears."""
    _need_part(caller)
    many = _whole("limit", limit, most=queries.MOST_SLOTS) or queries.MOST_SLOTS
    after, until = _range(date, _whole("days", days, most=_MOST_DAYS))
    rows = queries.free_slots(caller.tx, clinicId, after=after, until=until, limit=many)
    return [appointed.slot(row) for row in rows]


def _range(date: str | None, days: int | None) -> tuple[datetime | None, datetime | None]:
    if date is None:
        if days is not None:
            raise InvalidArgument("days needs a date to count from.", argument="days")
        return None, None
    begins = times.begin_of(times.day_of(date, argument="date"))
    return begins - timedelta(microseconds=1), begins + timedelta(days=days or 1)


def _whole(argument: str, value: float | None, *, most: int) -> int | None:
    if value is None:
        return None
    if not value.is_integer() or not 1 <= value <= most:
        raise InvalidArgument(f"{argument} is a whole number from 1 to {most}.", argument=argument)
    return int(value)


def _need_part(caller: Caller) -> None:
    reads.note(reads.NOTHING)  # besides the person's memberships
    if not queries.may_choose_in(caller.actor):
        raise Forbidden("Only who refers or receives patients looks for appointments.", right=Right.BOOK)
