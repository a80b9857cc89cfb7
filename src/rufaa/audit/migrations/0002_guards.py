"""Entries only grow, and what is written to a record makes one. There is no way back: the guards go with their tables."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
        ("payments", "0009_live"),
        ("referrals", "0004_former_id"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0002_guards.sql").read_text(encoding="utf-8"))]
