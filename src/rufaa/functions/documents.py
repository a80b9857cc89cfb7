"""How nouns look on the function API's wire: camelCase, ``_id``, ``_creationTime`` in milliseconds, shillings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from rufaa import clock, reads
from rufaa.db.atomic import Tx
from rufaa.errors import RufaaError
from rufaa.facilities.queries import Actor, Other
from rufaa.facilities.rights import Right, Side
from rufaa.functions import shapes
from rufaa.money import Money
from rufaa.payments.machine import OPEN_FEE, PromptState
from rufaa.payments.operations import PaidAlready, Requested
from rufaa.payments.paybill import Paybill
from rufaa.payments.queries import Attempt, Summary, attempt, summaries
from rufaa.payments.refund_machine import RefundMethod, RefundState
from rufaa.phone import Phone, masked
from rufaa.referrals.actions import allowed_actions
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.operations import Changed
from rufaa.referrals.queries import Seen
from rufaa.sync.values import Value

_STATUS: Final[Mapping[PromptState, Literal["pending", "completed", "failed", "unknown"]]] = {
    PromptState.CREATED: "pending",
    PromptState.SENDING: "pending",
    PromptState.PENDING: "pending",
    PromptState.UNKNOWN: "unknown",
    PromptState.REVIEW: "unknown",
    PromptState.PAID: "completed",
    PromptState.REFUSED: "failed",
    PromptState.UNPAID: "failed",
}


def referral(tx: Tx, actor: Actor, seen: Seen) -> shapes.Referral:
    return referrals(tx, actor, [seen])[0]


def referrals(tx: Tx, actor: Actor, rows: Sequence[Seen]) -> list[shapes.Referral]:
    """Documents as ``actor`` may see them; finance people get name, code and money, nothing medical."""
    fees = [seen.referral.fee_id for seen in rows if seen.referral.fee_id is not None]
    money = summaries(tx, fees) if fees else {}
    return [_referral(actor, seen, money.get(seen.referral.fee_id or uuid.UUID(int=0))) for seen in rows]


def _referral(actor: Actor, seen: Seen, money: Summary | None) -> shapes.Referral:
    row, patient = seen.referral, seen.referral.particulars
    proposal = money.proposal if money is not None else None
    last = money.last if money is not None else None
    document: shapes.Referral = {
        "_id": row.pk.hex,
        "_creationTime": clock.to_ms(row.created_at),
        "status": Status(row.state),
        "patientName": patient.name,
        "priority": Priority(row.priority),
        "referringHospital": row.referring.name,
        "referringFacilityId": row.referring_id.hex,
        "receivingFacility": row.receiving.name,
        "receivingFacilityId": row.receiving_id.hex,
        "accountCode": row.account_code,
        "stkSentCount": float(money.sent) if money is not None else 0.0,
        "payment": None if money is None else _payment(money),
        "allowedActions": list(
            allowed_actions(
                seen,
                actor=actor,
                last_prompt=None if last is None else last.state,
                proposal_by=None if proposal is None else proposal["by"],
            )
        ),
    }
    if proposal is not None:
        document["exemptionProposal"] = {"kind": proposal["kind"], "reason": proposal["reason"]}
    if not seen.medical:
        return document
    medical: shapes.Referral = {
        **document,
        "patientId": patient.external_id or None,
        "medicalHistory": row.medical_history,
        "labResults": row.lab_results,
        "diagnosis": row.diagnosis,
        "physicianId": row.physician_id.hex,
        "physicianName": row.physician.full_name or row.physician.username,
        "patientPhone": patient.phone or None,
        "stkPhoneNumber": patient.payer_phone or None,
        "patientEmail": patient.email or None,
        "patientDateOfBirth": patient.date_of_birth or None,
        "patientNationalId": patient.national_id or None,
        "bookedDate": patient.booked_date or None,
        "bookedTime": patient.booked_time or None,
        "referralToken": row.token,
        "statusReason": row.reason or None,
    }
    return medical


def _payment(money: Summary) -> shapes.ReferralPayment:
    payment: shapes.ReferralPayment = {"amount": float(money.amount.shillings), "status": money.state}
    if money.receipt_number is not None:
        payment["receipt"] = money.receipt_number
    if money.last is not None:
        payment["prompt"] = {
            "_id": money.last.id.hex,
            "status": money.last.state,
            "phoneNumber": money.last.phone,
            "attemptNumber": float(money.last.attempt),
            "secondsLeft": float(money.last.seconds_left),
            "message": money.last.words,
        }
        if money.last.next_step_s is not None:
            reads.changes_in(money.last.next_step_s)
    if money.state in OPEN_FEE:
        payment["paybill"] = _paybill(money.paybill)
        if money.held:
            payment["held"] = True
    return payment


def _paybill(by_hand: Paybill) -> shapes.Paybill:
    """What to type into M-Pesa where no prompt rings."""
    document: shapes.Paybill = {
        "shortCode": by_hand.short_code,
        "accountCode": by_hand.account_code,
        "amount": float(by_hand.amount.shillings),
    }
    if by_hand.till is not None:
        document["till"] = by_hand.till
    return document


def changed(tx: Tx, actor: Actor, result: Changed) -> shapes.Referral:
    """A referral after a move, with what became of the prompt that the move may send."""
    document = referral(tx, actor, result.seen)
    match result.prompt:
        case None:
            pass
        case Requested(prompt=prompt, joined=joined):
            row = attempt(tx, prompt)
            if row.held:
                document["promptNotice"] = {"code": HELD, "message": row.words}
            elif joined:
                document["promptNotice"] = {"code": "joined", "message": _JOINED}
            else:
                document["promptNotice"] = {"code": "sent", "message": _SENT}
        case PaidAlready():
            document["promptNotice"] = {"code": "already-paid", "message": _PAID_ALREADY}
        case RufaaError() as error:
            document["promptNotice"] = {
                "code": error.code,
                "message": error.message,
                "data": cast("dict[str, Value]", dict(error.data)),
            }
    return document


HELD: Final = "held"
_SENT: Final = "The prompt is on its way to the phone."
_JOINED: Final = "A prompt is already on its way to this phone; nothing was sent again."
_PAID_ALREADY: Final = "The fee is paid already; nothing was sent."


def payment(referral_id: uuid.UUID, row: Attempt) -> shapes.PaymentAttempt:
    """One attempt, and its receipt where the money came."""
    document: shapes.PaymentAttempt = {
        "_id": row.id.hex,
        "_creationTime": clock.to_ms(row.created_at),
        "referralId": referral_id.hex,
        "amount": float(row.amount.shillings),
        "phoneNumber": row.phone,
        "attemptNumber": float(row.attempt),
        "status": _STATUS[row.state],
        "promptStatus": row.state,
        "message": row.words,
    }
    if row.checkout_request_id is not None:
        document["stkRequestId"] = row.checkout_request_id
    if row.merchant_request_id is not None:
        document["merchantRequestId"] = row.merchant_request_id
    if row.receipt_number is not None:
        document["mpesaTransactionId"] = row.receipt_number
    if row.paid_at is not None:
        document["paidAt"] = clock.to_ms(row.paid_at)
    if _STATUS[row.state] == "failed":
        document["errorMessage"] = row.words
        document["errorCode"] = row.code
    if row.unapplied:
        document["unapplied"] = True
    if row.held:
        document["held"] = True
        document["paybill"] = _paybill(row.paybill)
    return document


def sent(referral_id: uuid.UUID, row: Attempt, *, joined: bool) -> shapes.PromptAnswer:
    """The answer of a function that sends. ``success``: Daraja accepted, or it was under way or paid already.

    A prompt on hold has the status "held", and says how to pay by hand.
    """
    under_way = joined and row.live and row.state is not PromptState.UNKNOWN and not row.held
    document: shapes.PromptAnswer = {
        "success": row.state in {PromptState.PENDING, PromptState.PAID} or under_way,
        "status": HELD if row.held else row.state,
        "message": f"{_JOINED} {row.words}" if joined and row.live and not row.held else row.words,
        "referralId": referral_id.hex,
        "phoneNumber": row.phone,
        "amount": float(row.amount.shillings),
        "attemptNumber": float(row.attempt),
        "paymentId": row.id.hex,
        "joined": joined,
    }
    if row.held:
        document["paybill"] = _paybill(row.paybill)
    if row.checkout_request_id is not None:
        document["checkoutRequestId"] = row.checkout_request_id
    if row.merchant_request_id is not None:
        document["merchantRequestId"] = row.merchant_request_id
    return document


def already_paid(
    referral_id: uuid.UUID, asked: PaidAlready, *, phone: Phone, paid_by: Attempt | None
) -> shapes.PromptAnswer:
    """Nothing was sent, since the money is there; ``paid_by`` is the attempt that brought it, where one did."""
    document: shapes.PromptAnswer = {
        "success": True,
        "alreadyPaid": True,
        "status": PromptState.PAID,
        "message": _PAID_ALREADY,
        "referralId": referral_id.hex,
        "phoneNumber": phone,
        "amount": float(asked.amount.shillings),
    }
    if paid_by is None:
        return document
    whole: shapes.PromptAnswer = {**sent(referral_id, paid_by, joined=False), **document}
    del whole["joined"]
    return whole


_AT_A_GLANCE: Final[
    Mapping[
        PromptState,
        Literal["none", "held", "on-its-way", "enter-pin", "checking", "paid", "not-paid", "not-sent", "review"],
    ]
] = {
    PromptState.CREATED: "on-its-way",
    PromptState.SENDING: "on-its-way",
    PromptState.PENDING: "enter-pin",
    PromptState.UNKNOWN: "checking",
    PromptState.REFUSED: "not-sent",
    PromptState.PAID: "paid",
    PromptState.UNPAID: "not-paid",
    PromptState.REVIEW: "review",
}


def prompt_status(
    seen: Seen, money: Summary | None, attempts: Sequence[Attempt], row: Attempt | None
) -> shapes.PromptStatus:
    """What a page shows of ``row``, one of the fee's ``attempts``. No countdown is in it, so that it stays the same
    until something happens."""
    document: shapes.PromptStatus = {
        "referralId": seen.referral.pk.hex,
        "paymentId": None,
        "status": "none",
        "message": "No prompt was sent yet.",
        "phoneNumber": None,
        "attemptNumber": 0.0,
        "live": False,
        "againAt": None,
        "reasonNeeded": any(attempt.in_doubt for attempt in attempts),
        "receipt": None if money is None else money.receipt_number,
        "amount": None if money is None else float(money.amount.shillings),
        "feeStatus": None if money is None else money.state,
        "held": money is not None and money.held,
        "paybill": _paybill(money.paybill) if money is not None and money.state in OPEN_FEE else None,
    }
    if row is not None:
        document["paymentId"] = row.id.hex
        document["status"] = "held" if row.held else _AT_A_GLANCE[row.state]
        document["message"] = row.words
        document["phoneNumber"] = row.phone if seen.medical else masked(row.phone)
        document["attemptNumber"] = float(row.attempt)
        document["live"] = row.live
        document["againAt"] = None if row.again_at is None else clock.to_ms(row.again_at)
    if money is not None and money.paid and (row is None or row.state is not PromptState.PAID):
        document["message"] = f"Paid. M-Pesa receipt {money.receipt_number}." if money.receipt_number else "Paid."
    return document


# --- facilities ----------------------------------------------------------------------------------------------------


def me(actor: Actor, facilities: Sequence[Mapping[str, Any]]) -> shapes.Me:
    creates = set(actor.facilities_with(Right.CREATE, Side.REFERRING))
    return {
        "_id": actor.user.hex,
        "name": actor.name,
        "operator": actor.is_operator,
        "facilities": [
            {
                "_id": row["id"].hex,
                "_creationTime": clock.to_ms(row["created_at"]),
                "name": row["name"],
                "roles": sorted(role for facility, role in actor.memberships if facility == row["id"]),
                "mayRefer": row["id"] in creates,
                "promptsAtOnce": row["prompts_at_once"],
            }
            for row in facilities
        ],
    }


def destinations(rows: Sequence[Other]) -> list[shapes.Destination]:
    return [
        {
            "_id": row.id.hex,
            "_creationTime": clock.to_ms(row.created_at),
            "name": row.name,
            "price": None if row.price is None else shillings(row.price),
        }
        for row in rows
    ]


def price(row: Mapping[str, Any]) -> shapes.Price:
    document: shapes.Price = {
        "_id": row["id"].hex,
        "_creationTime": clock.to_ms(row["created_at"]),
        "facilityId": row["facility_id"].hex,
        "facility": row["facility"],
        "receivingFacilityId": None if row["receiving_id"] is None else row["receiving_id"].hex,
        "receivingFacility": row["receiving"],
        "payeeId": row["payee_id"].hex,
        "payee": row["payee"],
        "amount": shillings(Money(row["amount_cents"])),
        "shortCode": row["short_code"],
    }
    if row["till_number"]:
        document["till"] = row["till_number"]
    return document


# --- for finance people --------------------------------------------------------------------------------------------


def shillings(amount: Money) -> float:
    """A number: whole where it is whole."""
    return float(amount.decimal)


def _cents(row: Mapping[str, Any], name: str) -> float | None:
    return None if row[name] is None else shillings(Money(row[name]))


def unapplied(row: Mapping[str, Any]) -> shapes.UnappliedReceipt:
    return {
        "_id": row["id"].hex,
        "_creationTime": clock.to_ms(row["created_at"]),
        "mpesaTransactionId": row["number"],
        "amount": _cents(row, "amount_cents"),
        "free": _cents(row, "free_cents"),
        "paidAt": None if row["paid_at"] is None else clock.to_ms(row["paid_at"]),
        "reference": row["account_reference"],
        "phoneShown": masked(row["phone_shown"]) if row["phone_shown"] else None,
        "account": row["books"],
        "why": row["why"],
        "proposedAccountCode": row["proposed_code"],
        "proposedAmount": _cents(row, "proposed_cents"),
    }


def refund(row: Mapping[str, Any]) -> shapes.Refund:
    return {
        "_id": row["id"].hex,
        "_creationTime": clock.to_ms(row["created_at"]),
        "status": RefundState(row["state"]),
        "receiptId": row["receipt_id"].hex,
        "mpesaTransactionId": row["receipt_number"],
        "accountCode": row["account_code"],
        "amount": _cents(row, "amount_cents"),
        "method": RefundMethod(row["method"]),
        "phoneNumber": masked(row["phone"]) if row["phone"] else None,
        "reason": row["why"],
        "proposedBy": row["proposed_by"].hex,
        "approvedBy": None if row["approved_by"] is None else row["approved_by"].hex,
        "refundTransactionId": row["number"],
        "errorMessage": row["message"] or None,
    }


def task(row: Mapping[str, Any], *, referral: uuid.UUID | None) -> shapes.Task:
    return {
        "_id": row["id"].hex,
        "_creationTime": clock.to_ms(row["opened_at"]),
        "kind": row["kind"],
        "why": row["why"],
        "referralId": None if referral is None else referral.hex,
        "accountCode": row["account_code"],
        "proposedAccountCode": row["proposed_code"],
        "receiptId": None if row["receipt_id"] is None else row["receipt_id"].hex,
        "mpesaTransactionId": row["receipt_number"],
        "free": _cents(row, "free_cents"),
        "paymentId": None if row["prompt_id"] is None else row["prompt_id"].hex,
        "refundId": None if row["refund_id"] is None else row["refund_id"].hex,
    }
