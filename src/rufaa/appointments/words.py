"""What pages say about appointments, in the reader's language; what stands in templates stands there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa.appointments import times
from rufaa.appointments.machine import Event, State
from rufaa.clock import EAT

STATE: Final[Mapping[str, str | Promise]] = {
    State.HELD: _("Held until the fee is paid"),
    State.BOOKED: _("Booked"),
    State.ARRIVED: _("Arrived"),
    State.SEEN: _("Seen"),
    State.MISSED: _("Did not come"),
    State.LAPSED: _("Not paid in time"),
    State.CANCELLED: _("Cancelled"),
    State.MOVED: _("Moved"),
}

LOOKS: Final[Mapping[str, str]] = {
    State.HELD: "wait",
    State.BOOKED: "good",
    State.ARRIVED: "good",
    State.SEEN: "good",
    State.MISSED: "bad",
    State.LAPSED: "bad",
    State.CANCELLED: "bad",
    State.MOVED: "",
}
"""How a state stands in a list: the classes of a badge."""

HAPPENED: Final[Mapping[str, str | Promise]] = {
    Event.HOLD: _("{when} is held until the fee is paid."),
    Event.BOOK: _("{when} is booked."),
    Event.KEEP: _("{when} is booked: the fee is settled."),
    Event.LAPSE: _("{when} was not paid for in time, and is free again."),
    Event.LATE_MONEY: _("{when} was still free when the fee came: it is booked."),
    Event.ARRIVE: _("The patient arrived for {when}."),
    Event.SEE: _("The patient was seen, {when}."),
    Event.MISS: _("The patient did not come, {when}."),
    Event.CANCEL: _("{when} was given back."),
    Event.MOVE: _("{when} was changed for another time."),
}
"""Every event, as the story of a referral tells it."""

KINDS: Final[Mapping[str, str | Promise]] = {
    "appointment.hold": _("held a time"),
    "appointment.book": _("booked a time"),
    "appointment.keep": _("the fee was settled: the time is booked"),
    "appointment.lapse": _("the time was not paid for, and is free again"),
    "appointment.late-money": _("the fee came late, and the time was still free"),
    "appointment.arrive": _("said that the patient has arrived"),
    "appointment.see": _("said that the patient was seen"),
    "appointment.miss": _("said that the patient did not come"),
    "appointment.cancel": _("cancelled the appointment"),
    "appointment.move": _("moved the appointment"),
}
"""What the audit says of it."""


def day(when: date | datetime) -> str:
    """``Thursday 3 December 2026``, in Kenya."""
    return date_format(when.astimezone(EAT).date() if isinstance(when, datetime) else when, "l j F Y")


def moment(when: datetime) -> str:
    """``Thursday 3 December 2026, 10:00``."""
    return f"{day(when)}, {times.clock_time(when)}"
