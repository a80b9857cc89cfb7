"""Which receipt pays which fee moves from the receipts to the applications."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_worked_money")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "0007_applications.sql").read_text(encoding="utf-8")),
        migrations.RemoveField(model_name="receipt", name="fee"),
    ]
