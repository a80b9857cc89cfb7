"""Indexes that begin another one, or of what most rows do not have: each costs every payment. There is no way back."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

_DROP = """
DROP INDEX application_fee_id_98e9a326, evidence_account_id_97faf3a6, evidence_claim_id_4c4b6b84,
    evidence_prompt_id_a99a7106, evidence_refund_id_c060a98a, evidence_stray_id_118a1dc4, fee_account_id_f93ab620,
    prompt_account_id_5b0263ab, prompt_fee_id_d1932f64, receipt_account_id_7eeb7fdf, receipt_names_id_5c19fd39;
-- for LIKE, which nothing here asks with
DROP INDEX IF EXISTS fee_account_code_a16e8f48_like, prompt_checkout_request_id_20b48cd4_like,
    receipt_number_a10e1b07_like;
-- these rows are written by triggers alone, from rows that are kept for ever
ALTER TABLE transfer DROP CONSTRAINT transfer_account_fk, DROP CONSTRAINT transfer_fee_fk,
    DROP CONSTRAINT transfer_receipt_fk, DROP CONSTRAINT transfer_refund_fk;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0008_plural"),
        ("payments", "0011_in_sets"),
    ]

    operations = [
        # By name: of a field that loses its index Django drops unique ones of the same column, too
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_DROP)],
            state_operations=[
                migrations.AlterField(
                    model_name="application",
                    name="fee",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="payments.fee"
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="account",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="facilities.mpesaaccount",
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="claim",
                    field=models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.claim"
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="prompt",
                    field=models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.prompt"
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="refund",
                    field=models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.refund"
                    ),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="stray",
                    field=models.ForeignKey(
                        db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.stray"
                    ),
                ),
                migrations.AlterField(
                    model_name="fee",
                    name="account",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
                    ),
                ),
                migrations.AlterField(
                    model_name="prompt",
                    name="account",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
                    ),
                ),
                migrations.AlterField(
                    model_name="prompt",
                    name="fee",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="payments.fee"
                    ),
                ),
                migrations.AlterField(
                    model_name="receipt",
                    name="account",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
                    ),
                ),
                migrations.AlterField(
                    model_name="receipt",
                    name="names",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payments.fee",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(condition=models.Q(("stray__isnull", False)), fields=["stray"], name="evidence_stray"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(condition=models.Q(("names__isnull", False)), fields=["names"], name="receipt_names"),
        ),
    ]
