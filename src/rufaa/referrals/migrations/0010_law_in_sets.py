"""Moves are asked once a statement instead of once a row; new referrals come one at a time. There is no way back."""

from __future__ import annotations

from django.db import migrations

_SQL = """
DROP TRIGGER referral_1_law ON referral;
CREATE TRIGGER referral_1_born BEFORE INSERT ON referral FOR EACH ROW EXECUTE FUNCTION law_guard('referral');
CREATE TRIGGER referral_1_law AFTER UPDATE ON referral REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION law_holds('referral');
"""


class Migration(migrations.Migration):
    dependencies = [("rufaa_db", "0005_law_in_sets"), ("referrals", "0009_released")]

    operations = [migrations.RunSQL(_SQL)]
