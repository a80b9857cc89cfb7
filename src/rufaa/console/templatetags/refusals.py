"""``{{ problem|refusal }}``: what was refused, as staff read it, with the names that the forms and lists use."""

from __future__ import annotations

from enum import Enum
from typing import Final

from django import template
from django.utils.translation import gettext_lazy as _

from rufaa import spoken
from rufaa.appointments.machine import State
from rufaa.appointments.words import STATE
from rufaa.console import words
from rufaa.errors import RufaaError
from rufaa.payments.machine import FeeState
from rufaa.payments.refund_machine import RefundState
from rufaa.referrals.machine import Status

register = template.Library()

FIELDS: Final[spoken.Words] = {
    "patientName": _("Patient's name"),
    "patientId": _("Patient number"),
    "priority": _("How urgent is it?"),
    "referringHospital": _("From"),
    "receivingFacility": _("To which facility"),
    "physicianId": _("Referring doctor"),
    "diagnosis": _("Diagnosis"),
    "medicalHistory": _("History"),
    "labResults": _("Laboratory"),
    "patientPhone": _("Patient's phone"),
    "stkPhoneNumber": _("Phone that pays"),
    "phoneNumber": _("Phone"),
    "phone": _("Phone"),
    "patientDateOfBirth": _("Date of birth"),
    "patientNationalId": _("National ID"),
    "patientEmail": _("E-mail"),
    "bookedDate": _("Appointment: day"),
    "bookedTime": _("Appointment: time"),
    "reason": _("Why"),
    "slot": _("Time"),
    "day": _("From which day"),
    "name": _("Name"),
    "services": _("Services"),
    "hours": _("Hours"),
    "slot_minutes": _("Minutes of an appointment"),
    "slot_capacity": _("Patients at a time"),
    "day_capacity": _("Patients of a day, at most"),
    "hold_minutes": _("Minutes that a time waits for the fee"),
    "days_ahead": _("Days ahead that can be chosen"),
    "starts_on": _("From"),
    "starts_at": _("From"),
    "ends_on": _("To"),
    "ends_at": _("To"),
    **{f"hours_{day}": _("Hours") for day in range(1, 8)},
}
"""The arguments of the functions by the labels of the fields in which they are typed."""

PLAINER: Final[spoken.Words] = {
    "Say the outcome for the referring doctor, as reason.": _("Write the outcome for the referring doctor."),
    "Say why, as reason.": _("Say why."),
    "No payer phone is stored. Use triggerReferralPayment with a phone number.": _(
        "No phone that pays is stored. Type its number."
    ),
    "No prompt was sent for this referral yet. Use triggerReferralPayment.": _(
        "No prompt was sent for this referral yet. Send the first one."
    ),
    "No price is set for this referral. An operator sets one: rufaa price set.": _(
        "No price is set for this referral. Ask an operator to set one."
    ),
    "Several clinics have an appointment at this time: name one as clinicId.": _(
        "Several clinics have an appointment at this time: choose it on the referral's page."
    ),
    "Several clinics have free appointments: name one as clinicId.": _(
        "Several clinics have free appointments: choose one on the referral's page."
    ),
    "bookedTime needs bookedDate.": _("Choose the day of the appointment, too."),
    "Say why the appointment is moved, as reason.": _("Say why the appointment is moved."),
    "Say why the appointment is cancelled, as reason.": _("Say why the appointment is cancelled."),
    "You work in several facilities; name one as referringHospital: %(names)s.": _(
        "You work in several facilities; choose one: %(names)s."
    ),
    "physicianId is not a physician of the referring facility.": _(
        "The referring doctor is not a physician of this facility."
    ),
    "%(amount)s is not what is open: the fee is %(due)s. Leave the amount out, or give %(shillings)s.": _(
        "%(amount)s is not what is open: the fee is %(due)s."
    ),
}
"""For sentences that tell a program what to call."""


@register.filter
def refusal(problem: RufaaError) -> str:
    return spoken.refusal(problem, plainer=PLAINER, fields=FIELDS, word=_word)


def _word(member: Enum) -> str:
    match member:
        case Status():
            return f"“{words.STATUS[member]}”"
        case FeeState():
            return f"“{words.FEE[member]}”"
        case RefundState():
            return f"“{words.REFUND[member]}”"
        case State():
            return f"“{STATE[member]}”"
    return str(member.value)
