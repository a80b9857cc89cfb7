"""What PostgreSQL holds every writer of applications, refunds and claims to. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_applications"), ("ledger", "0003_returned_money")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "0008_worked_money_guards.sql").read_text(encoding="utf-8"))
    ]
