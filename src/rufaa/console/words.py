"""The words of the pages for what the nouns call by short codes: statuses, priorities, roles, what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa.facilities.rights import Role
from rufaa.payments.machine import FeeState
from rufaa.referrals.machine import Priority, Status

Words = Mapping[str, str | Promise]

STATUS: Final[Words] = {
    Status.PENDING_ADMIN: _("To approve"),
    Status.AWAITING_BIODATA: _("Particulars"),
    Status.PENDING_PAYMENT: _("To be paid"),
    Status.PAID: _("Paid"),
    Status.CONFIRMED: _("Confirmed"),
    Status.COMPLETED: _("Completed"),
    Status.REJECTED: _("Rejected"),
    Status.CANCELLED: _("Cancelled"),
}

LOOKS: Final[Mapping[str, str]] = {
    Status.PENDING_ADMIN: "wait",
    Status.AWAITING_BIODATA: "wait",
    Status.PENDING_PAYMENT: "wait",
    Status.PAID: "good",
    Status.CONFIRMED: "good",
    Status.COMPLETED: "good",
    Status.REJECTED: "bad",
    Status.CANCELLED: "bad",
}
"""How a status stands in a list: the classes of a badge."""

WAITS_FOR: Final[Words] = {
    Status.PENDING_ADMIN: _("An administrator of the referring facility has to approve it."),
    Status.AWAITING_BIODATA: _("The referring facility has to fill in the particulars."),
    Status.PENDING_PAYMENT: _("The fee has to be paid."),
    Status.PAID: _("The receiving facility has to confirm it."),
    Status.CONFIRMED: _("The receiving facility sees the patient and writes the outcome."),
    Status.COMPLETED: _("Everything is done."),
    Status.REJECTED: _("Nothing more happens here."),
    Status.CANCELLED: _("Nothing more happens here."),
}

FEE: Final[Words] = {
    FeeState.DUE: _("To be paid"),
    FeeState.PAID: _("Paid"),
    FeeState.WAIVED: _("Waived: nothing is owed"),
    FeeState.DEFERRED: _("Deferred: it holds nobody up"),
    FeeState.REFUNDED: _("Given back"),
}

PRIORITY: Final[Words] = {
    Priority.ROUTINE: _("Routine"),
    Priority.URGENT: _("Urgent"),
    Priority.EMERGENCY: _("Emergency"),
}

ROLE: Final[Words] = {
    Role.PHYSICIAN: _("Physician"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.RECEPTION: _("Reception"),
    Role.FINANCE: _("Finance"),
}
