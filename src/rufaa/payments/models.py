"""Tables of fees, prompts, evidence and receipts, and the constraints that hold them.

The triggers that require the money and write the books stand in ``migrations/0002_guards.sql``.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility, MpesaAccount
from rufaa.payments.machine import LIVE, FeeState, PromptState, ReceiptState
from rufaa.payments.refund_models import Claim, Inquiry, Refund

__all__ = ["Claim", "Inquiry", "Refund"]  # Django finds the tables of an app here

_STATE = models.TextField
_LIVE = sorted(state.value for state in LIVE)
_MPESA_CENTS = models.Q(amount_cents__gte=100, amount_cents__lte=25_000_000)


class Fee(models.Model):
    """What is owed for one subject, frozen when it was raised: to whom, on which account, how much."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = _STATE()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")
    account_code = models.TextField(unique=True)  # AccountReference of its prompts, and the paybill account to type
    payee = models.ForeignKey(Facility, models.PROTECT)
    account = models.ForeignKey(MpesaAccount, models.PROTECT, db_index=False)
    amount_cents = models.BigIntegerField()

    class Meta:
        db_table = "fee"
        indexes: ClassVar = [
            models.Index(
                fields=["account", "amount_cents", "-created_at"],
                condition=models.Q(state__in=[FeeState.DUE, FeeState.DEFERRED]),
                name="fee_owed",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=_MPESA_CENTS, name="fee_amount"),
            models.CheckConstraint(condition=models.Q(state__in=list(FeeState)), name="fee_state"),
            models.CheckConstraint(condition=models.Q(account_code__regex=r"^[0-9A-Z]{1,12}$"), name="fee_code"),
        ]


class Exemption(models.Model):
    """A proposal to waive or defer a fee by hand; in force once a second person agrees."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    fee = models.ForeignKey(Fee, models.PROTECT)
    kind = models.TextField()  # waive or defer
    reason = models.TextField()
    proposed_by = models.UUIDField()
    seconded_by = models.UUIDField(null=True)
    seconded_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)  # another took its place, or the fee closed

    class Meta:
        db_table = "exemption"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=["waive", "defer"]), name="exemption_kind"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="exemption_reason"),
            models.CheckConstraint(
                condition=models.Q(seconded_by=None) | ~models.Q(seconded_by=models.F("proposed_by")),
                name="exemption_two_people",
            ),
            models.UniqueConstraint(
                fields=["fee"],
                condition=models.Q(seconded_at=None, withdrawn_at=None),
                name="exemption_one_open",
            ),
        ]


class Prompt(models.Model):
    """One STK push, committed before it is sent. It is its own queue: ``next_at`` and the lease say what is due."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = _STATE()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")
    fee = models.ForeignKey(Fee, models.PROTECT, db_index=False)  # prompt_attempt finds them
    account = models.ForeignKey(MpesaAccount, models.PROTECT, db_index=False)
    attempt = models.IntegerField()  # 1, 2, … for its fee
    payer_phone = models.TextField()
    amount_cents = models.BigIntegerField()
    # the queue
    next_at = models.DateTimeField(null=True, db_default=RufaaNow())  # when to send, or to ask; None: nothing to do
    lease = models.IntegerField(default=0, db_default=0)  # counts claims; a worker's writes carry the number it got
    lease_until = models.DateTimeField(null=True)
    # what Daraja said
    sent_at = models.DateTimeField(null=True)  # when the POST may first have gone out
    merchant_request_id = models.TextField(null=True)
    checkout_request_id = models.TextField(null=True, unique=True)
    code = models.TextField(default="", db_default="")  # the last errorCode or ResultCode
    message = models.TextField(default="", db_default="")  # its words, as Daraja wrote them
    queries = models.IntegerField(default=0, db_default=0)
    unpaid_queries = models.IntegerField(default=0, db_default=0)
    settled_at = models.DateTimeField(null=True)  # when it was last no longer live

    class Meta:
        db_table = "prompt"
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="prompt_due"),
            models.Index(fields=["next_at"], condition=models.Q(state="created"), name="prompt_to_send"),
            models.Index(fields=["sent_at"], condition=models.Q(next_at__isnull=False), name="prompt_sent"),
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="prompt_leased"),
            models.Index(fields=["payer_phone", "-created_at"], name="prompt_phone"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fee"], condition=models.Q(state__in=_LIVE), name="prompt_one_live_per_fee"
            ),
            models.UniqueConstraint(
                fields=["payer_phone"], condition=models.Q(state__in=_LIVE), name="prompt_one_live_per_phone"
            ),
            models.UniqueConstraint(fields=["fee", "attempt"], name="prompt_attempt"),
            models.CheckConstraint(condition=models.Q(state__in=list(PromptState)), name="prompt_state"),
            models.CheckConstraint(
                condition=models.Q(payer_phone__regex=r"^254[17][0-9]{8}$"), name="prompt_phone_form"
            ),
        ]


class Receipt(models.Model):
    """Money that arrived. ``number`` may be awaited (a query knows none).

    ``free_cents`` is what neither pays a fee, nor was given back, nor is promised to be. Triggers keep it.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = _STATE()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")
    number = models.TextField(null=True, unique=True)
    # no db_constraint, here and below: triggers ask for all rows of a statement (migrations/0014_asked_in_sets.sql)
    account = models.ForeignKey(MpesaAccount, models.PROTECT, db_index=False, db_constraint=False)
    amount_cents = models.BigIntegerField()
    free_cents = models.BigIntegerField(default=0, db_default=0)
    paid_at = models.DateTimeField(null=True)  # as M-Pesa says
    account_reference = models.TextField(default="", db_default="")  # what the payer typed, where it came by paybill
    names = models.ForeignKey(  # the fee whose code that is
        Fee, models.PROTECT, null=True, related_name="+", db_index=False
    )
    phone_shown = models.TextField(default="", db_default="")  # the payer's, as far as M-Pesa shows it
    # one push is at most one payment
    prompt = models.OneToOneField(Prompt, models.PROTECT, null=True, db_constraint=False)

    class Meta:
        db_table = "receipt"
        indexes: ClassVar = [
            models.Index(
                fields=["account", "amount_cents"],
                condition=models.Q(prompt=None, account_reference="", state="unapplied"),
                name="receipt_unreferenced",
            ),
            models.Index(
                fields=["account", "amount_cents", "paid_at"],
                condition=models.Q(prompt=None, account_reference=""),
                name="receipt_by_whom_unknown",
            ),
            models.Index(fields=["names"], condition=models.Q(names__isnull=False), name="receipt_names"),
            models.Index(fields=["created_at"], condition=models.Q(state="unapplied"), name="receipt_waiting"),
            models.Index(fields=["account", "amount_cents"], condition=models.Q(number=None), name="receipt_awaiting"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="receipt_amount"),
            models.CheckConstraint(
                condition=models.Q(free_cents__gte=0, free_cents__lte=models.F("amount_cents")), name="receipt_free"
            ),
            models.CheckConstraint(condition=models.Q(state__in=list(ReceiptState)), name="receipt_state"),
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[0-9A-Z]{6,20}$") | models.Q(number=None), name="receipt_number"
            ),
        ]


class Application(models.Model):
    """So much of a receipt pays this fee. Append-only; those of a fee sum to its amount by the commit that pays it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    at = models.DateTimeField(db_default=RufaaNow())
    receipt = models.ForeignKey(Receipt, models.PROTECT, db_constraint=False)
    fee = models.ForeignKey(Fee, models.PROTECT, db_index=False, db_constraint=False)  # application_once finds them
    amount_cents = models.BigIntegerField()
    by = models.UUIDField(null=True)  # the person who said so; None: settlement

    class Meta:
        db_table = "application"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="application_amount"),
            models.UniqueConstraint(fields=["fee", "receipt"], name="application_once"),
        ]


class Stray(models.Model):
    """A payment reported for a prompt that is not in this database, until an account confirms it (see ``strays``)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    prompt = models.UUIDField()  # as the callback's address says; of a C2B notice it is the account
    inbox = models.BigIntegerField()  # the callback
    checkout_request_id = models.TextField(null=True)
    receipt_number = models.TextField(null=True)
    amount_cents = models.BigIntegerField(null=True)  # as the callback says; no query tells it
    paid_at = models.DateTimeField(null=True)
    account = models.ForeignKey(MpesaAccount, models.PROTECT, null=True)  # the one to ask next, at last the one paid
    next_at = models.DateTimeField(null=True)  # when to ask; None: not any more
    queries = models.IntegerField(default=0, db_default=0)
    code = models.TextField(default="", db_default="")  # the last answer's
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True)  # where the money was found

    class Meta:
        db_table = "stray"
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="stray_due"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["checkout_request_id", "receipt_number"], name="stray_once"),
            models.UniqueConstraint(
                fields=["checkout_request_id"],
                condition=models.Q(receipt__isnull=False),
                name="stray_one_receipt",
            ),
        ]


class Evidence(models.Model):
    """One report from outside, verbatim, with what was made of it. Append-only.

    It is about a prompt, a stray, a claim, a refund, or about money on an ``account`` by its receipt number. Whatever
    it is about, it reports at most one receipt. Most rows are of a prompt: what they are not about is in no index.
    """

    at = models.DateTimeField(db_default=RufaaNow())
    channel = models.TextField()  # payments.machine.Channel
    prompt = models.ForeignKey(Prompt, models.PROTECT, null=True, db_index=False, db_constraint=False)
    stray = models.ForeignKey(Stray, models.PROTECT, null=True, db_index=False)
    claim = models.ForeignKey(Claim, models.PROTECT, null=True, db_index=False)
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, db_index=False)
    account = models.ForeignKey(MpesaAccount, models.PROTECT, null=True, db_index=False)
    # the receipt that it reports, where it does
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, db_constraint=False)
    inbox = models.BigIntegerField(null=True)  # the stored callback, where it is one
    verdict = models.TextField()
    result_code = models.TextField(default="", db_default="")
    result_desc = models.TextField(default="", db_default="")
    receipt_number = models.TextField(default="", db_default="")
    amount_cents = models.BigIntegerField(null=True)
    phone_shown = models.TextField(default="", db_default="")
    status = models.IntegerField(null=True)  # HTTP status of a query's answer
    body = models.BinaryField(default=b"", db_default=b"")  # a query's answer; a callback's bytes are in the inbox

    class Meta:
        db_table = "evidence"
        indexes: ClassVar = [
            models.Index(fields=["prompt", "id"], name="evidence_prompt"),
            models.Index(fields=["receipt_number"], condition=models.Q(account__isnull=False), name="evidence_arrival"),
            models.Index(fields=["stray"], condition=models.Q(stray__isnull=False), name="evidence_stray"),
            models.Index(fields=["claim"], condition=models.Q(claim__isnull=False), name="evidence_claim"),
            models.Index(fields=["refund"], condition=models.Q(refund__isnull=False), name="evidence_refund"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox"], condition=models.Q(inbox__isnull=False), name="evidence_once"),
            # Pull tells the same for two days: once is enough, and another amount is another report
            models.UniqueConstraint(
                fields=["account", "receipt_number", "amount_cents"],
                condition=models.Q(channel="pull"),
                name="evidence_pulled_once",
                nulls_distinct=False,
            ),
            # num_nonnulls() = 1 stands in the migration: Django has no such expression
        ]


class Task(models.Model):
    """Something that only a person can settle. One open task for one thing."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    opened_at = models.DateTimeField(db_default=RufaaNow())
    kind = models.TextField()  # unapplied, review, contradiction, refund, stray, claim, unread, unserved
    facility = models.ForeignKey(Facility, models.PROTECT, null=True)  # whose finance people work it; None: not known
    fee = models.ForeignKey(Fee, models.PROTECT, null=True)
    stray = models.ForeignKey(Stray, models.PROTECT, null=True)
    prompt = models.ForeignKey(Prompt, models.PROTECT, null=True)
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True)
    claim = models.ForeignKey(Claim, models.PROTECT, null=True)
    refund = models.ForeignKey(Refund, models.PROTECT, null=True)
    account = models.ForeignKey(MpesaAccount, models.PROTECT, null=True)  # whose money, where nothing else tells
    proposed_fee = models.ForeignKey(
        Fee, models.PROTECT, null=True, related_name="+"
    )  # likely, for a person to confirm
    proposed_why = models.TextField(default="", db_default="")
    why = models.TextField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.UUIDField(null=True)  # None: what it was about settled itself
    closed_as = models.TextField(default="", db_default="")  # what was done

    class Meta:
        db_table = "task"
        indexes: ClassVar = [
            models.Index(fields=["facility", "opened_at", "id"], condition=models.Q(closed_at=None), name="task_open"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "fee", "prompt", "receipt", "stray", "claim", "refund", "account"],
                condition=models.Q(closed_at=None),
                name="task_one_open",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(fee__isnull=False, facility__isnull=False)
                | models.Q(stray__isnull=False)
                | models.Q(account__isnull=False),
                name="task_of_something",
            ),
        ]


class Restoration(models.Model):
    """This database was restored from a backup: what came between the two instants is not here.

    Until somebody says that the money of that time was compared with M-Pesa's statement, no phone is asked for a fee of
    before unless a reason is given.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    backup_at = models.DateTimeField()  # what the backup holds is as it was then
    restored_at = models.DateTimeField(db_default=RufaaNow())
    compared_at = models.DateTimeField(null=True)
    compared = models.TextField(null=True)  # who compared it, and what was found; frozen once it is set

    class Meta:
        db_table = "restoration"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(compared_at=None, compared=None)
                | models.Q(compared_at__isnull=False, compared__isnull=False, compared__gt=""),
                name="restoration_compared",
            )
        ]


class Access(models.Model):
    """What all processes share about an account: the access token, who renews it, and the rate limits' state."""

    account = models.OneToOneField(MpesaAccount, models.PROTECT, primary_key=True)
    sealed_token = models.BinaryField(null=True)
    token_expires_at = models.DateTimeField(null=True)
    renewal = models.IntegerField(default=0, db_default=0)  # counts renewals: fences a late renewer
    renewing_until = models.DateTimeField(null=True)
    push_tat = models.DateTimeField(null=True)  # theoretical arrival time of the GCRA, see daraja.rate
    query_tat = models.DateTimeField(null=True)
    pull_at = models.DateTimeField(null=True)  # when Pull is asked next; None: not for this account
    pulled_until = models.DateTimeField(null=True)  # Pull has told of all payments until then

    class Meta:
        db_table = "mpesa_access"


class KeyCheck(models.Model):
    """Somebody wants to know whether an account's keys are right; a worker asks Safaricom, and says so here."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    asked_at = models.DateTimeField(db_default=RufaaNow())
    account = models.ForeignKey(MpesaAccount, models.PROTECT)
    facility = models.ForeignKey(Facility, models.PROTECT)
    asked_by = models.UUIDField()
    next_at = models.DateTimeField(db_default=RufaaNow())  # when a worker may begin it, anew where one died at it
    ended_at = models.DateTimeField(null=True)
    finding = models.TextField(default="", db_default="")
    said = models.TextField(default="", db_default="")

    class Meta:
        db_table = "key_check"
        indexes: ClassVar = [models.Index(fields=["account", "id"], name="key_check_account")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account"], condition=models.Q(ended_at=None), name="key_check_one_open"),
        ]
