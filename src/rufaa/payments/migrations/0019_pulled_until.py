"""Until when Pull has told of everything, so that a longer silence is somebody's task."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0018_used_otherwise")]

    operations = [
        migrations.AddField(model_name="access", name="pulled_until", field=models.DateTimeField(null=True)),
    ]
