"""The inbox: reports exactly as they came, committed before they are answered (validations: at once after)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa.db.fields import RufaaNow
from rufaa.ingest.address import Kind


class Inbox(models.Model):
    """One POST to an address of ours with the right secret. ``subject`` is what the address speaks for: a prompt, an
    account, an order. It is no foreign key: after a restore from an older backup its row may be missing, and the money
    must be kept all the same."""

    at = models.DateTimeField(db_default=RufaaNow())
    kind = models.TextField()
    subject = models.UUIDField()
    source = models.TextField()  # the sender's address, as far as trusted proxies show it
    trusted = models.BooleanField()  # whether this address may speak for Safaricom
    body = models.BinaryField()
    settled_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="", db_default="")  # what became of it, once settled

    class Meta:
        db_table = "inbox"
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(settled_at=None), name="inbox_unsettled"),
            models.Index(fields=["subject"], name="inbox_subject"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=list(Kind)), name="inbox_kind"),
        ]
