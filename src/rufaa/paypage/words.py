"""What the page says, in the patient's language: plain sentences for codes, moves and refusals. Tables, no rules.

A test holds each table against the machines and codes whose words it has, and each sentence against its translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rufaa.appointments.machine import State
from rufaa.appointments.operations import (
    AppointmentMoved,
    AppointmentNotFound,
    SlotClosed,
    SlotNotFound,
    SlotTaken,
)
from rufaa.appointments.queries import Booking
from rufaa.clock import EAT
from rufaa.errors import RufaaError
from rufaa.money import Money
from rufaa.payments.machine import FeeEvent, PromptEvent, ReceiptEvent
from rufaa.payments.operations import FeeNotOpen, PaidMeanwhile, PhoneBusy, PromptInReview, PromptLive
from rufaa.payments.refund_machine import RefundEvent
from rufaa.paypage import limits
from rufaa.paypage.limits import TooOften
from rufaa.paypage.proofs import InvalidDay, StaleForm, WrongDay
from rufaa.phone import InvalidPhone
from rufaa.referrals.bearer import Overtaken, Whereabouts

Text = str | Promise
_TIE: Final = "\u00a0"  # a blank at which no line breaks

NOT_PAID: Final[Mapping[str, Text]] = {
    "1": _("There was not enough money in the M-Pesa account."),
    "2": _("The amount is less than M-Pesa allows."),
    "3": _("The amount is more than M-Pesa allows at once."),
    "4": _("This phone has reached its M-Pesa limit for today."),
    "8": _("The receiving account cannot take more money now."),
    "11": _("This M-Pesa account cannot be used at present."),
    "17": _("M-Pesa refused a second payment of the same amount so soon."),
    "26": _("M-Pesa was too busy."),
    "1001": _("The phone was busy with another M-Pesa request."),
    "1019": _("The request ran out before it was answered."),
    "1025": _("M-Pesa could not reach the phone."),
    "1031": _("The request was cancelled on the phone."),
    "1032": _("The request was cancelled on the phone."),
    "1036": _("The request did not reach the phone. Is it switched on?"),
    "1037": _("The phone did not answer the request."),
    "2001": _("The M-Pesa PIN was wrong."),
    "2026": _("The request ran out before it was answered."),
    "2028": _("M-Pesa does not allow this payment."),
    "4999": _("M-Pesa is still working on the payment."),
    "8006": _("The M-Pesa PIN of this phone is locked. Safaricom can open it."),
    "9999": _("M-Pesa could not reach the phone."),
    "SFC_IC0003": _("M-Pesa does not know the number to be paid. Tell the health facility."),
    "BW-JMS-100039": _("M-Pesa had a fault of its own."),
}
"""Why a prompt brought no money, by M-Pesa's code."""
NOT_PAID_OTHERWISE: Final = _("The request did not lead to a payment.")
NOT_SENT: Final = _("The request could not be sent to the phone.")

MOVES: Final[Mapping[tuple[str, str], Text]] = {
    ("fee", FeeEvent.RAISE): _("A fee of %(amount)s was set."),
    ("fee", FeeEvent.RAISE_DEFERRED): _("A fee of %(amount)s was set. It can be paid later."),
    ("fee", FeeEvent.PAY): _("The fee is paid."),
    ("fee", FeeEvent.WAIVE): _("The facility decided that nothing is to be paid."),
    ("fee", FeeEvent.DEFER): _("The facility decided that the fee can be paid later."),
    ("fee", FeeEvent.CANCEL): _("The referral was cancelled: nothing is to be paid any more."),
    ("fee", FeeEvent.REFUND): _("All that was paid has been given back."),
    ("prompt", PromptEvent.CREATE): _("The facility asked the phone %(phone)s for the money."),
    ("prompt", PromptEvent.ACCEPTED): _("M-Pesa took the request for the phone %(phone)s."),
    ("prompt", PromptEvent.DECLINED): _("M-Pesa refused the request: nothing was paid."),
    ("prompt", PromptEvent.GAVE_UP): _("The request could not be sent: nothing was paid."),
    ("prompt", PromptEvent.WITHDRAWN): _("The request was withdrawn before it was sent."),
    ("prompt", PromptEvent.ANSWER_LOST): _("M-Pesa did not answer clearly. We are asking what became of it."),
    ("prompt", PromptEvent.LEASE_EXPIRED): _("M-Pesa did not answer clearly. We are asking what became of it."),
    ("prompt", PromptEvent.RESTORED): _("M-Pesa did not answer clearly. We are asking what became of it."),
    ("prompt", PromptEvent.CONFIRMED): _("M-Pesa says: the phone %(phone)s has paid."),
    ("prompt", PromptEvent.FAILED): _("Nothing was paid from the phone %(phone)s."),
    ("prompt", PromptEvent.DOUBTED): _("It is not clear what was paid. A person is looking."),
    ("prompt", PromptEvent.OVERDUE): _("M-Pesa has not said what became of the request. A person is looking."),
    ("receipt", ReceiptEvent.ARRIVE): _("%(amount)s arrived. %(number)s"),
    ("refund", RefundEvent.APPROVE): _("Two people agreed to give %(amount)s back."),
    ("refund", RefundEvent.ACCEPTED): _("M-Pesa was told to give %(amount)s back."),
    ("refund", RefundEvent.SUCCEEDED): _("%(amount)s was given back. %(number)s"),
    ("refund", RefundEvent.REJECTED): _("M-Pesa did not give the money back. A person is looking."),
}
"""What a patient is told of each move."""
ASKED_HERE: Final = _("The phone %(phone)s was asked for the money, from this page.")

UNTOLD: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("prompt", PromptEvent.CLAIM),
        ("prompt", PromptEvent.NOT_SENT),  # it is sent again by itself
        *(("receipt", event) for event in ReceiptEvent if event is not ReceiptEvent.ARRIVE),
        *(
            ("refund", event)
            for event in RefundEvent
            if ("refund", event) not in MOVES  # what two people and a worker do with an order
        ),
    }
)
"""Moves that say nothing to a patient, or what another move says as well."""

TOO_OFTEN: Final[Mapping[str, Text]] = {
    limits.RING_PHONE.name: _("This phone was asked often enough. Ask it again after %(time)s, or pay as shown below."),
    limits.RING_PHONE_DAY.name: _(
        "This phone was asked often enough. Ask it again after %(time)s, or pay as shown below."
    ),
    limits.RING_LINK.name: _("Phones were asked often enough. Try again after %(time)s, or pay as shown below."),
    limits.RING_LINK_DAY.name: _("Phones were asked often enough. Try again after %(time)s, or pay as shown below."),
    limits.RING_ADDRESS.name: _(
        "Too many phones were asked over your connection. Try again after %(time)s, or pay as shown below."
    ),
    limits.BIRTH_LINK.name: _("The date of birth was tried too often. Try again after %(time)s."),
    limits.BIRTH_ADDRESS.name: _("The date of birth was tried too often. Try again after %(time)s."),
    limits.UNKNOWN_LINK.name: _("Too many wrong addresses came over your connection. Try again after %(time)s."),
}


_GONE: Final = _("This time cannot be had any more. Choose another one, or ask the health facility.")
OF_VISIT: Final[Mapping[type[RufaaError], Text]] = {
    SlotTaken: _("Somebody else was faster: this time is taken. Choose another one."),
    SlotClosed: _GONE,
    SlotNotFound: _GONE,
    AppointmentMoved: _GONE,
    AppointmentNotFound: _GONE,
}
"""Why a time for the visit could not be had, or given back."""


def refusal(error: RufaaError) -> str:
    """Why something was not done. Whatever it was, nothing was sent."""
    match error:
        case InvalidPhone():
            return gettext("That is not a Kenyan mobile number. Write it as 0712 345 678.")
        case PhoneBusy():
            seconds = error.data["secondsLeft"]
            return gettext("This phone is busy with another M-Pesa request. Try again in %(seconds)s seconds.") % {
                "seconds": seconds
            }
        case PromptLive():
            return gettext("Another phone is being asked just now. Wait until that has ended.")
        case PromptInReview():
            return gettext(
                "An earlier request may still turn out to be paid. A person is looking: do not pay again yet."
            )
        case PaidMeanwhile():
            return gettext("It may have been paid already. Ask the health facility before you pay again.")
        case FeeNotOpen():
            return gettext("Nothing is to be paid now.")
        case StaleForm() | Overtaken():
            return gettext("This page had become old, and nothing was sent. Look how it stands now.")
        case InvalidDay():
            return gettext("That is no date. Write day, month and year in digits, like 31 12 1980.")
        case _ if type(error) in OF_VISIT:
            return str(OF_VISIT[type(error)])
        case WrongDay():
            return gettext("That is not the date of birth that the health facility has.")
        case TooOften():
            return str(TOO_OFTEN[error.rule.name]) % {"time": clock_time(error.until)}
        case _:
            return gettext("That cannot be done now. Nothing was sent.")


def money(amount: Money) -> str:
    """``KES 1,000``, which never breaks over lines; cents only where there are some."""
    return str(amount).removesuffix(".00").replace(" ", _TIE)


def phone(number: str) -> str:
    """``0708 *** 149``, which never breaks over lines: enough for its owner, too little for others."""
    return f"0{number[3:6]}{_TIE}***{_TIE}{number[-3:]}" if len(number) == 12 else "***"


def clock_time(at: datetime) -> str:
    """``14:05`` in Nairobi, with the day where that is not today's."""
    there, now = at.astimezone(EAT), timezone.now().astimezone(EAT)
    if there.date() == now.date():
        return there.strftime("%H:%M")
    return f"{date_format(there, 'j F')}, {there:%H:%M}"


VISIT: Final[Mapping[str, Text]] = {
    State.HELD: _("It is kept for you until %(time)s. Pay before that."),
    State.BOOKED: _("It is yours."),
    State.ARRIVED: _("You have arrived."),
}
"""What a patient is told of the time that stands."""


def visit(booking: Booking | None) -> str:
    """What the time that was chosen waits for; empty where none stands."""
    if booking is None:
        return ""
    if booking.displaced:
        return gettext("The clinic is closed then. Choose another time, or ask there.")
    until = "" if booking.held_until is None else clock_time(booking.held_until)
    return str(VISIT[booking.state]) % {"time": until}


def day(when: date) -> str:
    """``Thursday 3 December``."""
    return date_format(when, "l j F")


def booked(there: Whereabouts) -> str:
    """``Thursday 3 December 2026, 10:00``; empty where nothing is booked."""
    day = date_format(date.fromisoformat(there.booked_date), "l j F Y") if there.booked_date else ""
    return ", ".join(part for part in (day, there.booked_time) if part)
