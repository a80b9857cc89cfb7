"""Referrals that send a patient on from where another one brought them. There is no way back."""

from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("referrals", "0010_law_in_sets")]

    operations = [
        migrations.AddField(
            model_name="referral",
            name="onward_of",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="referrals.referral",
            ),
        ),
        # Moves of the many that are none write nothing here
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                fields=["onward_of"], condition=models.Q(onward_of__isnull=False), name="referral_onward_of"
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=~models.Q(onward_of=models.F("id")), name="referral_onward_of_another"
            ),
        ),
        migrations.RunSQL((Path(__file__).parent / "0011_onward.sql").read_text(encoding="utf-8")),
    ]
