"""The law and its history: which moves are lawful, and every move that was made."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa.db.fields import RufaaNow


class Clock(models.Model):
    """One row: how far ``rufaa_now()`` stands from the server's clock. Zero outside tests."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    offset = models.DurationField()

    class Meta:
        db_table = "rufaa_clock"
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="rufaa_clock_one_row")]


class Law(models.Model):
    """A lawful move of a machine. Written from the machines' tables at each migrate; a birth comes from ''."""

    machine = models.TextField()
    from_state = models.TextField()
    event = models.TextField()
    to_state = models.TextField()
    in_force = models.BooleanField(default=True)  # a move that is no longer lawful stays for the history's sake

    class Meta:
        db_table = "law"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["machine", "from_state", "event", "to_state"], name="law_move")
        ]


class History(models.Model):
    """Every move of every machine, written by the trigger, so that no writer can forget it. Never changed."""

    machine = models.TextField()
    subject = models.UUIDField()
    from_state = models.TextField()
    event = models.TextField()
    to_state = models.TextField()
    at = models.DateTimeField(db_default=RufaaNow())
    actor = models.UUIDField(null=True)  # None: settlement, the worker, or raw SQL
    reason = models.TextField(default="", db_default="")

    class Meta:
        db_table = "history"
        indexes: ClassVar = [models.Index(fields=["subject", "id"], name="history_subject")]
