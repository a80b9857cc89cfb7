"""Whether the receiving facility may find a referral yet stands beside its words. There is no way back."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("referrals", "0008_fewer_indexes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL((Path(__file__).parent / "0009_released.sql").read_text(encoding="utf-8"))
            ],
            state_operations=[
                migrations.AddField(model_name="sought", name="released", field=models.BooleanField(db_default=False)),
            ],
        )
    ]
