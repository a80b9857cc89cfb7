"""Entries of moves are written once a statement instead of once a row. There is no way back: entries stay."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_about")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0004_in_sets.sql").read_text(encoding="utf-8"))]
