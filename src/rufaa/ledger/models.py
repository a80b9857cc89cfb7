"""The table of transfers. ``debit`` and ``credit`` are account names; see docs/states.md for the postings."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa.db.fields import RufaaNow

KINDS = ("raised", "received", "applied", "waived", "returned", "refunded")


class Transfer(models.Model):
    """One transfer: ``amount_cents`` > 0 from ``credit`` to ``debit``. Append-only; each kind once for its subject."""

    at = models.DateTimeField(db_default=RufaaNow())
    kind = models.TextField()
    debit = models.TextField()
    credit = models.TextField()
    amount_cents = models.BigIntegerField()
    account = models.UUIDField()  # the M-Pesa account whose books these are
    fee = models.UUIDField(null=True)
    receipt = models.UUIDField(null=True)
    refund = models.UUIDField(null=True)

    class Meta:
        db_table = "transfer"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="transfer_amount"),
            models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="transfer_kind"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["raised", "waived"], fee__isnull=False)
                | models.Q(kind="received", receipt__isnull=False)
                | models.Q(kind="applied", fee__isnull=False, receipt__isnull=False)
                | models.Q(kind="returned", fee__isnull=False, receipt__isnull=False, refund__isnull=False)
                | models.Q(kind="refunded", receipt__isnull=False, refund__isnull=False),
                name="transfer_subject",
            ),
            models.CheckConstraint(condition=~models.Q(debit=models.F("credit")), name="transfer_two_accounts"),
            models.UniqueConstraint(
                fields=["fee", "kind"], condition=models.Q(kind__in=["raised", "waived"]), name="transfer_fee_once"
            ),
            models.UniqueConstraint(
                fields=["receipt"], condition=models.Q(kind="received"), name="transfer_receipt_once"
            ),
            models.UniqueConstraint(
                fields=["receipt", "fee"], condition=models.Q(kind="applied"), name="transfer_applied_once"
            ),
            models.UniqueConstraint(
                fields=["refund", "kind"],
                condition=models.Q(kind__in=["returned", "refunded"]),
                name="transfer_refund_once",
            ),
        ]
