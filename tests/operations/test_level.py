"""Which migrations there are and which were applied, by names alone: as Django finds by loading them all."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from rufaa.db import level


def test_the_names_of_files_are_the_migrations_that_django_loads(database: str) -> None:
    loader = MigrationLoader(connection)
    assert level.known() == set(loader.disk_migrations)
    assert level.applied() == set(loader.applied_migrations) == level.known()
    assert not [name for name, each in loader.disk_migrations.items() if each.replaces]  # or names are not enough


def test_a_migration_that_was_not_applied_is_missing(database: str) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'payments' AND name LIKE '0008%'")
        assert level.missing() == {("payments", "0008_worked_money_guards")}
        transaction.set_rollback(True)
