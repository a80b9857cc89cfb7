"""Accounts whose prompts are on hold, and what was registered for an account at Safaricom."""

from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0001_initial"),
        ("rufaa_db", "0002_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="mpesaaccount",
            name="c2b_registered_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="mpesaaccount",
            name="c2b_urls_for",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="mpesaaccount",
            name="pull_registered_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="AccountHold",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("held_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("reason", models.TextField()),
                ("held_by", models.TextField()),
                ("released_at", models.DateTimeField(null=True)),
                ("released_by", models.TextField(null=True)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"),
                ),
            ],
            options={
                "db_table": "account_hold",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)), fields=("account",), name="account_hold_one_open"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="account_hold_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("released_at", None), ("released_by", None)),
                            models.Q(("released_at__isnull", False), ("released_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="account_hold_released",
                    ),
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "0002_holds.sql").read_text(encoding="utf-8")),
    ]
