"""Open tasks by facility: those that are closed grow in number for ever, and a page of finance read them all."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0012_fewer_indexes")]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("closed_at", None)), fields=["facility", "opened_at", "id"], name="task_open"
            ),
        ),
    ]
