"""Facts write their notices, and PostgreSQL holds every writer of notices to their law. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0001_initial"),
        ("appointments", "0002_guards"),
        ("audit", "0004_in_sets"),
        ("payments", "0014_asked_in_sets"),
        ("rufaa_db", "0005_law_in_sets"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0002_facts.sql").read_text(encoding="utf-8"))]
