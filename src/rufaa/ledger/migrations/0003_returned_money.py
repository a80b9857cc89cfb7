"""Money that was given back, once for each refund; a receipt may pay several fees, each once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_guards"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="transfer",
            name="transfer_kind",
        ),
        migrations.RemoveConstraint(
            model_name="transfer",
            name="transfer_subject",
        ),
        migrations.RemoveConstraint(
            model_name="transfer",
            name="transfer_receipt_once",
        ),
        migrations.AddField(
            model_name="transfer",
            name="refund",
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("raised", "received", "applied", "waived", "returned", "refunded"))),
                name="transfer_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("fee__isnull", False), ("kind__in", ["raised", "waived"])),
                    models.Q(("kind", "received"), ("receipt__isnull", False)),
                    models.Q(("fee__isnull", False), ("kind", "applied"), ("receipt__isnull", False)),
                    models.Q(
                        ("fee__isnull", False),
                        ("kind", "returned"),
                        ("receipt__isnull", False),
                        ("refund__isnull", False),
                    ),
                    models.Q(("kind", "refunded"), ("receipt__isnull", False), ("refund__isnull", False)),
                    _connector="OR",
                ),
                name="transfer_subject",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "received")), fields=("receipt",), name="transfer_receipt_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "applied")), fields=("receipt", "fee"), name="transfer_applied_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["returned", "refunded"])),
                fields=("refund", "kind"),
                name="transfer_refund_once",
            ),
        ),
    ]
