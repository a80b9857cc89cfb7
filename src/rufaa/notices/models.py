"""Tables of notices, of what a facility wants said, and of who wants to be told nothing."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility
from rufaa.notices.machine import Channel, Kind, State
from rufaa.referrals.models import Referral


class Mode(StrEnum):
    """Whether a facility sends messages, and to whom."""

    OFF = "off"
    UNLESS_REFUSED = "unless-refused"  # to everybody who has not said no
    WITH_CONSENT = "with-consent"  # only to who has said yes


class Policy(models.Model):
    """How a facility tells people. Without a row it tells nobody anything."""

    facility = models.OneToOneField(Facility, models.PROTECT, primary_key=True)
    mode = models.TextField(default=Mode.OFF.value, db_default=Mode.OFF.value)
    language = models.TextField(default="en", db_default="en")
    quiet_from = models.TimeField(default=time(21), db_default=time(21))
    quiet_until = models.TimeField(default=time(7), db_default=time(7))
    """In East Africa Time; as late as ``quiet_from``: no hour is quiet."""
    silent = ArrayField(models.TextField(), default=list, db_default=[])
    """Kinds that this facility does not send."""

    class Meta:
        db_table = "notice_policy"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(mode__in=[each.value for each in Mode], language__in=["en", "sw"])
                & models.Q(silent__contained_by=[each.value for each in Kind]),
                name="notice_policy_words",
            ),
        ]


class Template(models.Model):
    """What a facility writes in place of our words."""

    facility = models.ForeignKey(Facility, models.PROTECT, db_index=False)
    kind = models.TextField()
    language = models.TextField()
    text = models.TextField()

    class Meta:
        db_table = "notice_template"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["facility", "kind", "language"], name="notice_template_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in Kind], language__in=["en", "sw"])
                & ~models.Q(text=""),
                name="notice_template_words",
            ),
        ]


class Wish(models.Model):
    """What the owner of a phone said about messages to it; the newest counts. Rows are never changed."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=RufaaNow())
    phone = models.TextField()
    wants = models.BooleanField()
    said = models.TextField()  # by which way: sms, desk, gateway
    actor = models.UUIDField(null=True)  # whose desk

    class Meta:
        db_table = "notice_wish"
        indexes: ClassVar = [models.Index(fields=["phone", "-id"], name="notice_wish_phone")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(phone__regex=r"^254[17][0-9]{8}$", said__in=["sms", "desk", "gateway"]),
                name="notice_wish_form",
            ),
        ]


class Notice(models.Model):
    """One fact that one person is told. It is its own queue: ``next_at`` and the lease say what is due."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = models.TextField()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")  # why it was not sent, or did not arrive
    kind = models.TextField()
    subject = models.UUIDField()  # what it tells of: a referral, prompt, fee or appointment
    referral = models.ForeignKey(Referral, models.PROTECT, db_index=False)
    channel = models.TextField()
    due_at = models.DateTimeField(db_default=RufaaNow())  # when there was, or will be, something to tell
    # the queue
    next_at = models.DateTimeField(null=True)  # None: nothing to do, or there is nobody to tell yet
    lease = models.IntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0, db_default=0)
    copy = models.IntegerField(default=1, db_default=1)
    """A person's "send it again" makes another one, which a gateway that knows messages by our key must not know."""
    # what was sent
    address = models.TextField(default="", db_default="")
    text = models.TextField(default="", db_default="")
    parts = models.IntegerField(default=0, db_default=0)
    gateway_id = models.TextField(null=True)
    cost = models.TextField(default="", db_default="")  # as the gateway said it
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notice"
        indexes: ClassVar = [
            models.Index(fields=["referral", "-created_at"], name="notice_referral"),
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="notice_due"),
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="notice_leased"),
            models.Index(
                fields=["address", "-created_at"], condition=models.Q(state=State.UNKNOWN.value), name="notice_unknown"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "subject"], name="notice_once"),
            models.UniqueConstraint(fields=["gateway_id"], name="notice_gateway_id"),
            models.CheckConstraint(condition=models.Q(state__in=[each.value for each in State]), name="notice_state"),
            models.CheckConstraint(condition=models.Q(kind__in=[each.value for each in Kind]), name="notice_kind"),
            models.CheckConstraint(
                condition=models.Q(channel__in=[each.value for each in Channel]), name="notice_channel"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=[State.SENDING.value, State.SENT.value, State.DELIVERED.value])
                | (~models.Q(address="") & ~models.Q(text="")),
                name="notice_says_something",
            ),
        ]
