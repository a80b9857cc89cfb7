"""Tables of what goes back, and of what is asked about before it is believed: refunds, claims and questions.

What holds them besides the constraints here stands in ``migrations/0008_worked_money_guards.sql``.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import MpesaAccount
from rufaa.payments.refund_machine import LIVE_REFUND, RefundMethod, RefundState

_STATE = models.TextField
_LIVE_REFUND = sorted(state.value for state in LIVE_REFUND)


class Refund(models.Model):
    """Money of a receipt that two people want to give back, and what became of the order. Its own queue, as a prompt.

    ``fee``: the paid fee whose money it is; None: it waits in unapplied.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = _STATE()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")  # of the last move, where a person gave one
    receipt = models.ForeignKey("payments.Receipt", models.PROTECT)
    fee = models.ForeignKey("payments.Fee", models.PROTECT, null=True)
    amount_cents = models.BigIntegerField()
    method = models.TextField()
    phone = models.TextField(default="", db_default="")  # who gets a payout
    why = models.TextField()
    proposed_by = models.UUIDField()
    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)
    # the queue
    next_at = models.DateTimeField(null=True)  # when to send, or to ask; None: nothing to do
    lease = models.IntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    # what Daraja said
    sent_at = models.DateTimeField(null=True)  # when an order may first have gone out
    orders = models.IntegerField(default=0, db_default=0)  # how many may have been taken
    conversation_id = models.TextField(null=True)
    originator_conversation_id = models.TextField(null=True)
    code = models.TextField(default="", db_default="")
    message = models.TextField(default="", db_default="")
    number = models.TextField(null=True, unique=True)  # M-Pesa's number of the giving back itself
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refund"
        indexes: ClassVar = [
            models.Index(fields=["receipt"], name="refund_receipt"),
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="refund_due"),
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="refund_leased"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="refund_amount"),
            models.CheckConstraint(condition=models.Q(state__in=list(RefundState)), name="refund_state"),
            models.CheckConstraint(condition=models.Q(method__in=list(RefundMethod)), name="refund_method"),
            models.CheckConstraint(
                condition=models.Q(method=RefundMethod.REVERSAL, phone="")
                | models.Q(method=RefundMethod.B2C, phone__regex=r"^254[17][0-9]{8}$"),
                name="refund_phone",
            ),
            models.CheckConstraint(condition=~models.Q(why=""), name="refund_why"),
            models.CheckConstraint(
                condition=models.Q(approved_by=None) | ~models.Q(approved_by=models.F("proposed_by")),
                name="refund_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=False)
                | models.Q(state__in=[RefundState.PROPOSED, RefundState.WITHDRAWN]),
                name="refund_approved",
            ),
            models.UniqueConstraint(
                fields=["receipt", "fee"],
                condition=models.Q(state__in=_LIVE_REFUND),
                name="refund_one_live",
                nulls_distinct=False,
            ),
        ]


class Claim(models.Model):
    """A payment that is reported by its receipt number and not believed yet: an untrusted notice, or a typed code.

    It becomes a receipt when Safaricom, asked, says so. Never by itself.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    account = models.ForeignKey(MpesaAccount, models.PROTECT)
    number = models.TextField()
    channel = models.TextField()  # c2b or typed
    amount_cents = models.BigIntegerField(null=True)
    paid_at = models.DateTimeField(null=True)
    account_reference = models.TextField(default="", db_default="")
    phone_shown = models.TextField(default="", db_default="")
    fee = models.ForeignKey("payments.Fee", models.PROTECT, null=True)  # which a typed code is said to pay
    by = models.UUIDField(null=True)  # who typed it
    inbox = models.BigIntegerField(null=True)
    next_at = models.DateTimeField(null=True)  # when to ask; None: not any more
    asked = models.IntegerField(default=0, db_default=0)
    receipt = models.ForeignKey("payments.Receipt", models.PROTECT, null=True)  # the money, once it is confirmed
    ended_at = models.DateTimeField(null=True)
    ended_as = models.TextField(default="", db_default="")  # confirmed, refused or given-up

    class Meta:
        db_table = "claim"
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="claim_due"),
            models.Index(fields=["number"], name="claim_number"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(number__regex=r"^[0-9A-Z]{6,20}$"), name="claim_number_form"),
            models.CheckConstraint(condition=models.Q(channel__in=["c2b", "typed"]), name="claim_channel"),
            models.UniqueConstraint(
                fields=["account", "number", "channel", "fee"],
                condition=models.Q(ended_at=None),
                name="claim_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_as="")
                | models.Q(ended_at__isnull=False, ended_as__in=["confirmed", "refused", "given-up"]),
                name="claim_ended",
            ),
        ]


class Inquiry(models.Model):
    """One question for a transaction's status, whose answer comes to an address of its own. It moves no money."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    account = models.ForeignKey(MpesaAccount, models.PROTECT)
    claim = models.ForeignKey(Claim, models.PROTECT, null=True)
    refund = models.ForeignKey(Refund, models.PROTECT, null=True)
    receipt_number = models.TextField(null=True)  # asked by this, or by the next
    original_conversation_id = models.TextField(null=True)
    conversation_id = models.TextField(null=True)  # the question's own ids
    originator_conversation_id = models.TextField(null=True)
    code = models.TextField(default="", db_default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "inquiry"
        indexes: ClassVar = [
            models.Index(fields=["claim"], condition=models.Q(claim__isnull=False), name="inquiry_claim"),
            models.Index(fields=["refund"], condition=models.Q(refund__isnull=False), name="inquiry_refund"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(claim__isnull=False) ^ models.Q(refund__isnull=False), name="inquiry_about_one"
            ),
            models.CheckConstraint(
                condition=models.Q(receipt_number__isnull=False) ^ models.Q(original_conversation_id__isnull=False),
                name="inquiry_by_one",
            ),
        ]
