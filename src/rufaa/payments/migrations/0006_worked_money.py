"""What is done with money besides a prompt's: applications, refunds, claims, and evidence and tasks about them."""

import django.db.models.deletion
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids
import rufaa.payments.machine
import rufaa.payments.refund_machine


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0001_initial"),
        ("payments", "0005_restoration"),
    ]

    operations = [
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("amount_cents", models.BigIntegerField()),
                ("by", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "application",
            },
        ),
        migrations.CreateModel(
            name="Claim",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("number", models.TextField()),
                ("channel", models.TextField()),
                ("amount_cents", models.BigIntegerField(null=True)),
                ("paid_at", models.DateTimeField(null=True)),
                ("account_reference", models.TextField(db_default="", default="")),
                ("phone_shown", models.TextField(db_default="", default="")),
                ("by", models.UUIDField(null=True)),
                ("inbox", models.BigIntegerField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
                ("asked", models.IntegerField(db_default=0, default=0)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_as", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "claim",
            },
        ),
        migrations.CreateModel(
            name="Inquiry",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("receipt_number", models.TextField(null=True)),
                ("original_conversation_id", models.TextField(null=True)),
                ("conversation_id", models.TextField(null=True)),
                ("originator_conversation_id", models.TextField(null=True)),
                ("code", models.TextField(db_default="", default="")),
                ("answered_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "inquiry",
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("state", models.TextField()),
                ("event", models.TextField()),
                ("reason", models.TextField(db_default="", default="")),
                ("amount_cents", models.BigIntegerField()),
                ("method", models.TextField()),
                ("phone", models.TextField(db_default="", default="")),
                ("why", models.TextField()),
                ("proposed_by", models.UUIDField()),
                ("approved_by", models.UUIDField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
                ("lease", models.IntegerField(db_default=0, default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("orders", models.IntegerField(db_default=0, default=0)),
                ("conversation_id", models.TextField(null=True)),
                ("originator_conversation_id", models.TextField(null=True)),
                ("code", models.TextField(db_default="", default="")),
                ("message", models.TextField(db_default="", default="")),
                ("number", models.TextField(null=True, unique=True)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "refund",
            },
        ),
        migrations.RemoveConstraint(
            model_name="evidence",
            name="evidence_of_one_thing",
        ),
        migrations.RemoveConstraint(
            model_name="receipt",
            name="receipt_state",
        ),
        migrations.RemoveConstraint(
            model_name="receipt",
            name="receipt_applied_to_a_fee",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_one_open",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_of_something",
        ),
        migrations.AddField(
            model_name="access",
            name="pull_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="evidence",
            name="account",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="account_reference",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="receipt",
            name="free_cents",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="receipt",
            name="phone_shown",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="task",
            name="account",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="closed_as",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="task",
            name="closed_by",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="proposed_fee",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payments.fee"
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="proposed_why",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="receipt",
            name="names",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payments.fee"
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("account_reference", ""), ("prompt", None), ("state", "unapplied")),
                fields=["account", "amount_cents"],
                name="receipt_unreferenced",
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("number", None)), fields=["account", "amount_cents"], name="receipt_awaiting"
            ),
        ),
        migrations.AddIndex(
            model_name="fee",
            index=models.Index(
                condition=models.Q(
                    ("state__in", [rufaa.payments.machine.FeeState["DUE"], rufaa.payments.machine.FeeState["DEFERRED"]])
                ),
                fields=["account", "amount_cents", "-created_at"],
                name="fee_owed",
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("state", "unapplied")), fields=["created_at"], name="receipt_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("free_cents__gte", 0), ("free_cents__lte", models.F("amount_cents"))),
                name="receipt_free",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            rufaa.payments.machine.ReceiptState["UNAPPLIED"],
                            rufaa.payments.machine.ReceiptState["APPLIED"],
                            rufaa.payments.machine.ReceiptState["REFUNDED"],
                        ],
                    )
                ),
                name="receipt_state",
            ),
        ),
        migrations.AddField(
            model_name="application",
            name="fee",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="payments.fee"),
        ),
        migrations.AddField(
            model_name="application",
            name="receipt",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="payments.receipt"),
        ),
        migrations.AddField(
            model_name="claim",
            name="account",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"),
        ),
        migrations.AddField(
            model_name="claim",
            name="fee",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.fee"),
        ),
        migrations.AddField(
            model_name="claim",
            name="receipt",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.receipt"),
        ),
        migrations.AddField(
            model_name="evidence",
            name="claim",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.claim"),
        ),
        migrations.AddField(
            model_name="task",
            name="claim",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.claim"),
        ),
        migrations.AddField(
            model_name="inquiry",
            name="account",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="facilities.mpesaaccount"),
        ),
        migrations.AddField(
            model_name="inquiry",
            name="claim",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.claim"),
        ),
        migrations.AddField(
            model_name="refund",
            name="fee",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.fee"),
        ),
        migrations.AddField(
            model_name="refund",
            name="receipt",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="payments.receipt"),
        ),
        migrations.AddField(
            model_name="inquiry",
            name="refund",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.refund"),
        ),
        migrations.AddField(
            model_name="evidence",
            name="refund",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.refund"),
        ),
        migrations.AddField(
            model_name="task",
            name="refund",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.refund"),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(
                condition=models.Q(("account__isnull", False)), fields=["receipt_number"], name="evidence_arrival"
            ),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(condition=models.Q(("claim__isnull", False)), fields=["claim"], name="evidence_claim"),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(
                condition=models.Q(("refund__isnull", False)), fields=["refund"], name="evidence_refund"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                condition=models.Q(("channel", "pull")),
                fields=("account", "receipt_number", "amount_cents"),
                name="evidence_pulled_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("kind", "fee", "prompt", "receipt", "stray", "claim", "refund", "account"),
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
                    ("account__isnull", False),
                    _connector="OR",
                ),
                name="task_of_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(condition=models.Q(("amount_cents__gt", 0)), name="application_amount"),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.UniqueConstraint(fields=("fee", "receipt"), name="application_once"),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="claim_due"),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(fields=["number"], name="claim_number"),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__regex", "^[0-9A-Z]{6,20}$")), name="claim_number_form"
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["c2b", "typed"])), name="claim_channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("account", "number", "channel", "fee"),
                name="claim_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_as", ""), ("ended_at", None)),
                    models.Q(("ended_as__in", ["confirmed", "refused", "given-up"]), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="claim_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["receipt"], name="refund_receipt"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="refund_due"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False)), fields=["lease_until"], name="refund_leased"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("amount_cents__gt", 0)), name="refund_amount"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            rufaa.payments.refund_machine.RefundState["PROPOSED"],
                            rufaa.payments.refund_machine.RefundState["WITHDRAWN"],
                            rufaa.payments.refund_machine.RefundState["APPROVED"],
                            rufaa.payments.refund_machine.RefundState["SENDING"],
                            rufaa.payments.refund_machine.RefundState["ORDERED"],
                            rufaa.payments.refund_machine.RefundState["UNKNOWN"],
                            rufaa.payments.refund_machine.RefundState["RESENDING"],
                            rufaa.payments.refund_machine.RefundState["DONE"],
                            rufaa.payments.refund_machine.RefundState["FAILED"],
                        ],
                    )
                ),
                name="refund_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "method__in",
                        [
                            rufaa.payments.refund_machine.RefundMethod["REVERSAL"],
                            rufaa.payments.refund_machine.RefundMethod["B2C"],
                        ],
                    )
                ),
                name="refund_method",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("method", rufaa.payments.refund_machine.RefundMethod["REVERSAL"]), ("phone", "")),
                    models.Q(
                        ("method", rufaa.payments.refund_machine.RefundMethod["B2C"]),
                        ("phone__regex", "^254[17][0-9]{8}$"),
                    ),
                    _connector="OR",
                ),
                name="refund_phone",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("why", ""), _negated=True), name="refund_why"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", None),
                    models.Q(("approved_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="refund_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by__isnull", False),
                    (
                        "state__in",
                        [
                            rufaa.payments.refund_machine.RefundState["PROPOSED"],
                            rufaa.payments.refund_machine.RefundState["WITHDRAWN"],
                        ],
                    ),
                    _connector="OR",
                ),
                name="refund_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["approved", "ordered", "proposed", "resending", "sending", "unknown"])
                ),
                fields=("receipt", "fee"),
                name="refund_one_live",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(condition=models.Q(("claim__isnull", False)), fields=["claim"], name="inquiry_claim"),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(condition=models.Q(("refund__isnull", False)), fields=["refund"], name="inquiry_refund"),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(("claim__isnull", False), ("refund__isnull", False), _connector="XOR"),
                name="inquiry_about_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("receipt_number__isnull", False), ("original_conversation_id__isnull", False), _connector="XOR"
                ),
                name="inquiry_by_one",
            ),
        ),
    ]
