"""What PostgreSQL holds every writer of appointments to. There is no way back: guards go with their tables."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0001_initial"),
        ("audit", "0004_in_sets"),
        ("referrals", "0010_law_in_sets"),
        ("rufaa_db", "0005_law_in_sets"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0002_guards.sql").read_text(encoding="utf-8"))]
