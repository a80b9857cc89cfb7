"""How referrals are found: by words (``0005_search.sql``), and in each lane by the emergencies first."""

from __future__ import annotations

from pathlib import Path

import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from rufaa.referrals.machine import Priority

_EMERGENCY = models.Q(priority=Priority.EMERGENCY)


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0003_live"),
        ("patients", "0001_initial"),
        ("payments", "0009_live"),
        ("referrals", "0004_former_id"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Sought",
            fields=[
                (
                    "referral",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="referrals.referral",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={"db_table": "referral_search"},
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(fields=["physician", "referring", "state", "-id"], name="referral_physician_state"),
        ),
        migrations.AddIndex(
            model_name="referral", index=models.Index(fields=["payee", "state", "-id"], name="referral_payee_state")
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                fields=["referring", "state", "id"], condition=_EMERGENCY, name="referral_emergency_from"
            ),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                fields=["receiving", "state", "id"],
                condition=_EMERGENCY & models.Q(released_at__isnull=False),
                name="referral_emergency_to",
            ),
        ),
        migrations.RunSQL((Path(__file__).parent / "0005_search.sql").read_text(encoding="utf-8")),
    ]
