"""The inbox takes reports of every kind. What it holds until now are callbacks about prompts."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0002_guards"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="inbox", name="inbox_prompt"),
        migrations.RenameField(model_name="inbox", old_name="prompt", new_name="subject"),
        migrations.AddIndex(model_name="inbox", index=models.Index(fields=["subject"], name="inbox_subject")),
        migrations.AddField(
            model_name="inbox",
            name="kind",
            field=models.TextField(default="stk"),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="inbox",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["stk", "c2b", "c2b-validation", "result", "timeout"])),
                name="inbox_kind",
            ),
        ),
        migrations.RunSQL((Path(__file__).parent / "0003_kinds.sql").read_text(encoding="utf-8")),
    ]
