"""Checks of an account's keys, which a worker does."""

from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_live"), ("facilities", "0006_logbook")]

    operations = [
        migrations.CreateModel(
            name="KeyCheck",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("asked_by", models.UUIDField()),
                ("next_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("ended_at", models.DateTimeField(null=True)),
                ("finding", models.TextField(db_default="", default="")),
                ("said", models.TextField(db_default="", default="")),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"),
                ),
                ("facility", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.facility")),
            ],
            options={
                "db_table": "key_check",
                "indexes": [models.Index(fields=["account", "id"], name="key_check_account")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("account",), name="key_check_one_open"
                    ),
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "0010_key_checks.sql").read_text(encoding="utf-8")),
    ]
