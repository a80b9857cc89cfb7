"""How commits tell live queries what they changed. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rufaa_db", "0002_guards")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0003_live.sql").read_text(encoding="utf-8"))]
