"""The table of mutations that were committed under their client's own numbers for them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa.db.fields import RufaaNow


class MutationRecord(models.Model):
    """Written in the mutation's own transaction: one is never there without the other.

    ``result`` is what the client was answered; ``waiting`` is there instead where the answer was Daraja's to give.
    """

    session = models.UUIDField()
    request = models.BigIntegerField()
    digest = models.BinaryField()  # of the function's name and its arguments
    caller = models.UUIDField()  # whom the answer belongs to
    result = models.TextField(null=True)
    waiting = models.JSONField(null=True)
    ts_ns = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=RufaaNow())

    class Meta:
        db_table = "mutation_record"
        indexes: ClassVar = [models.Index(fields=["at"], name="mutation_record_at")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "request"], name="mutation_record_once"),
        ]
