"""Documents are kept for ever as they were; only what became of them may change."""

from __future__ import annotations

from django.db import migrations

_GUARDS = """
CREATE TRIGGER brought_1_frozen BEFORE UPDATE ON brought FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'at', 'source', 'document', 'digest', 'body', 'referral_id');
CREATE TRIGGER brought_2_kept BEFORE DELETE ON brought FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER brought_3_kept BEFORE TRUNCATE ON brought EXECUTE FUNCTION kept_for_ever();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("moving", "0001_initial"),
    ]

    operations = [migrations.RunSQL(_GUARDS)]
