"""Appointments as staff see them: a referral's own, and the days of a facility's clinics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from rufaa import trail
from rufaa.appointments import calendars, operations, queries, times, words
from rufaa.appointments.calendars import Entry
from rufaa.appointments.clinics import now
from rufaa.appointments.machine import State
from rufaa.appointments.queries import ClinicSeen, SlotOfDay
from rufaa.console.acting import Acting, Done, File, Screen, act, download, screen
from rufaa.console.appointed import is_day
from rufaa.console.referral import form
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility
from rufaa.facilities.rights import Right, Side
from rufaa.referrals import queries as referrals
from rufaa.referrals import refusing
from rufaa.referrals.models import Referral

_HERE: Final = "/clinics/"
_DAYS_OF_WEEK: Final = 7


class NowhereReceived(RufaaError):
    """This person receives patients nowhere."""

    kind = Kind.FORBIDDEN
    code = "nowhere-received"


# --- of a referral ----------------------------------------------------------------------------------------------------


def _given(acting: Acting, name: str) -> str:
    return acting.request.POST.get(name, "").strip()


def _bookable(acting: Acting, referral: str) -> Referral:
    """One for which this person may choose."""
    seen = referrals.see(acting.tx, acting.actor, referral)
    refusing.require(seen.rights, Right.BOOK, sentence("book an appointment for"))
    return seen.referral


@form
def book(acting: Acting, referral: str) -> Done:
    row, slot = _bookable(acting, referral), _given(acting, "slot")
    if not slot:
        raise InvalidArgument("Choose a time.", argument="slot")
    operations.book(acting.tx, acting.actor, row.pk.hex, slot=slot, reason=_given(acting, "reason"))
    return Done(f"/referrals/{row.pk.hex}/", _("The time is taken."))


@form
def unbook(acting: Acting, referral: str) -> Done:
    row = _bookable(acting, referral)
    operations.cancel(acting.tx, acting.actor, _given(acting, "appointment"), reason=_given(acting, "reason"))
    return Done(f"/referrals/{row.pk.hex}/", _("The time is free again."))


# --- the clinics' days ------------------------------------------------------------------------------------------------


def _facilities(acting: Acting) -> list[Facility]:
    mine = acting.actor.facilities_with(Right.RECEIVE, Side.RECEIVING)
    if not mine:
        raise NowhereReceived("Who receives patients in a facility sees its clinics' days.")
    return list(Facility.objects.filter(pk__in=mine).order_by("name"))


def _here(acting: Acting) -> Facility:
    """The facility that is asked for, or the first."""
    asked = acting.request.GET.get("facility", "") or acting.request.POST.get("facility", "")
    there = _facilities(acting)
    return queries.receives_for(acting.actor, asked or there[0].pk.hex)


def _asked_day(acting: Acting) -> date:
    asked = acting.request.GET.get("day", "") or acting.request.POST.get("day", "")
    return times.day_of(asked, argument="day") if is_day(asked) else times.today(now(acting.tx))


def _days(acting: Acting) -> Screen:
    """A day, hour by hour; with ``week``, seven of them. ``?clinic=…`` shows one clinic."""
    facility, day = _here(acting), _asked_day(acting)
    clinics = queries.clinics_of(acting.tx, [facility.pk])
    clinic = next((each for each in clinics if each.id.hex == acting.request.GET.get("clinic")), None)
    week = "week" in acting.request.GET
    first = day - timedelta(days=day.weekday()) if week else day
    last = first + timedelta(days=_DAYS_OF_WEEK - 1) if week else day
    slots = queries.days(acting.tx, facility, first=first, last=last, clinic=None if clinic is None else clinic.id)
    for each in (each for slot in slots for each in slot.expected if each.released):
        trail.show(each.referral, medical=True, listed=True)
    step, moment = timedelta(days=_DAYS_OF_WEEK if week else 1), now(acting.tx)
    return Screen(
        "console/clinics.html",
        {
            "facility": facility,
            "facilities": _facilities(acting),
            "clinics": clinics,
            "clinic": clinic,
            "day": day,
            "said": words.day(day),
            "week": week,
            "before": first - step,
            "after": first + step,
            "today": times.today(moment),
            "parts": _parts(slots, clinics, moment) if not week else [],
            "columns": _columns(slots, first, moment) if week else [],
            "displaced": [_lost(row) for row in queries.displaced(acting.tx, facility)],
            "without_place": [_lost(row) for row in queries.without_place(acting.tx, facility)],
            "doing": acting.request.path.rstrip("/").rpartition("/")[2] if acting.problem is not None else "",
            "may_set": facility.pk in acting.actor.facilities_with(Right.SET_CLINICS, Side.ITSELF),
        },
    )


def _lost(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "when": words.moment(row["starts_at"]), "href": f"/referrals/{row['referral_id'].hex}/"}


def _parts(slots: Sequence[SlotOfDay], clinics: Sequence[ClinicSeen], moment: datetime) -> list[dict[str, Any]]:
    """Each clinic with its times of the day."""
    return [
        {
            "clinic": clinic,
            "taken": sum(slot.taken for slot in mine),
            "places": sum(slot.capacity for slot in mine),
            "times": [_time(slot, moment) for slot in mine],
        }
        for clinic in clinics
        if (mine := [slot for slot in slots if slot.clinic == clinic.id])
    ]


def _time(slot: SlotOfDay, moment: datetime) -> dict[str, Any]:
    return {
        "at": times.clock_time(slot.starts_at),
        "until": times.clock_time(slot.ends_at),
        "free": slot.capacity - slot.taken if slot.open else 0,
        "open": slot.open,
        "people": [
            {
                "row": each,
                "href": f"/referrals/{each.referral.hex}/" if each.released else "",
                "state": words.STATE[each.state],
                "looks": words.LOOKS[each.state],
                "may_arrive": each.released
                and each.state in {State.BOOKED, State.MISSED}
                and slot.day <= times.today(moment),
                "may_miss": each.released and each.state is State.BOOKED and slot.starts_at <= moment,
                "may_see": each.released and each.state is State.ARRIVED,
            }
            for each in slot.expected
        ],
    }


def _columns(slots: Sequence[SlotOfDay], first: date, moment: datetime) -> list[dict[str, Any]]:
    """The seven days of a week: how full each is, and who is expected."""
    found = []
    for number in range(_DAYS_OF_WEEK):
        day = first + timedelta(days=number)
        mine = [slot for slot in slots if slot.day == day]
        found.append(
            {
                "day": day,
                "taken": sum(slot.taken for slot in mine),
                "places": sum(slot.capacity for slot in mine if slot.open or slot.taken),
                "times": [_time(slot, moment) for slot in mine if slot.expected],
            }
        )
    return found


clinics = screen(_days)


def _days_of(acting: Acting, subject: str) -> Screen:
    del subject
    return _days(acting)


_act: Final = act(back=_days_of)


def _back(acting: Acting) -> str:
    facility, day = _here(acting), _asked_day(acting)
    return f"{_HERE}?facility={facility.pk.hex}&day={day.isoformat()}"


@_act
def arrived(acting: Acting, subject: str) -> Done:
    operations.arrived(acting.tx, acting.actor, subject)
    return Done(_back(acting))


@_act
def attended(acting: Acting, subject: str) -> Done:
    operations.seen(acting.tx, acting.actor, subject)
    return Done(_back(acting), _("Seen. Write the outcome for the referring doctor on the referral's page."))


@_act
def missed(acting: Acting, subject: str) -> Done:
    operations.missed(acting.tx, acting.actor, subject, reason=_given(acting, "reason"))
    return Done(_back(acting))


@download
def calendar(acting: Acting) -> File:
    """The days of a month from the one asked for, as a calendar file. An entry has the account code, and no name."""
    facility, day = _here(acting), _asked_day(acting)
    slots = queries.days(acting.tx, facility, first=day, last=day + timedelta(days=31))
    named = {clinic.id: clinic.name for clinic in queries.clinics_of(acting.tx, [facility.pk])}
    entries = [
        Entry(
            uid=each.id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            title=f"{named.get(slot.clinic, '')} {each.code}".strip(),
            place=facility.name,
            about=str(words.STATE[each.state]),
        )
        for slot in slots
        for each in slot.expected
    ]
    name = f"{facility.name} {day.isoformat()}.ics"
    return File(name, "text/calendar", calendars.written(entries, now=now(acting.tx)), "calendar")
