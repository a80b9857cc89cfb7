"""How a command comes to a database: the one of DATABASE_URL, the embedded one that runs, or one started for it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django
import psycopg

from rufaa import trail
from rufaa.cli import production
from rufaa.config import Config, config
from rufaa.db import failpoints
from rufaa.db.durability import check_durability
from rufaa.db.embedded import EmbeddedPostgres, Settings, has_cluster, running_url
from rufaa.errors import Kind, RufaaError


class DatabaseUnreachable(RufaaError):
    """DATABASE_URL leads to no server that lets us in."""

    kind = Kind.UNAVAILABLE
    code = "database-unreachable"


class NoData(RufaaError):
    """There is no server's data in the data folder, and no DATABASE_URL."""

    kind = Kind.NOT_FOUND
    code = "no-data"


class NoDatabase(RufaaError):
    """No database is given, and no embedded one runs over the data folder."""

    kind = Kind.UNAVAILABLE
    code = "no-database"


class NotMigrated(RufaaError):
    """The database's tables are not those of this version."""

    kind = Kind.UNAVAILABLE
    code = "not-migrated"


def use(url: str) -> Config:
    """Make ``url`` this process's database and set Django up. Called once, before any noun is touched."""
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "rufaa.settings"  # another one could switch DEBUG on
    config.cache_clear()
    django.setup()
    return config()


def set_up() -> None:
    """Set Django up for what needs nouns and no database: any use of one fails with a clear name."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "rufaa.settings"
    django.setup()


def check(url: str) -> None:
    """Refuse a database that cannot be reached, or that may lose what it acknowledged."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            check_durability(connection)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"The database cannot be reached: {str(error).strip().splitlines()[0]}") from None


def reach(url: str) -> None:
    """Refuse a database that cannot be reached."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"The database cannot be reached: {str(error).strip().splitlines()[0]}") from None


@contextmanager
def database(*, migrating: bool = False) -> Iterator[Config]:
    """For a command that runs and ends: beside a running server, or alone with the embedded one started for it.

    Only who is ``migrating`` makes a new database; others refuse where there is none, or one that is not up to date.
    """
    given = config()
    url = _url_at_hand(given)
    with trail.coming_from(trail.Channel.COMMAND, _command()):
        if url is not None:
            check(url)
            yield _used(url, migrating=migrating)
            return
        if not migrating:
            need_data(given)
        with EmbeddedPostgres(Settings(data=given.data)) as postgres:
            yield _used(postgres.url(), migrating=migrating)


def _command() -> str:
    """The first word of the command line, where it is a command's: never what somebody gave it."""
    words = sys.argv[1:2]
    return words[0] if words and re.fullmatch(r"[a-z]+(-[a-z]+)*", words[0]) else ""


@contextmanager
def any_database() -> Iterator[tuple[Config, str]]:
    """As ``database``, for what works on a database of any level and needs no noun: the settings and the address."""
    given = config()
    url = _url_at_hand(given)
    if url is not None:
        reach(url)
        yield given, url
        return
    need_data(given)
    with EmbeddedPostgres(Settings(data=given.data)) as postgres:
        yield given, postgres.url()


def need_data(given: Config) -> None:
    """Raises ``NoData`` where no server was ever started: a command must not make one by the way."""
    if not has_cluster(given.data):
        raise NoData(
            f"There is no server's data in {given.data}. Set RUFAA_DATA to the folder of your server, or start one."
        )


def database_of_role(role: str) -> Config:
    """For a role that runs alone and for long: DATABASE_URL, or the embedded one of a running ``rufaa serve``."""
    production.check_settings(config())
    url = _url_at_hand(config())
    if url is None:
        raise NoDatabase(
            f"rufaa {role} needs a database: set DATABASE_URL, or run 'rufaa serve', which brings its own."
        )
    check(url)
    settings = _used(url, migrating=False)
    from rufaa.cli import restored  # noqa: PLC0415 - it imports us

    restored.warn()
    production.check_database(settings)
    if settings.die_at is not None:
        failpoints.die_at(settings.die_at)
    return settings


def _url_at_hand(given: Config) -> str | None:
    return given.database_url or running_url(given.data)


def _used(url: str, *, migrating: bool) -> Config:
    settings = use(url)
    if not migrating:
        need_migrated()
    return settings


def need_migrated() -> None:
    """Raises ``NotMigrated`` where a migration is missing; never migrates by itself."""
    from django.db import connection  # noqa: PLC0415 - needs Django set up

    from rufaa.db import level  # noqa: PLC0415

    missing = level.missing()
    connection.close()
    if missing:
        raise NotMigrated("The database is not up to date. Run: rufaa migrate")
