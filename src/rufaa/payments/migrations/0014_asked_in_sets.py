"""The law, and what every payment points to, are asked once a statement instead of once a row. There is no way back."""

from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0008_plural"),
        ("payments", "0013_open_tasks"),
        ("rufaa_db", "0005_law_in_sets"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL((Path(__file__).parent / "0014_asked_in_sets.sql").read_text(encoding="utf-8"))
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="receipt",
                    name="account",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="facilities.mpesaaccount",
                    ),
                ),
                migrations.AlterField(
                    model_name="receipt",
                    name="prompt",
                    field=models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.prompt",
                    ),
                ),
                migrations.AlterField(
                    model_name="application",
                    name="receipt",
                    field=models.ForeignKey(
                        db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to="payments.receipt"
                    ),
                ),
                migrations.AlterField(
                    model_name="application",
                    name="fee",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.fee",
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="prompt",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.prompt",
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="receipt",
                    field=models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.receipt",
                    ),
                ),
            ],
        )
    ]
