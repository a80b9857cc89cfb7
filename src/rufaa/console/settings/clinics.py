"""A facility's clinics: what each is for, when it works, how many it takes; and when nobody is taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rufaa.appointments import clinics as operations
from rufaa.appointments import queries, times, words
from rufaa.appointments.clinics import Opening, Shape
from rufaa.appointments.queries import ClinicSeen
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.errors import InvalidArgument
from rufaa.facilities.rights import Right

WEEKDAYS: Final = (
    (1, gettext_lazy("Monday")),
    (2, gettext_lazy("Tuesday")),
    (3, gettext_lazy("Wednesday")),
    (4, gettext_lazy("Thursday")),
    (5, gettext_lazy("Friday")),
    (6, gettext_lazy("Saturday")),
    (7, gettext_lazy("Sunday")),
)
_NUMBERS: Final = ("slot_minutes", "slot_capacity", "day_capacity", "hold_minutes", "days_ahead")
_NEW: Final = {
    "name": "",
    "services": "",
    "slot_minutes": 30,
    "slot_capacity": 1,
    "day_capacity": "",
    "hold_minutes": 30,
    "days_ahead": 60,
    "works_on_holidays": False,
    **{f"hours_{day}": "08:00-12:00, 14:00-16:00" for day in range(1, 6)},
    **{f"hours_{day}": "" for day in (6, 7)},
}


def _shown(acting: Acting, facility: str) -> Screen:
    return _shown_on(acting, facility, "")


def _shown_on(acting: Acting, facility: str, subject: str) -> Screen:
    here = house.own(acting, facility, Right.SET_CLINICS)
    found = queries.clinics_of(acting.tx, [here.pk])
    refused = acting.request.POST if acting.problem is not None else None
    return house.drawn(
        acting,
        here,
        "clinics",
        "rufaa/settings_clinics.html",
        clinics=[(each, _form(each) | {"key": each.id.hex}) for each in found],
        new=_NEW,
        typed_of=refused,
        subject=subject,
        weekdays=WEEKDAYS,
        closures=[
            {**row, "from": words.moment(row["starts_at"]), "to": words.moment(row["ends_at"])}
            for row in queries.closures(acting.tx, here)
        ],
        late_money=here.late_money,
        displaced=len(queries.displaced(acting.tx, here)),
    )


def _form(clinic: ClinicSeen) -> dict[str, Any]:
    """What the form of a clinic shows: its hours of each day in one line."""
    return {
        "name": clinic.name,
        "services": ", ".join(clinic.services),
        "slot_minutes": clinic.slot_minutes,
        "slot_capacity": clinic.slot_capacity,
        "day_capacity": clinic.day_capacity or "",
        "hold_minutes": clinic.hold_minutes,
        "days_ahead": clinic.days_ahead,
        "works_on_holidays": clinic.works_on_holidays,
        **{
            f"hours_{day}": ", ".join(
                f"{each.opens:%H:%M}-{each.closes:%H:%M}" for each in clinic.hours if each.weekday == day
            )
            for day, _name in WEEKDAYS
        },
    }


@screen
def clinics(acting: Acting, facility: str) -> Screen:
    return _shown(acting, facility)


_act: Final = act(back=_shown)
_act_on: Final = act(back=_shown_on)


@_act
def add(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.add(acting.tx, here, _shape(acting))
    return Done(f"{house.base(here)}clinics/", _("The clinic takes people from now on."))


@_act_on
def change(acting: Acting, facility: str, subject: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.need(acting.tx, here, subject)
    operations.change(acting.tx, here, subject, _shape(acting))
    lost = len(queries.displaced(acting.tx, here))
    said = _("Saved. Whoever is booked outside these hours is listed with the clinics' days.") if lost else _("Saved.")
    return Done(f"{house.base(here)}clinics/", said)


@_act_on
def end(acting: Acting, facility: str, subject: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.end(acting.tx, here, subject)
    return Done(f"{house.base(here)}clinics/", _("The clinic takes nobody new."))


@_act
def close(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.close(
        acting.tx,
        here,
        clinic=house.given(acting, "clinic") or None,
        starts_at=_moment(acting, "starts", last=False),
        ends_at=_moment(acting, "ends", last=True),
        reason=house.given(acting, "reason"),
    )
    return Done(f"{house.base(here)}clinics/", _("Nobody is taken in this time."))


@_act_on
def reopen(acting: Acting, facility: str, subject: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.reopen(acting.tx, here, subject)
    return Done(f"{house.base(here)}clinics/", _("The times are open again."))


@_act
def late(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_CLINICS)
    operations.set_late_money(acting.tx, here, house.given(acting, "late_money"))
    return Done(f"{house.base(here)}clinics/", _("Saved."))


def _shape(acting: Acting) -> Shape:
    numbers: dict[str, int | None] = {name: _number(acting, name) for name in _NUMBERS}
    for name, number in numbers.items():
        if number is None and name != "day_capacity":
            raise InvalidArgument("This is a whole number.", argument=name)
    return Shape(
        name=house.given(acting, "name"),
        services=tuple(each for part in house.given(acting, "services").split(",") if (each := part.strip())),
        hours=tuple(opening for day, _name in WEEKDAYS for opening in _hours(acting, day)),
        slot_minutes=numbers["slot_minutes"] or 0,
        slot_capacity=numbers["slot_capacity"] or 0,
        day_capacity=numbers["day_capacity"],
        hold_minutes=numbers["hold_minutes"] or 0,
        days_ahead=numbers["days_ahead"] or 0,
        works_on_holidays="works_on_holidays" in acting.request.POST,
    )


def _number(acting: Acting, name: str) -> int | None:
    text = house.given(acting, name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise InvalidArgument("This is a whole number.", argument=name)
    return int(text)


def _hours(acting: Acting, day: int) -> list[Opening]:
    """``08:00-12:00, 14:00-16:00``; nothing: the clinic rests on this day."""
    argument, found = f"hours_{day}", []
    for part in house.given(acting, argument).replace("–", "-").split(","):
        if not part.strip():
            continue
        opens, dash, closes = part.partition("-")
        if not dash:
            raise InvalidArgument("Write hours as 08:00-12:00, 14:00-16:00.", argument=argument)
        found.append(Opening(day, times.time_of(opens, argument=argument), times.time_of(closes, argument=argument)))
    return found


def _moment(acting: Acting, name: str, *, last: bool) -> datetime:
    """A day, with a time or whole: to its end, where it is the last."""
    day = times.day_of(house.given(acting, f"{name}_on"), argument=f"{name}_on")
    at = house.given(acting, f"{name}_at")
    if at:
        return times.instant(day, times.time_of(at, argument=f"{name}_at"))
    return times.begin_of(day + timedelta(days=1) if last else day)
