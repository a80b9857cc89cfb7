"""The table of what was done too often."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Allowance(models.Model):
    """How often one did one thing since a while. ``key`` is a keyed digest of what and who: it names no phone."""

    key = models.TextField(primary_key=True)
    rule = models.TextField()  # paypage.limits.Rule.name
    used = models.IntegerField()
    ends_at = models.DateTimeField()  # counted anew from then on

    class Meta:
        db_table = "paypage_allowance"
        indexes: ClassVar = [models.Index(fields=["ends_at"], name="paypage_allowance_ends")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(used__gte=0), name="paypage_allowance_used"),
        ]
