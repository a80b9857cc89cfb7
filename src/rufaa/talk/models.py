"""The tables of what is said about a referral. Nothing in them is ever changed or deleted: triggers refuse it."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility, User
from rufaa.referrals.models import Referral
from rufaa.talk.content import FileKind

LARGEST_BYTES: Final = 25 * 1024 * 1024
"""No file is larger, whatever the operator allows."""


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


class Attachment(models.Model):
    """A file that somebody showed to both facilities. One that was removed is kept, and shown to nobody."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    referral = models.ForeignKey(Referral, models.PROTECT, related_name="+", db_index=False)
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    facility = models.ForeignKey(Facility, models.PROTECT, related_name="+", db_index=False)
    name = models.TextField()
    kind = models.TextField()
    size_bytes = models.IntegerField()
    sha256 = models.BinaryField()
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    removed_reason = models.TextField(null=True)

    class Meta:
        db_table = "attachment"
        indexes: ClassVar = [models.Index(fields=["referral", "created_at", "id"], name="attachment_referral")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in FileKind]), name="attachment_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(size_bytes__gt=0) & models.Q(size_bytes__lte=LARGEST_BYTES), name="attachment_size"
            ),
            models.CheckConstraint(
                condition=models.Q(removed_at=None, removed_by=None, removed_reason=None)
                | models.Q(removed_at__isnull=False, removed_by__isnull=False, removed_reason__isnull=False),
                name="attachment_removed_by_somebody",
            ),
        ]


class AttachmentContent(models.Model):
    """The bytes of a file, apart from what lists read of it."""

    attachment = models.OneToOneField(Attachment, models.PROTECT, primary_key=True)
    content = models.BinaryField()

    class Meta:
        db_table = "attachment_content"
