"""The words of the pages for what the nouns call by short codes: statuses, priorities, roles, what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from rufaa.facilities.rights import Role
from rufaa.payments.claims import Typed
from rufaa.payments.machine import FeeState
from rufaa.payments.refund_machine import RefundState
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

REFUND: Final[Words] = {
    RefundState.PROPOSED: _("Proposed"),
    RefundState.WITHDRAWN: _("Withdrawn"),
    RefundState.APPROVED: _("Agreed"),
    RefundState.SENDING: _("On its way to M-Pesa"),
    RefundState.ORDERED: _("Ordered from M-Pesa"),
    RefundState.UNKNOWN: _("Not known"),
    RefundState.RESENDING: _("On its way to M-Pesa"),
    RefundState.DONE: _("Given back"),
    RefundState.FAILED: _("Did not go"),
}

TYPED: Final[Words] = {
    Typed.PAYS: _("Paid by this code."),
    Typed.FOR_FINANCE: _("The payment is there, but not of the fee's amount. The finance office decides."),
    Typed.ASKED: _("M-Pesa is asked about this code. The referral is paid once M-Pesa and finance agree."),
}
"""What became of a code that a person typed."""

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

_SAID: Final = (
    gettext_noop("The prompt is on its way. If the phone does not ring soon, look again before sending another."),
    gettext_noop("The prompt was sent. Enter the M-Pesa PIN on the phone."),
    gettext_noop("M-Pesa did not answer clearly; the phone may ring. It is being checked: do not send another."),
    gettext_noop("The money arrived after the fee was settled otherwise; finance will deal with it."),
    gettext_noop("M-Pesa says that it was paid, and the money was used for something else; a person is looking."),
    gettext_noop("It was paid, and the money was used for something else. The fee is open."),
    gettext_noop("It was paid, and the money was given back or pays something else."),
    gettext_noop("Paid."),
    gettext_noop("M-Pesa has not told what became of this prompt; a person is looking."),
    gettext_noop("The payment was made."),
    gettext_noop("There was not enough money in the M-Pesa account."),
    gettext_noop("The amount is less than M-Pesa allows."),
    gettext_noop("The amount is more than M-Pesa allows in one payment."),
    gettext_noop("The payment would exceed the day's M-Pesa limit of this phone."),
    gettext_noop("The payment would exceed the balance that the receiving account may hold."),
    gettext_noop("The payer's M-Pesa account cannot be used at present."),
    gettext_noop("M-Pesa refused a second payment of the same amount so soon after another; this is being checked."),
    gettext_noop("M-Pesa was too busy to answer clearly; this is being checked."),
    gettext_noop("The phone was busy with another M-Pesa request."),
    gettext_noop("The request expired before it was answered."),
    gettext_noop("M-Pesa could not send the request to the phone."),
    gettext_noop("The request was cancelled on the phone."),
    gettext_noop("The request did not reach the phone."),
    gettext_noop("The phone did not answer the request."),
    gettext_noop("The M-Pesa PIN was wrong."),
    gettext_noop("M-Pesa does not allow this account to receive this kind of payment."),
    gettext_noop("M-Pesa is still working on the payment."),
    gettext_noop("The payer's M-Pesa PIN is locked."),
    gettext_noop("M-Pesa does not know the number that should be paid."),
    gettext_noop("M-Pesa had a fault of its own; this is being checked."),
)
"""What payments say of a prompt (``queries.Attempt.words``, ``daraja.codes``), here so that it is translated. Where a
number or Daraja's own words are in it, it stays English."""


def said(words: str) -> str:
    """What payments say, in the language of the page."""
    return gettext(words)
