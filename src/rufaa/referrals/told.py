"""What happened to a referral and its money, told in sentences: by ``rufaa explain``, and on the pages of staff.

One query, whatever happened. Who may be told of a referral has passed its gate (``queries``) before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_noop as _

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments.machine import FeeEvent, PromptEvent, ReceiptEvent
from rufaa.payments.refund_machine import RefundEvent
from rufaa.referrals.machine import Event as Move

_SQL: Final = sql.load(__file__, "told.sql")

MOVES: Final[Mapping[tuple[str, str], str]] = {
    ("referral", Move.CREATE): _("The referral was made."),
    ("referral", Move.APPROVE): _("The referral was approved."),
    ("referral", Move.REJECT): _("The referral was rejected."),
    ("referral", Move.ASK_PAYMENT): _("The payment was asked for."),
    ("referral", Move.MONEY_SEEN): _("The money was seen: the referral is paid."),
    ("referral", Move.CONFIRM): _("The receiving facility confirmed."),
    ("referral", Move.CONFIRM_EMERGENCY): _("The receiving facility confirmed the emergency."),
    ("referral", Move.COMPLETE): _("The referral was completed."),
    ("referral", Move.CANCEL): _("The referral was cancelled."),
    ("fee", FeeEvent.RAISE): _("The fee was raised."),
    ("fee", FeeEvent.RAISE_DEFERRED): _("The fee was raised, deferred: an emergency does not wait for it."),
    ("fee", FeeEvent.PAY): _("The fee is paid."),
    ("fee", FeeEvent.WAIVE): _("Two people waived the fee."),
    ("fee", FeeEvent.DEFER): _("Two people deferred the fee."),
    ("fee", FeeEvent.CANCEL): _("The fee was given up with the referral."),
    ("fee", FeeEvent.REFUND): _("The fee was refunded."),
    ("prompt", PromptEvent.CREATE): _("Prompt {attempt} to {phone} was asked for."),
    ("prompt", PromptEvent.CLAIM): _("Prompt {attempt} is being sent."),
    ("prompt", PromptEvent.ACCEPTED): _("M-Pesa took prompt {attempt}: the phone rings."),
    ("prompt", PromptEvent.DECLINED): _("M-Pesa refused prompt {attempt}: no phone rang."),
    ("prompt", PromptEvent.NOT_SENT): _("M-Pesa did not take prompt {attempt}; it is sent again later."),
    ("prompt", PromptEvent.GAVE_UP): _("Prompt {attempt} could not be sent in time and was given up: no phone rang."),
    ("prompt", PromptEvent.WITHDRAWN): _("Prompt {attempt} was withdrawn before it was sent."),
    ("prompt", PromptEvent.ANSWER_LOST): _(
        "M-Pesa's answer to prompt {attempt} was lost: the phone may ring. It is asked about, never sent again."
    ),
    ("prompt", PromptEvent.LEASE_EXPIRED): _(
        "The worker that was sending prompt {attempt} stopped: the phone may ring. It is asked about, never sent again."
    ),
    ("prompt", PromptEvent.CONFIRMED): _("Prompt {attempt} is paid."),
    ("prompt", PromptEvent.FAILED): _("Prompt {attempt} brought no money."),
    ("prompt", PromptEvent.DOUBTED): _("Prompt {attempt} is in doubt: a person looks, and M-Pesa is asked."),
    ("prompt", PromptEvent.OVERDUE): _("M-Pesa did not tell what became of prompt {attempt}: a person looks."),
    ("prompt", PromptEvent.RESTORED): _(
        "Prompt {attempt} was waiting when the backup was made that was restored here:"
        " it may have been sent since. It is never sent again."
    ),
    ("receipt", ReceiptEvent.ARRIVE): _("{receipt} is in the books with {amount}."),
    ("receipt", ReceiptEvent.APPLY): _("{receipt} pays: nothing of it waits."),
    ("receipt", ReceiptEvent.PART_APPLY): _("A part of {receipt} pays; the rest waits."),
    ("receipt", ReceiptEvent.GIVE_BACK): _("All of {receipt} was given back."),
    ("receipt", ReceiptEvent.PART_GIVE_BACK): _("A part of {receipt} was given back; the rest waits."),
    ("receipt", ReceiptEvent.GIVE_BACK_REST): _("What no fee needed of {receipt} was given back."),
    ("receipt", ReceiptEvent.RETURN): _("What {receipt} paid was given back: nothing of it is left here."),
    ("receipt", ReceiptEvent.PART_RETURN): _("What {receipt} paid of a fee was given back; the rest stays."),
    ("refund", RefundEvent.PROPOSE): _("To give {amount} of {receipt} back was proposed."),
    ("refund", RefundEvent.WITHDRAW): _("The refund of {amount} was withdrawn before M-Pesa was asked for it."),
    ("refund", RefundEvent.APPROVE): _("A second person agreed to the refund of {amount}."),
    ("refund", RefundEvent.CLAIM): _("The refund of {amount} is being ordered."),
    ("refund", RefundEvent.ACCEPTED): _("M-Pesa took the order to give {amount} back; its result will come."),
    ("refund", RefundEvent.DECLINED): _(
        "M-Pesa refused the order to give {amount} back: nothing was given back, and the money is free again."
    ),
    ("refund", RefundEvent.NOT_SENT): _(
        "M-Pesa did not take the order to give {amount} back; it is given again later."
    ),
    ("refund", RefundEvent.ANSWER_LOST): _(
        "M-Pesa's answer to the order to give {amount} back was lost: the money may have gone."
    ),
    ("refund", RefundEvent.LEASE_EXPIRED): _("The worker that ordered {amount} back stopped: the money may have gone."),
    ("refund", RefundEvent.SILENT): _(
        "M-Pesa did not tell what became of the order to give {amount} back: the money may have gone."
    ),
    ("refund", RefundEvent.RESEND): _(
        "The order to give {amount} back is given again, as the same one: M-Pesa carries it out once."
    ),
    ("refund", RefundEvent.SUCCEEDED): _("{amount} went back."),
    ("refund", RefundEvent.REJECTED): _(
        "The order to give {amount} back failed: nothing was given back, and the money is free again."
    ),
    ("refund", RefundEvent.RESTORED): _(
        "The refund of {amount} was waiting when the backup was made that was restored"
        " here: it may have been ordered since."
    ),
}
"""Every event of every machine. ``receipt`` is "receipt UKN…", ``amount`` the money that the row is about."""


PROPOSED: Final[Mapping[str, str]] = {
    "waive": _("To waive the fee was proposed."),
    "defer": _("To defer the fee was proposed."),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened. ``words`` may have places for attempt, phone, receipt and amount (see ``MOVES``)."""

    at: datetime
    machine: str
    event: str
    state: str
    words: str
    who: str | None  # None: settlement or the worker
    reason: str
    attempt: int | None
    phone: str | None
    receipt: str | None
    amount: Money | None


def of_referral(tx: Tx, referral: uuid.UUID, fee: uuid.UUID | None) -> list[Happened]:
    """Every move of the referral, its fee, prompts, receipts and refunds, and each proposal; oldest first."""
    return [
        Happened(
            at=row["at"],
            machine=row["machine"],
            event=row["event"],
            state=row["to_state"],
            words=PROPOSED[row["event"]] if row["machine"] == "exemption" else MOVES[row["machine"], row["event"]],
            who=row["who"],
            reason=row["reason"],
            attempt=row["attempt"],
            phone=row["payer_phone"],
            receipt=row["number"],
            amount=None if row["amount_cents"] is None else Money(row["amount_cents"]),
        )
        for row in tx.rows(_SQL["of_referral"], {"referral": referral, "fee": fee})
    ]


def since(tx: Tx, referrals: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """Since when each of these has the status that it has."""
    return {row["id"]: row["at"] for row in tx.rows(_SQL["since"], {"referrals": list(referrals)})}
