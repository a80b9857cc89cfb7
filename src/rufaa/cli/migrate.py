"""``rufaa migrate``: bring tables, law and the settings' M-Pesa account up to date, after a backup of what is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast

import psycopg
import typer

from rufaa import log
from rufaa.cli import backup, production
from rufaa.cli.database import database, need_migrated
from rufaa.config import Config, config
from rufaa.errors import Kind, RufaaError
from rufaa.law import Machine

_LOCK: Final = "hashtext('rufaa migrate')"
_FILLED_BY_MIGRATIONS: Final = ("law", "rufaa_clock", "django_migrations", "django_content_type", "auth_permission")
"""Tables whose rows nobody would miss: each migration makes them again."""


class MigrationHeldUp(RufaaError):
    """Somebody holds a table that a migration has to change. What was migrated before it stays."""

    kind = Kind.UNAVAILABLE
    code = "migration-held-up"


def command(
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no backup first, where the database is backed up otherwise.")
    ] = False,
) -> None:
    """Bring the database up to date, after a backup where there is something to lose. Harmless to repeat, and from
    several nodes at once."""
    log.set_up(config().log)
    production.check_settings(config())
    with database(migrating=True) as settings:
        kept = migrate(settings, backup_first=not no_backup)
        need_migrated()
    if kept is not None:
        print(f"Backed up before: {kept}")
    print("The database is up to date.")


def migrate(settings: Config, *, backup_first: bool = True) -> Path | None:
    """Tables, then the law, then the account of the MPESA_* settings; one node at a time.

    With ``backup_first`` a database that has data and lacks migrations is backed up before: returns where. Raises
    ``BackupFailed``, ``MigrationHeldUp``, and what ``production`` refuses, before an account is stored.
    """
    from rufaa.daraja.settings import credentials_from  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import unit  # noqa: PLC0415
    from rufaa.facilities.operations import keep_account  # noqa: PLC0415

    credentials = credentials_from(settings.environ)
    kept = bring_up_to_date(settings if backup_first else None)
    if credentials is not None:
        production.check_database(settings)  # before an account is stored that would spoil the database for its own use
        unit(
            lambda tx: keep_account(
                tx,
                credentials,
                keys=settings.secret_keys,
                pushes_per_s=settings.pushes_per_s,
                queries_per_min=settings.queries_per_min,
            )
        )
    return kept


def bring_up_to_date(backup_into: Config | None = None) -> Path | None:
    """Tables and law; before, a backup into the data folder of the settings, if they are given and there is need."""
    from django.core.management import call_command  # noqa: PLC0415 - needs Django set up
    from django.db import OperationalError, connection  # noqa: PLC0415

    from rufaa.db import fresh, law  # noqa: PLC0415
    from rufaa.db.atomic import atomic  # noqa: PLC0415

    kept = None
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(f"SELECT pg_advisory_lock({_LOCK})")
        try:
            if backup_into is not None and backup_into.database_url is not None and _missing() and _has_data():
                kept = backup.before_migration(backup_into, backup_into.database_url)
            cursor.execute("SET lock_timeout = '5s'")  # whoever waits for us waits no longer than that
            fresh.fill()
            if _missing():  # Django takes a second to find that there is nothing to do
                call_command("migrate", verbosity=0, interactive=False)
            if not database_is_newer():  # its law is then another's to write
                with atomic() as tx:
                    law.write(tx, _machines())
        except OperationalError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise MigrationHeldUp(
                    "A table could not be changed within 5 s, since somebody holds it: a backup under way, or a long"
                    " transaction. Nothing is lost: wait for its end and start again."
                ) from error
            raise
        finally:
            cursor.execute(f"SELECT pg_advisory_unlock({_LOCK})")
            cursor.execute("RESET ALL")
    connection.close()
    return kept


def migrate_to(migrations: Collection[str]) -> None:
    """An empty database to the level of exactly these migrations (``app.name``); others are left out."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    from rufaa.db import fresh  # noqa: PLC0415

    if known_migrations() <= set(migrations):
        fresh.fill()
        if not _missing():
            return
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    plan = [
        (migration, backwards)
        for migration, backwards in executor.migration_plan(leaves)
        if f"{migration.app_label}.{migration.name}" in migrations
    ]
    executor.migrate(leaves, plan=plan)


def known_migrations() -> set[str]:
    """All that this version has, as ``app.name``."""
    from rufaa.db import level  # noqa: PLC0415 - needs Django set up

    return {f"{app}.{name}" for app, name in level.known()}


def law_rows() -> set[tuple[str, ...]]:
    """The law as this version's code says it."""
    return {tuple(row) for machine in _machines() for row in machine.rows()}


def _machines() -> Sequence[Machine[Any, Any]]:
    from rufaa.appointments.machine import MACHINE as APPOINTMENT  # noqa: PLC0415 - as above
    from rufaa.notices.machine import MACHINE as NOTICE  # noqa: PLC0415
    from rufaa.payments.machine import MACHINES  # noqa: PLC0415
    from rufaa.referrals.machine import MACHINE as REFERRAL  # noqa: PLC0415

    return (REFERRAL, *MACHINES, APPOINTMENT, NOTICE)


def close_connections() -> None:
    """Let the database go: its connection, and the pool's."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up

    connection.close()
    cast("Any", connection).close_pool()  # PostgreSQL's wrapper has it


def _missing() -> bool:
    """Whether a migration has to be made."""
    from rufaa.db import level  # noqa: PLC0415 - needs Django set up

    return bool(level.missing())


def _has_data() -> bool:
    """Whether anything stands in a table that people or machines write."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up

    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in _FILLED_BY_MIGRATIONS]
        for name in tables:
            cursor.execute(f"SELECT EXISTS (SELECT FROM {connection.ops.quote_name(name)})")  # noqa: S608
            if cursor.fetchone() == (True,):
                return True
    return False


def database_is_newer() -> bool:
    """Whether migrations were applied that this version does not know: a newer node runs beside us."""
    from rufaa.db import level  # noqa: PLC0415 - needs Django set up

    return bool(level.applied() - level.known())
