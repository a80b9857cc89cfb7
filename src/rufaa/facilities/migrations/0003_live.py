"""What live queries are told of people, facilities, accounts and prices. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("facilities", "0002_holds"), ("rufaa_db", "0003_live")]

    operations = [migrations.RunSQL((Path(__file__).parent / "0003_live.sql").read_text(encoding="utf-8"))]
