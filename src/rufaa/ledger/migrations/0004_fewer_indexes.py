"""Five accounts have most rows: to sum one up is to read them all, and no index helps."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_returned_money")]

    operations = [
        migrations.RemoveIndex(model_name="transfer", name="transfer_debit"),
        migrations.RemoveIndex(model_name="transfer", name="transfer_credit"),
    ]
