"""Tables of API keys, and of who somebody is whom an OpenID issuer names."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import User


class ApiKey(models.Model):
    """What a program proves itself with as ``user``. The key itself is nowhere: only its digest is here."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    user = models.ForeignKey(User, models.PROTECT)
    name = models.TextField()  # what it is for, in the operator's words
    prefix = models.TextField(unique=True)  # the key's first letters, by which people tell keys apart
    digest = models.BinaryField(unique=True)  # SHA-256 of a random key: nothing to slow a guesser down is needed
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # as of some minutes ago
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(expires_at=None) | models.Q(expires_at__gt=models.F("created_at")),
                name="api_key_expires_later",
            ),
        ]


class OpenIdLink(models.Model):
    """``subject`` of ``issuer`` is ``user``, until ``removed_at``."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    user = models.ForeignKey(User, models.PROTECT)
    issuer = models.TextField()
    subject = models.TextField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "openid_link"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], condition=models.Q(removed_at=None), name="openid_link_one_user"
            ),
        ]
