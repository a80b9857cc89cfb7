"""The tables of the audit. Neither is ever changed: triggers refuse it, and the chain shows it if they were gone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa.db.fields import RufaaNow
from rufaa.trail import Channel


class Entry(models.Model):
    """That a record was read or written: when, which, by whom, from where. Never what stands in it.

    ``referral`` is no foreign key, which would lock the referral's row at every reading. ``actor`` None: no user, but
    what ``channel`` says.
    """

    id = models.BigIntegerField(primary_key=True)  # given by a trigger, see migrations/0001_guards.sql
    at = models.DateTimeField(db_default=RufaaNow())
    kind = models.TextField()
    referral = models.UUIDField()
    actor = models.UUIDField(null=True)
    channel = models.TextField()
    place = models.TextField(default="", db_default="")

    class Meta:
        db_table = "audit"
        indexes: ClassVar = [models.Index(fields=["referral", "at"], name="audit_referral")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__regex=r"^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$"), name="audit_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=[each.value for each in Channel]), name="audit_channel"
            ),
            models.CheckConstraint(condition=models.Q(place__regex=r"^[ -~]{0,120}$"), name="audit_place"),
        ]


class Block(models.Model):
    """The seal on all entries from the last block's ``up_to`` on, up to its own. What is hashed: ``chain``."""

    number = models.BigIntegerField(primary_key=True)  # 1, 2, …
    at = models.DateTimeField()
    up_to = models.BigIntegerField(unique=True)
    entries = models.IntegerField()
    previous = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        db_table = "audit_block"
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(entries__gt=0), name="audit_block_entries")]
