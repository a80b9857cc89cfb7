"""What signing in asks of people and facilities: a language, and whether a password is enough."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("facilities", "0003_live")]

    operations = [
        migrations.AddField(
            model_name="user", name="language", field=models.TextField(blank=True, db_default="", default="")
        ),
        migrations.AddField(
            model_name="facility",
            name="second_factor_required",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
