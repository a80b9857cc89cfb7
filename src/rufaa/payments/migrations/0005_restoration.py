"""What a restored server remembers of it, and what it asks before it asks a phone again."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_stray_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Restoration",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("backup_at", models.DateTimeField()),
                ("restored_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("compared_at", models.DateTimeField(null=True)),
                ("compared", models.TextField(null=True)),
            ],
            options={
                "db_table": "restoration",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("compared", None), ("compared_at", None)),
                            models.Q(("compared__gt", ""), ("compared__isnull", False), ("compared_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="restoration_compared",
                    )
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "0005_restoration.sql").read_text(encoding="utf-8")),
    ]
