"""What PostgreSQL holds every writer to. There is no way back: the guards go with their table."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("signin", "0001_initial")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0002_guards.sql").read_text(encoding="utf-8"))]
