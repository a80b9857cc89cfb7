"""What PostgreSQL holds every writer of a comment to, and who is told. There is no way back: guards go with their table."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("talk", "0001_initial"),
        ("audit", "0002_guards"),
        ("rufaa_db", "0003_live"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0002_comment_guards.sql").read_text(encoding="utf-8"))]
