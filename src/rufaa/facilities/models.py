"""Tables of facilities, people, M-Pesa accounts and prices."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from rufaa import ids
from rufaa.db.fields import RufaaNow
from rufaa.facilities.rights import Role
from rufaa.money import Money


class User(AbstractUser):
    """A person who signs in. ``is_superuser`` is the operator, who runs the server and sees no patients."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    full_name = models.TextField(default="", blank=True)
    language = models.TextField(default="", db_default="", blank=True)
    """In which language this person wants to be answered; nothing: as the browser asks."""

    class Meta:
        db_table = "rufaa_user"
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("username"),
                name="rufaa_user_name_once",
                violation_error_message="Somebody has this name already, perhaps in other letters' case.",
            )
        ]


class LateMoney(StrEnum):
    """What a receiving facility does about a fee that came when its slot was gone."""

    OFFER = "offer"  # the next free slots are offered
    REFUND = "refund"  # finance is asked whether to give it back


class Facility(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    name = models.TextField(unique=True)
    prompts_at_once = models.BooleanField(default=True, db_default=True)
    """Whether a move into pending-payment that leaves a payer phone known sends the prompt by itself."""
    second_factor_required = models.BooleanField(default=False, db_default=False)
    """Whether whoever has a role here needs more than a password to see a page."""
    late_money = models.TextField(default=LateMoney.OFFER.value, db_default=LateMoney.OFFER.value)
    """What becomes of money whose slot was given to somebody else before it came."""

    class Meta:
        db_table = "facility"
        verbose_name_plural = "facilities"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(late_money__in=[each.value for each in LateMoney]), name="facility_late_money"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    user = models.ForeignKey(User, models.PROTECT)
    facility = models.ForeignKey(Facility, models.PROTECT)
    role = models.TextField(choices=[(role.value, role.value) for role in Role])
    created_at = models.DateTimeField(db_default=RufaaNow())
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "membership"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "facility", "role"], condition=models.Q(revoked_at=None), name="membership_once"
            ),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="membership_role"),
        ]


class MpesaAccount(models.Model):
    """A short code that money goes to. ``owner`` None is the platform's own."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    owner = models.ForeignKey(Facility, models.PROTECT, null=True)
    environment = models.TextField()
    base_url = models.TextField()
    short_code = models.TextField()
    kind = models.TextField()  # paybill or till
    till_number = models.TextField(default="", db_default="")
    sealed_keys = models.BinaryField()  # an account's keys, under RUFAA_SECRET_KEYS
    pushes_per_s = models.FloatField(default=5, db_default=5)
    queries_per_min = models.FloatField(default=5, db_default=5)
    c2b_registered_at = models.DateTimeField(null=True)
    c2b_urls_for = models.TextField(default="", db_default="")
    """The public address under which C2B was registered or, while ``c2b_registered_at`` is not set, tried to be."""
    pull_registered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "mpesa_account"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "short_code", "till_number"], name="mpesa_account_once"),
            models.CheckConstraint(
                condition=models.Q(pushes_per_s__gt=0, queries_per_min__gt=0), name="mpesa_account_rates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.short_code} {self.till_number} ({self.environment})".replace("  ", " ")


class AccountHold(models.Model):
    """From ``held_at`` to ``released_at`` no prompt of the account is sent. The open row of an account is its hold."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey(MpesaAccount, models.PROTECT)
    held_at = models.DateTimeField(db_default=RufaaNow())
    reason = models.TextField()
    held_by = models.TextField()  # as the operator wrote it: who runs commands need not be a user
    released_at = models.DateTimeField(null=True)
    released_by = models.TextField(null=True)

    class Meta:
        db_table = "account_hold"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(released_at=None), name="account_hold_one_open"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="account_hold_reason"),
            models.CheckConstraint(
                condition=models.Q(released_at=None, released_by=None)
                | models.Q(released_at__isnull=False, released_by__isnull=False),
                name="account_hold_released",
            ),
        ]


class Price(models.Model):
    """What a referral from ``facility`` costs; the row for its receiving facility wins over the one for any."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    facility = models.ForeignKey(Facility, models.PROTECT, related_name="prices")
    receiving = models.ForeignKey(Facility, models.PROTECT, null=True, related_name="+")
    payee = models.ForeignKey(Facility, models.PROTECT, related_name="+")
    account = models.ForeignKey(MpesaAccount, models.PROTECT)
    amount_cents = models.BigIntegerField()

    @property
    def amount(self) -> Money:
        return Money(self.amount_cents)

    class Meta:
        db_table = "price"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["facility", "receiving"], name="price_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gte=100, amount_cents__lte=25_000_000), name="price_amount"
            ),
        ]


class LogbookEntry(models.Model):
    """What somebody did to people, roles, prices and the facility, and every sign-in. Entries are never changed.

    Triggers write all that the tables can tell (``migrations/0006_logbook.sql``); ``logbook`` writes the rest. Ids are
    no foreign keys, so that nothing waits for an entry.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=RufaaNow())
    kind = models.TextField()
    person = models.UUIDField(null=True)  # whom it is about
    facility = models.UUIDField(null=True)
    actor = models.UUIDField(null=True)  # who did it; None: nobody who was signed in
    channel = models.TextField(default="", db_default="")
    address = models.TextField(default="", db_default="")  # from where, where an edge knows it
    about = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta:
        db_table = "logbook"
        indexes: ClassVar = [
            models.Index(fields=["person", "id"], name="logbook_person"),
            models.Index(fields=["facility", "id"], name="logbook_facility"),
            models.Index(fields=["kind", "at"], name="logbook_kind_at"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__regex=r"^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$"), name="logbook_kind"
            ),
        ]
