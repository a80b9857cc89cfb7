"""The id that a referral had in the app that it was brought from. It never changes once it is set."""

from __future__ import annotations

from django.db import migrations, models

_FROZEN = """
DROP TRIGGER referral_2_frozen ON referral;
CREATE TRIGGER referral_2_frozen BEFORE UPDATE ON referral FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'token', 'account_code', 'priority', 'referring_id', 'receiving_id',
                                    'physician_id', 'created_by_id', 'particulars_id', 'fee_id', 'former_id');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0003_live"),
    ]

    operations = [
        migrations.AddField(model_name="referral", name="former_id", field=models.TextField(null=True, unique=True)),
        migrations.RunSQL(_FROZEN),
    ]
