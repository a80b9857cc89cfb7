"""Money that may be a prompt's although somebody gave it another use is found by its time."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0017_overtaken")]

    operations = [
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                fields=["account", "amount_cents", "paid_at"],
                condition=models.Q(("account_reference", ""), ("prompt", None)),
                name="receipt_by_whom_unknown",
            ),
        ),
    ]
