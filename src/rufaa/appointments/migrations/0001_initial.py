"""Clinics, their slots, and appointments."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("facilities", "0009_late_money"),
        ("referrals", "0010_law_in_sets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Clinic",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("name", models.TextField()),
                (
                    "services",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), db_default=[], default=list, size=None
                    ),
                ),
                ("slot_minutes", models.IntegerField()),
                ("slot_capacity", models.IntegerField()),
                ("day_capacity", models.IntegerField(null=True)),
                ("hold_minutes", models.IntegerField(db_default=30, default=30)),
                ("days_ahead", models.IntegerField(db_default=60, default=60)),
                ("works_on_holidays", models.BooleanField(db_default=False, default=False)),
                ("laid_out_on", models.DateField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("facility", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.facility")),
            ],
            options={
                "db_table": "clinic",
            },
        ),
        migrations.CreateModel(
            name="Closure",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.TextField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="appointments.clinic"
                    ),
                ),
                (
                    "facility",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="facilities.facility"
                    ),
                ),
            ],
            options={
                "db_table": "closure",
            },
        ),
        migrations.CreateModel(
            name="Day",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("capacity", models.IntegerField()),
                ("taken", models.IntegerField(db_default=0, default=0)),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="appointments.clinic"
                    ),
                ),
            ],
            options={
                "db_table": "clinic_day",
            },
        ),
        migrations.CreateModel(
            name="Hours",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weekday", models.SmallIntegerField()),
                ("opens", models.TimeField()),
                ("closes", models.TimeField()),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="appointments.clinic"
                    ),
                ),
            ],
            options={
                "db_table": "clinic_hours",
            },
        ),
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("capacity", models.IntegerField()),
                ("taken", models.IntegerField(db_default=0, default=0)),
                ("open", models.BooleanField(db_default=True, default=True)),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="appointments.clinic"
                    ),
                ),
            ],
            options={
                "db_table": "slot",
            },
        ),
        migrations.CreateModel(
            name="Appointment",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("state", models.TextField()),
                ("event", models.TextField()),
                ("reason", models.TextField(db_default="", default="")),
                ("held_until", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("offered_at", models.DateTimeField(null=True)),
                ("superseded", models.BooleanField(db_default=False, default=False)),
                (
                    "referral",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="referrals.referral"
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="appointments.appointment",
                    ),
                ),
                (
                    "slot",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="appointments.slot"
                    ),
                ),
            ],
            options={
                "db_table": "appointment",
            },
        ),
        migrations.AddConstraint(
            model_name="clinic",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("facility", "name"), name="clinic_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="clinic",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("days_ahead__gte", 1),
                    ("days_ahead__lte", 366),
                    ("hold_minutes__gte", 2),
                    ("hold_minutes__lte", 1440),
                    ("slot_capacity__gte", 1),
                    ("slot_capacity__lte", 1000),
                    ("slot_minutes__gte", 5),
                    ("slot_minutes__lte", 720),
                    models.Q(
                        ("day_capacity", None),
                        models.Q(("day_capacity__gte", 1), ("day_capacity__lte", 100000)),
                        _connector="OR",
                    ),
                ),
                name="clinic_bounds",
            ),
        ),
        migrations.AddIndex(
            model_name="closure",
            index=models.Index(fields=["facility", "ends_at"], name="closure_facility"),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("ends_at")), models.Q(("reason", ""), _negated=True)),
                name="closure_is_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="day",
            constraint=models.UniqueConstraint(fields=("clinic", "day"), name="clinic_day_once"),
        ),
        migrations.AddConstraint(
            model_name="day",
            constraint=models.CheckConstraint(
                condition=models.Q(("taken__gte", 0), ("taken__lte", models.F("capacity"))),
                name="clinic_day_not_overbooked",
            ),
        ),
        migrations.AddConstraint(
            model_name="hours",
            constraint=models.UniqueConstraint(fields=("clinic", "weekday", "opens"), name="clinic_hours_once"),
        ),
        migrations.AddConstraint(
            model_name="hours",
            constraint=models.CheckConstraint(
                condition=models.Q(("opens__lt", models.F("closes")), ("weekday__gte", 1), ("weekday__lte", 7)),
                name="clinic_hours_are_hours",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("open", True), ("taken__lt", models.F("capacity"))),
                fields=["clinic", "starts_at"],
                name="slot_free",
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.UniqueConstraint(fields=("clinic", "starts_at"), name="slot_once"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__lt", models.F("ends_at")), ("taken__gte", 0), ("taken__lte", models.F("capacity"))
                ),
                name="slot_not_overbooked",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(fields=["referral", "-id"], name="appointment_referral"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(fields=["slot"], name="appointment_slot"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(condition=models.Q(("state", "held")), fields=["held_until"], name="appointment_held"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(condition=models.Q(("state", "booked")), fields=["slot"], name="appointment_booked"),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(
                    ("offered_at", None), ("settled_at__isnull", False), ("state__in", ["held", "lapsed"])
                ),
                fields=["settled_at"],
                name="appointment_settled",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(
                    ("superseded", False),
                    models.Q(
                        ("state", "cancelled"),
                        models.Q(("offered_at__isnull", False), ("state", "lapsed")),
                        _connector="OR",
                    ),
                ),
                fields=["referral"],
                name="appointment_lost",
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["arrived", "booked", "held"])),
                fields=("referral",),
                name="appointment_one_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["held", "booked", "arrived", "seen", "missed", "lapsed", "cancelled", "moved"])
                ),
                name="appointment_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="appointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "held"), _negated=True), ("held_until__isnull", False), _connector="OR"
                ),
                name="appointment_hold_ends",
            ),
        ),
    ]
