"""Who somebody is whom an OpenID issuer names."""

from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [("signin", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="OpenIdLink",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("issuer", models.TextField()),
                ("subject", models.TextField()),
                ("removed_at", models.DateTimeField(null=True)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "db_table": "openid_link",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("removed_at", None)),
                        fields=("issuer", "subject"),
                        name="openid_link_one_user",
                    )
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "0003_links.sql").read_text(encoding="utf-8")),
    ]
