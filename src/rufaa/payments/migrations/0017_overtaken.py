"""A refund that was agreed to may be withdrawn; one that was overtaken is not ordered again. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0016_whose")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0017_overtaken.sql").read_text(encoding="utf-8"))]
