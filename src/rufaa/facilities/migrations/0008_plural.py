"""What the operator's desk calls them."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0007_logbook_by_kind"),
    ]

    operations = [
        migrations.AlterModelOptions("facility", {"verbose_name_plural": "facilities"}),
    ]
