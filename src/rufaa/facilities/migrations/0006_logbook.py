"""What somebody did to people, roles, prices and facilities, and every sign-in."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

import rufaa.db.fields


class Migration(migrations.Migration):
    dependencies = [("facilities", "0005_names")]

    operations = [
        migrations.CreateModel(
            name="LogbookEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("kind", models.TextField()),
                ("person", models.UUIDField(null=True)),
                ("facility", models.UUIDField(null=True)),
                ("actor", models.UUIDField(null=True)),
                ("channel", models.TextField(db_default="", default="")),
                ("address", models.TextField(db_default="", default="")),
                ("about", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
            ],
            options={
                "db_table": "logbook",
                "indexes": [
                    models.Index(fields=["person", "id"], name="logbook_person"),
                    models.Index(fields=["facility", "id"], name="logbook_facility"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__regex", "^[a-z]+(-[a-z]+)*\\.[a-z]+(-[a-z]+)*$")),
                        name="logbook_kind",
                    )
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "0006_logbook.sql").read_text(encoding="utf-8")),
    ]
