"""What people are told, what a facility wants said, and who wants to be told nothing."""

import datetime

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
            name="Policy",
            fields=[
                (
                    "facility",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="facilities.facility",
                    ),
                ),
                ("mode", models.TextField(db_default="off", default="off")),
                ("language", models.TextField(db_default="en", default="en")),
                ("quiet_from", models.TimeField(db_default=datetime.time(21, 0), default=datetime.time(21, 0))),
                ("quiet_until", models.TimeField(db_default=datetime.time(7, 0), default=datetime.time(7, 0))),
                (
                    "silent",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), db_default=[], default=list, size=None
                    ),
                ),
            ],
            options={
                "db_table": "notice_policy",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("language__in", ["en", "sw"]),
                            ("mode__in", ["off", "unless-refused", "with-consent"]),
                            (
                                "silent__contained_by",
                                [
                                    "received",
                                    "ringing",
                                    "paid",
                                    "not-paid",
                                    "booked",
                                    "moved",
                                    "choose",
                                    "cancelled",
                                    "reminder",
                                    "outcome",
                                ],
                            ),
                        ),
                        name="notice_policy_words",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Wish",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("phone", models.TextField()),
                ("wants", models.BooleanField()),
                ("said", models.TextField()),
                ("actor", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "notice_wish",
                "indexes": [models.Index(fields=["phone", "-id"], name="notice_wish_phone")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phone__regex", "^254[17][0-9]{8}$"), ("said__in", ["sms", "desk", "gateway"])
                        ),
                        name="notice_wish_form",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("state", models.TextField()),
                ("event", models.TextField()),
                ("reason", models.TextField(db_default="", default="")),
                ("kind", models.TextField()),
                ("subject", models.UUIDField()),
                ("channel", models.TextField()),
                ("due_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("next_at", models.DateTimeField(null=True)),
                ("lease", models.IntegerField(db_default=0, default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("tries", models.IntegerField(db_default=0, default=0)),
                ("copy", models.IntegerField(db_default=1, default=1)),
                ("address", models.TextField(db_default="", default="")),
                ("text", models.TextField(db_default="", default="")),
                ("parts", models.IntegerField(db_default=0, default=0)),
                ("gateway_id", models.TextField(null=True)),
                ("cost", models.TextField(db_default="", default="")),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "referral",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="referrals.referral"
                    ),
                ),
            ],
            options={
                "db_table": "notice",
                "indexes": [
                    models.Index(fields=["referral", "-created_at"], name="notice_referral"),
                    models.Index(condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="notice_due"),
                    models.Index(
                        condition=models.Q(("lease_until__isnull", False)), fields=["lease_until"], name="notice_leased"
                    ),
                    models.Index(
                        condition=models.Q(("state", "unknown")),
                        fields=["address", "-created_at"],
                        name="notice_unknown",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "subject"), name="notice_once"),
                    models.UniqueConstraint(fields=("gateway_id",), name="notice_gateway_id"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["due", "sending", "sent", "unknown", "delivered", "undelivered", "failed", "dropped"],
                            )
                        ),
                        name="notice_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "received",
                                    "ringing",
                                    "paid",
                                    "not-paid",
                                    "booked",
                                    "moved",
                                    "choose",
                                    "cancelled",
                                    "reminder",
                                    "outcome",
                                ],
                            )
                        ),
                        name="notice_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["sms", "email"])), name="notice_channel"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["sending", "sent", "delivered"]), _negated=True),
                            models.Q(models.Q(("address", ""), _negated=True), models.Q(("text", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="notice_says_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.TextField()),
                ("language", models.TextField()),
                ("text", models.TextField()),
                (
                    "facility",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="facilities.facility"
                    ),
                ),
            ],
            options={
                "db_table": "notice_template",
                "constraints": [
                    models.UniqueConstraint(fields=("facility", "kind", "language"), name="notice_template_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "received",
                                    "ringing",
                                    "paid",
                                    "not-paid",
                                    "booked",
                                    "moved",
                                    "choose",
                                    "cancelled",
                                    "reminder",
                                    "outcome",
                                ],
                            ),
                            ("language__in", ["en", "sw"]),
                            models.Q(("text", ""), _negated=True),
                        ),
                        name="notice_template_words",
                    ),
                ],
            },
        ),
    ]
