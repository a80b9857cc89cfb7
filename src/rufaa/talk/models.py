"""The tables of what is said about a referral. Nothing in them is ever changed or deleted: triggers refuse it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility, User
from rufaa.referrals.models import Referral


class Comment(models.Model):
    """One thing that somebody said. ``facility``: for which of the referral's two they spoke."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    referral = models.ForeignKey(Referral, models.PROTECT, related_name="+", db_index=False)
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    facility = models.ForeignKey(Facility, models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()

    class Meta:
        db_table = "comment"
        indexes: ClassVar = [models.Index(fields=["referral", "created_at", "id"], name="comment_referral")]
