"""What PostgreSQL holds every writer of a file to, and who is told. There is no way back: guards go with their tables."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("talk", "0003_attachment"),
        ("audit", "0003_about"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0004_attachment_guards.sql").read_text(encoding="utf-8"))]
