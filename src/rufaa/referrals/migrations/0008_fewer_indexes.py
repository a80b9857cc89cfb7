"""Indexes that begin another one, and those for LIKE: each costs every move of a referral. There is no way back."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_DROP = """
DROP INDEX referral_created_by_id_b0d5bb46, referral_payee_id_c2821ad9, referral_physician_id_94c16164,
    referral_receiving_id_9cea6ee4, referral_referring_id_dfc76d05;
-- for LIKE, which nothing here asks with
DROP INDEX IF EXISTS referral_token_e77c031f_like, referral_account_code_2db8b6b2_like,
    referral_former_id_e7774c75_like;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0008_plural"),
        ("referrals", "0007_in_sets"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # By name: of a field that loses its index Django drops unique ones of the same column, too
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_DROP)],
            state_operations=[
                migrations.AlterField(
                    model_name="referral",
                    name="created_by",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="referral",
                    name="payee",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="facilities.facility",
                    ),
                ),
                migrations.AlterField(
                    model_name="referral",
                    name="physician",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="referral",
                    name="receiving",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="facilities.facility",
                    ),
                ),
                migrations.AlterField(
                    model_name="referral",
                    name="referring",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="facilities.facility",
                    ),
                ),
            ],
        ),
    ]
