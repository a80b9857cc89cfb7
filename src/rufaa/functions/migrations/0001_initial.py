"""Mutations that were committed under their client's own numbers for them."""

from django.db import migrations, models

import rufaa.db.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [("rufaa_db", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="MutationRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("session", models.UUIDField()),
                ("request", models.BigIntegerField()),
                ("digest", models.BinaryField()),
                ("caller", models.UUIDField()),
                ("result", models.TextField(null=True)),
                ("waiting", models.JSONField(null=True)),
                ("ts_ns", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
            ],
            options={
                "db_table": "mutation_record",
                "indexes": [models.Index(fields=["at"], name="mutation_record_at")],
                "constraints": [models.UniqueConstraint(fields=("session", "request"), name="mutation_record_once")],
            },
        ),
    ]
