"""A referral's appointment as its page shows it, and what may be chosen instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from rufaa.appointments import queries, times, words
from rufaa.appointments.machine import CHANGEABLE, LIVE, State
from rufaa.appointments.queries import Booking, ClinicSeen
from rufaa.console.acting import Acting
from rufaa.errors import InvalidArgument
from rufaa.facilities.rights import Right
from rufaa.referrals.machine import OVER, Status
from rufaa.referrals.queries import Seen

_OFFERED: Final = 60
"""So many times of a clinic a form offers at once; others by their day."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A referral's appointment. ``booking``: the one that stands, else the last. ``choices``: what may be chosen, by
    clinic and day, where this person may choose."""

    booking: Booking | None
    state: str
    looks: str
    when: str
    choices: Sequence[tuple[ClinicSeen, Sequence[tuple[str, Sequence[tuple[str, str]]]]]]
    day: str
    may_choose: bool
    may_change: bool
    may_receive: bool
    needs_reason: bool


def panel(acting: Acting, seen: Seen) -> Panel | None:
    """None where appointments are no slots here, or are none of this person's business."""
    if not seen.medical or not queries.concern(acting.tx, seen):
        return None
    clinics = queries.clinics_of(acting.tx, [seen.referral.receiving_id])
    found = queries.of_referral(acting.tx, seen)
    standing = next((each for each in found if each.state in LIVE), found[0] if found else None)
    live = standing is not None and standing.state in LIVE
    may_book = Right.BOOK in seen.rights and Status(seen.referral.state) not in OVER
    may_choose = may_book and bool(clinics) and (standing is None or not live or standing.state in CHANGEABLE)
    day = acting.request.GET.get("day", "") if acting.problem is None else acting.request.POST.get("day", "")
    return Panel(
        booking=standing,
        state=str(words.STATE[standing.state]) if standing is not None else "",
        looks=words.LOOKS[standing.state] if standing is not None else "",
        when=words.moment(standing.starts_at) if standing is not None else "",
        choices=list(_choices(acting, clinics, day)) if may_choose else [],
        day=day,
        may_choose=may_choose,
        may_change=may_book and standing is not None and standing.state in CHANGEABLE,
        may_receive=Right.RECEIVE in seen.rights,
        needs_reason=standing is not None and standing.state is State.BOOKED,
    )


def _choices(
    acting: Acting, clinics: Sequence[ClinicSeen], day: str
) -> Iterator[tuple[ClinicSeen, list[tuple[str, list[tuple[str, str]]]]]]:
    after = times.begin_of(times.day_of(day, argument="day")) - timedelta(microseconds=1) if is_day(day) else None
    for clinic in clinics:
        free = queries.free_slots(acting.tx, clinic.id.hex, after=after, limit=_OFFERED)
        yield (
            clinic,
            [
                (words.day(on), [(slot.id.hex, times.clock_time(slot.starts_at)) for slot in slots])
                for on, slots in groupby(free, key=lambda slot: slot.day)
            ],
        )


def is_day(text: str) -> bool:
    try:
        times.day_of(text, argument="day")
    except InvalidArgument:
        return False
    return True
