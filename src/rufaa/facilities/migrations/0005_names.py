"""Two people's sign-in names differ in more than the case of their letters."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Lower

from rufaa.errors import Kind, RufaaError


class NamesDifferInCaseOnly(RufaaError):
    """Sign-in names that are there already differ only in case. Nothing was changed."""

    kind = Kind.CONFLICT
    code = "names-differ-in-case-only"


def need_names_apart(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Which of two people is meant by a name is for a person to say, so nobody is renamed here."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(username, ' and ' ORDER BY username) FROM rufaa_user GROUP BY lower(username)"
            " HAVING count(*) > 1 ORDER BY 1"
        )
        found = [row[0] for row in cursor.fetchall()]
    if found:
        raise NamesDifferInCaseOnly(
            f"These people's sign-in names differ only in case: {'; '.join(found)}. Nothing was changed. Give one of each"
            " another name, at /operator/facilities/user/ with the version before or in the column username of the table"
            " rufaa_user, and start again."
        )


class Migration(migrations.Migration):
    dependencies = [("facilities", "0004_signing_in")]

    operations = [
        migrations.RunPython(need_names_apart, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                Lower("username"),
                name="rufaa_user_name_once",
                violation_error_message="Somebody has this name already, perhaps in other letters' case.",
            ),
        ),
    ]
