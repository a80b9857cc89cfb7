"""An entry of what was written may say which thing it was. There is no way back: entries stay."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0003_about.sql").read_text(encoding="utf-8"))]
