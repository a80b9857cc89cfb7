"""On an account that two facilities share, each has the money that names its fees. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0015_rings_by_the_thousand")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0016_whose.sql").read_text(encoding="utf-8"))]
