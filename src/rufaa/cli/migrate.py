"""``rufaa migrate``: bring the tables, the law and the settings' M-Pesa account up to date."""

from __future__ import annotations

from rufaa import log
from rufaa.cli import production
from rufaa.cli.database import database, need_migrated
from rufaa.config import Config, config


def command() -> None:
    """Bring the database up to date. Harmless to repeat, and from several nodes at once."""
    log.set_up(config().log)
    production.check_settings(config())
    with database(migrating=True) as settings:
        migrate(settings)
        need_migrated()
    print("The database is up to date.")


def migrate(settings: Config) -> None:
    """Tables, then the law, then the account of the MPESA_* settings; one node at a time. Raises what ``production``
    refuses, before an account is stored."""
    from django.core.management import call_command  # noqa: PLC0415 - needs Django set up
    from django.db import connection  # noqa: PLC0415

    from rufaa.daraja.settings import credentials_from  # noqa: PLC0415
    from rufaa.db import law  # noqa: PLC0415
    from rufaa.db.atomic import atomic, unit  # noqa: PLC0415
    from rufaa.facilities.operations import keep_account  # noqa: PLC0415
    from rufaa.payments.machine import MACHINES  # noqa: PLC0415
    from rufaa.referrals.machine import MACHINE  # noqa: PLC0415

    credentials = credentials_from(settings.environ)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtext('rufaa migrate'))")
        try:
            cursor.execute("SET lock_timeout = '5s'")
            call_command("migrate", verbosity=0, interactive=False)
            if not database_is_newer():  # its law is then another's to write
                with atomic() as tx:
                    law.write(tx, (MACHINE, *MACHINES))
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('rufaa migrate'))")
            cursor.execute("RESET ALL")
    connection.close()
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


def database_is_newer() -> bool:
    """Whether migrations were applied that this version does not know: a newer node runs beside us."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    loader = MigrationLoader(connection)
    return bool(set(loader.applied_migrations) - set(loader.disk_migrations))
