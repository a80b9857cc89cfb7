"""``referrals:…``: create, read and move referrals, and save their particulars."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, Literal

from rufaa.appointments import particulars
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.ids import from_wire
from rufaa.referrals import operations, queries
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import Box, ReferralNotFound, Seen
from rufaa.sync.values import Value

register = REGISTRY.module("referrals")

NOBODY: Final = uuid.UUID(int=0)
"""Whose referrals are listed where ``physicianId`` has not the form of an id: none."""

StatusWord = Literal[
    "pending-admin",
    "awaiting-biodata",
    "pending-payment",
    "paid",
    "confirmed",
    "completed",
    "rejected",
    "cancelled",
]


@register.mutation
def createReferral(
    caller: Caller,
    *,
    patientName: str,
    medicalHistory: str,
    labResults: str | list[Value],
    diagnosis: str,
    receivingFacility: str,
    priority: Literal["Routine", "Urgent", "Emergency"],
    patientId: str | None = None,
    referringHospital: str | None = None,
    physicianId: str | None = None,
) -> str:
    """Refer a patient. Facilities are given by name or id; the referring one and the physician default to the caller's
    own. Answers the referral's id."""
    row = operations.create(
        caller.tx,
        caller.actor,
        patient_name=patientName,
        patient_id=patientId or "",
        medical_history=medicalHistory,
        lab_results=labResults,
        diagnosis=diagnosis,
        receiving=receivingFacility,
        priority=Priority(priority),
        referring=referringHospital,
        physician=physicianId,
    )
    return row.pk.hex


@register.mutation
def updateReferralStatus(
    caller: Caller,
    *,
    referralId: str,
    status: StatusWord,
    stkPhoneNumber: str | None = None,
    reason: str | None = None,
) -> shapes.Referral:
    """One lawful move; the same status again is no error. Rejecting and cancelling need a reason; completing takes the
    outcome as reason. Into pending-payment with a known phone the prompt is sent. Answers the referral."""
    result = operations.update_status(
        caller.tx, caller.actor, referralId, target=Status(status), payer_phone=stkPhoneNumber, reason=reason
    )
    return documents.changed(caller.tx, caller.actor, result)


@register.mutation
def saveBiodata(
    caller: Caller,
    *,
    referralId: str,
    patientPhone: str,
    stkPhoneNumber: str,
    patientEmail: str | None = None,
    patientDateOfBirth: str | None = None,
    patientNationalId: str | None = None,
    bookedDate: str | None = None,
    bookedTime: str | None = None,
) -> shapes.Referral:
    """Save the particulars; from awaiting-biodata the referral moves on to pending-payment. Where the receiving
    facility has clinics, ``bookedDate`` and ``bookedTime`` take that slot (``bookings:createBooking``), and are refused
    where there is none; else they are kept as they are. Answers the referral."""
    result = particulars.save(
        caller.tx,
        caller.actor,
        referralId,
        patient_phone=patientPhone,
        payer_phone=stkPhoneNumber,
        email=patientEmail or "",
        date_of_birth=patientDateOfBirth or "",
        national_id=patientNationalId or "",
        booked_date=bookedDate or "",
        booked_time=bookedTime or "",
    )
    return documents.changed(caller.tx, caller.actor, result)


@register.mutation
def updatePhoneNumbers(caller: Caller, *, referralId: str, patientPhone: str, stkPhoneNumber: str) -> shapes.Referral:
    """Store the patient's and the payer's phone. Nothing is sent. Answers the referral."""
    result = operations.update_phones(
        caller.tx, caller.actor, referralId, patient_phone=patientPhone, payer_phone=stkPhoneNumber
    )
    return documents.changed(caller.tx, caller.actor, result)


def _listed(
    caller: Caller,
    options: dict[str, Value] | None,
    box: Box,
    *,
    status: Status | None = None,
    physician: uuid.UUID | None = None,
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    def read(after: str | None, until: str | None, limit: int) -> Sequence[Seen]:
        return queries.listed(
            caller.tx, caller.actor, box, status=status, physician=physician, after=after, until=until, limit=limit
        )

    def render(rows: Sequence[Seen]) -> list[shapes.Referral]:
        return documents.referrals(caller.tx, caller.actor, rows)

    return Listing(read, lambda seen: seen.referral.pk.hex, render).answer(options)


@register.query
def getReferral(caller: Caller, *, referralId: str) -> shapes.Referral | None:
    """One referral with its payment and what the caller may do with it; null if there is none to see. While something
    is open, ``payment.paybill`` says how to pay it by hand; ``payment.held``: no prompts are sent at the moment. The
    ``secondsLeft`` of a prompt go down in steps of 10 (on hold, of 60)."""
    try:
        seen = queries.see(caller.tx, caller.actor, referralId)
    except ReferralNotFound:
        return None
    return documents.referral(caller.tx, caller.actor, seen)


@register.query
def getReferralByToken(caller: Caller, *, referralToken: str) -> shapes.Referral | None:
    """One referral by the token of the patient's link; null if there is none to see."""
    seen = queries.see_by_token(caller.tx, caller.actor, referralToken)
    return None if seen is None else documents.referral(caller.tx, caller.actor, seen)


@register.query
def countByStatus(caller: Caller, *, box: Literal["incoming", "outgoing"] | None = None) -> shapes.Counts:
    """How many referrals the caller sees in each status: all, or those to or from their facilities."""
    counts = queries.count_by_status(caller.tx, caller.actor, Box.ALL if box is None else Box(box))
    return {
        "counts": {status.value: float(count) for status, count in counts.items()},
        "countedTo": queries.COUNTED_TO,
    }


@register.query
def getReferralsByStatus(
    caller: Caller, *, status: StatusWord, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Referrals of one status, newest first."""
    return _listed(caller, paginationOpts, Box.ALL, status=Status(status))


@register.query
def getReferralsByPhysician(
    caller: Caller, *, physicianId: str | None = None, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Referrals of one physician (of the caller, if none is named), newest first."""
    physician = caller.actor.user if physicianId is None else from_wire(physicianId) or NOBODY
    return _listed(caller, paginationOpts, Box.ALL, physician=physician)


@register.query
def getPendingReferrals(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Referrals that wait for an administrator's approval, newest first."""
    return _listed(caller, paginationOpts, Box.PENDING)


@register.query
def getIncomingReferrals(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Referrals to the caller's facilities, newest first."""
    return _listed(caller, paginationOpts, Box.INCOMING)


@register.query
def getOutgoingReferrals(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Referrals from the caller's facilities, newest first."""
    return _listed(caller, paginationOpts, Box.OUTGOING)


@register.query
def getCompletedReferrals(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """Completed referrals, newest first."""
    return _listed(caller, paginationOpts, Box.COMPLETED)
