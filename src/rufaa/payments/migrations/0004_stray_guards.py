"""What PostgreSQL holds every writer of strays to. There is no way back: the guards go with their table."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_strays")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0004_stray_guards.sql").read_text(encoding="utf-8"))]
