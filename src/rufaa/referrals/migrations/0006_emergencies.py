"""Emergencies by who made them and by who is paid for them, so that they stand first in those people's lists too."""

from __future__ import annotations

from django.db import migrations, models

_EMERGENCY = models.Q(priority="Emergency")


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0005_search"),
    ]

    operations = [
        migrations.AddIndex(
            "referral",
            models.Index(
                fields=["physician", "referring", "state", "id"], condition=_EMERGENCY, name="referral_emergency_of"
            ),
        ),
        migrations.AddIndex(
            "referral",
            models.Index(fields=["payee", "state", "id"], condition=_EMERGENCY, name="referral_emergency_paid"),
        ),
    ]
