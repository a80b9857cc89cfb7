"""Tables of clinics, their slots, and appointments."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from rufaa import ids
from rufaa.appointments.machine import LIVE, State
from rufaa.db.fields import RufaaNow
from rufaa.facilities.models import Facility
from rufaa.referrals.models import Referral


class Clinic(models.Model):
    """One thing that people are sent to a facility for, with its own hours and places."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    facility = models.ForeignKey(Facility, models.PROTECT)
    name = models.TextField()
    services = ArrayField(models.TextField(), default=list, db_default=[])
    slot_minutes = models.IntegerField()
    slot_capacity = models.IntegerField()
    day_capacity = models.IntegerField(null=True)  # None: as many as its slots have places
    hold_minutes = models.IntegerField(default=30, db_default=30)
    """How long a slot waits for the money."""
    days_ahead = models.IntegerField(default=60, db_default=60)
    """So far ahead there are slots."""
    works_on_holidays = models.BooleanField(default=False, db_default=False)
    laid_out_on = models.DateField(null=True)  # when its slots were last made
    ended_at = models.DateTimeField(null=True)  # from when it takes nobody any more

    class Meta:
        db_table = "clinic"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility", "name"], condition=models.Q(ended_at=None), name="clinic_name_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    slot_minutes__gte=5,
                    slot_minutes__lte=720,
                    slot_capacity__gte=1,
                    slot_capacity__lte=1000,
                    hold_minutes__gte=2,
                    hold_minutes__lte=1440,
                    days_ahead__gte=1,
                    days_ahead__lte=366,
                )
                & (models.Q(day_capacity=None) | models.Q(day_capacity__gte=1, day_capacity__lte=100_000)),
                name="clinic_bounds",
            ),
        ]


class Hours(models.Model):
    """When a clinic works on one day of the week, 1 Monday to 7 Sunday; several rows of a day do not overlap."""

    clinic = models.ForeignKey(Clinic, models.PROTECT, db_index=False)
    weekday = models.SmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        db_table = "clinic_hours"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "weekday", "opens"], name="clinic_hours_once"),
            models.CheckConstraint(
                condition=models.Q(weekday__gte=1, weekday__lte=7, opens__lt=models.F("closes")),
                name="clinic_hours_are_hours",
            ),
        ]


class Closure(models.Model):
    """A time in which a facility, or one clinic of it, takes nobody."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    facility = models.ForeignKey(Facility, models.PROTECT, db_index=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, null=True, db_index=False)  # None: all
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "closure"
        indexes: ClassVar = [models.Index(fields=["facility", "ends_at"], name="closure_facility")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")) & ~models.Q(reason=""), name="closure_is_a_time"
            ),
        ]


class Day(models.Model):
    """What a clinic has on one day, in East Africa Time. ``taken`` is counted by triggers alone.

    ``capacity``: what the clinic says that a day takes, or what its slots have places for, where that is less.
    """

    clinic = models.ForeignKey(Clinic, models.PROTECT, db_index=False)
    day = models.DateField()
    capacity = models.IntegerField()
    taken = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "clinic_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "day"], name="clinic_day_once"),
            models.CheckConstraint(
                condition=models.Q(taken__gte=0, taken__lte=models.F("capacity")),
                name="clinic_day_not_overbooked",
            ),
        ]


class Slot(models.Model):
    """A time with places. ``taken`` is counted by triggers alone. Not ``open``: it takes nobody new."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    clinic = models.ForeignKey(Clinic, models.PROTECT, db_index=False)
    day = models.DateField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.IntegerField()
    taken = models.IntegerField(default=0, db_default=0)
    open = models.BooleanField(default=True, db_default=True)

    class Meta:
        db_table = "slot"
        indexes: ClassVar = [
            models.Index(
                fields=["clinic", "starts_at"],
                condition=models.Q(open=True, taken__lt=models.F("capacity")),
                name="slot_free",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "starts_at"], name="slot_once"),
            models.CheckConstraint(
                condition=models.Q(taken__gte=0, taken__lte=models.F("capacity"), starts_at__lt=models.F("ends_at")),
                name="slot_not_overbooked",
            ),
        ]


class Appointment(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    state = models.TextField()
    event = models.TextField()
    reason = models.TextField(default="", db_default="")
    referral = models.ForeignKey(Referral, models.PROTECT, db_index=False)
    slot = models.ForeignKey(Slot, models.PROTECT, db_index=False)
    held_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)  # when the fee that it waited for was settled; a trigger says so
    offered_at = models.DateTimeField(null=True)  # when that was too late: others were offered, or finance was asked
    superseded = models.BooleanField(default=False, db_default=False)
    """Nobody looks for another time in its place any more: there is one, or the referral is over."""
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        db_table = "appointment"
        indexes: ClassVar = [
            models.Index(fields=["referral", "-id"], name="appointment_referral"),
            models.Index(fields=["slot"], name="appointment_slot"),
            models.Index(fields=["held_until"], condition=models.Q(state=State.HELD.value), name="appointment_held"),
            models.Index(fields=["slot"], condition=models.Q(state=State.BOOKED.value), name="appointment_booked"),
            models.Index(
                fields=["settled_at"],
                condition=models.Q(
                    state__in=[State.HELD.value, State.LAPSED.value], settled_at__isnull=False, offered_at=None
                ),
                name="appointment_settled",
            ),
            models.Index(
                fields=["referral"],
                condition=models.Q(superseded=False)
                & (
                    models.Q(state=State.CANCELLED.value) | models.Q(state=State.LAPSED.value, offered_at__isnull=False)
                ),
                name="appointment_lost",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["referral"],
                condition=models.Q(state__in=sorted(each.value for each in LIVE)),
                name="appointment_one_live",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[each.value for each in State]), name="appointment_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=State.HELD.value) | models.Q(held_until__isnull=False),
                name="appointment_hold_ends",
            ),
        ]
