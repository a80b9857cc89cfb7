"""Files that are attached to a referral, and their bytes apart from them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import rufaa.db.fields
import rufaa.ids


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0004_signing_in"),
        ("referrals", "0005_search"),
        ("talk", "0002_comment_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.UUIDField(default=rufaa.ids.new_id, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=rufaa.db.fields.RufaaNow())),
                ("name", models.TextField()),
                ("kind", models.TextField()),
                ("size_bytes", models.IntegerField()),
                ("sha256", models.BinaryField()),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_reason", models.TextField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "facility",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="facilities.facility",
                    ),
                ),
                (
                    "referral",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="referrals.referral",
                    ),
                ),
                (
                    "removed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "attachment",
            },
        ),
        migrations.CreateModel(
            name="AttachmentContent",
            fields=[
                (
                    "attachment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="talk.attachment",
                    ),
                ),
                ("content", models.BinaryField()),
            ],
            options={
                "db_table": "attachment_content",
            },
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(fields=["referral", "created_at", "id"], name="attachment_referral"),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["application/pdf", "image/jpeg", "image/png"])), name="attachment_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("size_bytes__gt", 0), ("size_bytes__lte", 26214400)), name="attachment_size"
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("removed_at", None), ("removed_by", None), ("removed_reason", None)),
                    models.Q(
                        ("removed_at__isnull", False), ("removed_by__isnull", False), ("removed_reason__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="attachment_removed_by_somebody",
            ),
        ),
    ]
