"""Payments of prompts that this database does not know, and tasks and evidence about them."""

import django.db.models.deletion
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0001_initial"),
        ("payments", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stray",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("prompt", models.UUIDField()),
                ("inbox", models.BigIntegerField()),
                ("checkout_request_id", models.TextField(null=True)),
                ("receipt_number", models.TextField(null=True)),
                ("amount_cents", models.BigIntegerField(null=True)),
                ("paid_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
                ("queries", models.IntegerField(db_default=0, default=0)),
                ("code", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "stray",
            },
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_one_open",
        ),
        migrations.AlterField(
            model_name="evidence",
            name="prompt",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.prompt"),
        ),
        migrations.AlterField(
            model_name="task",
            name="facility",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="facilities.facility"),
        ),
        migrations.AlterField(
            model_name="task",
            name="fee",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.fee"),
        ),
        migrations.AddField(
            model_name="stray",
            name="account",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
            ),
        ),
        migrations.AddField(
            model_name="stray",
            name="receipt",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.receipt"),
        ),
        migrations.AddField(
            model_name="evidence",
            name="stray",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.stray"),
        ),
        migrations.AddField(
            model_name="task",
            name="stray",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.stray"),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(
                condition=models.Q(("prompt__isnull", False), ("stray__isnull", False), _connector="XOR"),
                name="evidence_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("kind", "fee", "prompt", "receipt", "stray"),
                name="task_one_open",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("facility__isnull", False), ("fee__isnull", False)),
                    ("stray__isnull", False),
                    _connector="OR",
                ),
                name="task_of_something",
            ),
        ),
        migrations.AddIndex(
            model_name="stray",
            index=models.Index(condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="stray_due"),
        ),
        migrations.AddConstraint(
            model_name="stray",
            constraint=models.UniqueConstraint(fields=("checkout_request_id", "receipt_number"), name="stray_once"),
        ),
        migrations.AddConstraint(
            model_name="stray",
            constraint=models.UniqueConstraint(
                condition=models.Q(("receipt__isnull", False)),
                fields=("checkout_request_id",),
                name="stray_one_receipt",
            ),
        ),
    ]
