"""What live queries are told of money. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_worked_money_guards"), ("rufaa_db", "0003_live")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0009_live.sql").read_text(encoding="utf-8"))]
