"""Where tries are counted (Django's cache): for all processes together, and over a restart."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("signin", "0003_links")]

    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "0004_counts.sql").read_text(encoding="utf-8"), "DROP TABLE shared_count"
        )
    ]
