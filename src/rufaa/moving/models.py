"""The documents of the app before, each as its export had it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.referrals.models import Referral


class Outcome(StrEnum):
    """What became of a document."""

    BROUGHT = "brought"  # it is a referral here, or a claim about a referral's fee
    KEPT = "kept"  # nothing here is made of it; it is kept as it was
    ASIDE = "aside"  # it did not fit; it is kept, and tried again at the next run


class Brought(models.Model):
    """One version of one document. ``body`` is its line of the export, byte for byte, and never changes."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    at = models.DateTimeField(db_default=RufaaNow())
    source = models.TextField()  # the table there
    document = models.TextField()  # its id there; empty where its line cannot be read
    digest = models.TextField()  # SHA-256 of the body
    body = models.BinaryField()
    outcome = models.TextField()
    why = models.JSONField(default=list)  # what did not fit, in sentences
    referral = models.ForeignKey(Referral, models.PROTECT, null=True)

    class Meta:
        db_table = "brought"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "document", "digest"], name="brought_once"),
            models.CheckConstraint(condition=models.Q(outcome__in=list(Outcome)), name="brought_outcome"),
        ]
