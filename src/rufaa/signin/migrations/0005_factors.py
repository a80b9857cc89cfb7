"""Second factors that come and go stand in the logbook."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("signin", "0004_counts"),
        ("facilities", "0006_logbook"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunSQL((Path(__file__).parent / "0005_factors.sql").read_text(encoding="utf-8"))]
