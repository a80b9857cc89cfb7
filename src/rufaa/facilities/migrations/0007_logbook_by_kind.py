"""What a stranger repeats at the door is looked for among its like alone, however long the logbook is."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("facilities", "0006_logbook")]

    operations = [
        migrations.AddIndex(
            model_name="logbookentry", index=models.Index(fields=["kind", "at"], name="logbook_kind_at")
        )
    ]
