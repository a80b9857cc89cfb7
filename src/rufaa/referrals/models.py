"""The table of referrals."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.search import SearchVectorField
from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility, User
from rufaa.patients.models import Particulars
from rufaa.payments.models import Fee
from rufaa.referrals.machine import Priority, Status


class Referral(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = models.TextField()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")  # why rejected or cancelled; the outcome when completed
    former_id = models.TextField(null=True, unique=True)  # in the app that it was brought from: it still finds it
    token = models.TextField(unique=True, default=ids.new_token)  # the patient's link
    account_code = models.TextField(unique=True, default=ids.new_account_code)
    priority = models.TextField()
    # No index of their own: those below begin with them, nobody asks for who made it, and each costs every move
    referring = models.ForeignKey(Facility, models.PROTECT, related_name="+", db_index=False)
    receiving = models.ForeignKey(Facility, models.PROTECT, related_name="+", db_index=False)
    physician = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    particulars = models.OneToOneField(Particulars, models.PROTECT)
    released_at = models.DateTimeField(null=True)  # from when the receiving facility sees it
    fee = models.OneToOneField(Fee, models.PROTECT, null=True)  # raised by approval, or by an emergency's confirmation
    payee = models.ForeignKey(  # the fee's, for finance's lists
        Facility, models.PROTECT, null=True, related_name="+", db_index=False
    )
    onward_of = models.ForeignKey(  # the one by which the patient came, where its receiving facility sends them on
        "self", models.PROTECT, null=True, related_name="+", db_index=False
    )
    medical_history = models.TextField()
    lab_results = models.JSONField()
    diagnosis = models.TextField()

    class Meta:
        db_table = "referral"
        indexes: ClassVar = [
            models.Index(fields=["referring", "-id"], name="referral_referring"),
            models.Index(fields=["referring", "state", "-id"], name="referral_referring_state"),
            models.Index(
                fields=["receiving", "-id"], condition=models.Q(released_at__isnull=False), name="referral_receiving"
            ),
            models.Index(
                fields=["receiving", "state", "-id"],
                condition=models.Q(released_at__isnull=False),
                name="referral_receiving_state",
            ),
            models.Index(fields=["physician", "referring", "-id"], name="referral_physician"),
            models.Index(fields=["physician", "referring", "state", "-id"], name="referral_physician_state"),
            models.Index(fields=["onward_of"], condition=models.Q(onward_of__isnull=False), name="referral_onward_of"),
            models.Index(fields=["payee", "-id"], name="referral_payee"),
            models.Index(fields=["payee", "state", "-id"], name="referral_payee_state"),
            models.Index(
                fields=["referring", "state", "id"],
                condition=models.Q(priority=Priority.EMERGENCY),
                name="referral_emergency_from",
            ),
            models.Index(
                fields=["receiving", "state", "id"],
                condition=models.Q(priority=Priority.EMERGENCY, released_at__isnull=False),
                name="referral_emergency_to",
            ),
            models.Index(
                fields=["physician", "referring", "state", "id"],
                condition=models.Q(priority=Priority.EMERGENCY),
                name="referral_emergency_of",
            ),
            models.Index(
                fields=["payee", "state", "id"],
                condition=models.Q(priority=Priority.EMERGENCY),
                name="referral_emergency_paid",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=list(Status)), name="referral_state"),
            models.CheckConstraint(condition=models.Q(priority__in=list(Priority)), name="referral_priority"),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending-admin", "rejected", "cancelled", "confirmed", "completed"])
                | models.Q(fee__isnull=False),
                name="referral_fee_after_approval",
            ),
            models.CheckConstraint(condition=~models.Q(onward_of=models.F("id")), name="referral_onward_of_another"),
        ]


class Sought(models.Model):
    """What a referral is found by (``search``). Triggers keep it; its words' index stands in ``0005_search.sql``."""

    referral = models.OneToOneField(Referral, models.PROTECT, primary_key=True)
    words = SearchVectorField()
    released = models.BooleanField(db_default=False)
    """Whether the receiving facility may find it yet."""

    class Meta:
        db_table = "referral_search"
