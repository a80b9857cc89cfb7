"""The guards and books of money, once a statement instead of once a row. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_key_checks"), ("rufaa_db", "0004_in_sets"), ("ledger", "0003_returned_money")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0011_in_sets.sql").read_text(encoding="utf-8"))]
