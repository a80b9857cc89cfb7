"""The law once a statement instead of once a row. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rufaa_db", "0004_in_sets")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0005_law_in_sets.sql").read_text(encoding="utf-8"))]
