"""Where a hundred thousand phones ring at once, nobody looks through all of them. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0014_asked_in_sets")]

    operations = [
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["next_at"], condition=models.Q(state="created"), name="prompt_to_send"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["sent_at"], condition=models.Q(next_at__isnull=False), name="prompt_sent"),
        ),
        migrations.RunSQL((Path(__file__).parent / "0015_rings_by_the_thousand.sql").read_text(encoding="utf-8")),
    ]
