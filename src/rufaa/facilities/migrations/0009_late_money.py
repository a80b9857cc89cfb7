"""What a facility does about money whose slot is gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0008_plural"),
    ]

    operations = [
        migrations.AddField(
            model_name="facility",
            name="late_money",
            field=models.TextField(db_default="offer", default="offer"),
        ),
        migrations.AddConstraint(
            model_name="facility",
            constraint=models.CheckConstraint(
                condition=models.Q(("late_money__in", ["offer", "refund"])), name="facility_late_money"
            ),
        ),
    ]
