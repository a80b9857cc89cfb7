"""One PostgreSQL for a run: the embedded one, or the server of DATABASE_URL (its user must be a superuser)."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from rufaa.db.embedded import EmbeddedPostgres, Settings

# Kept under a name of its own, since DATABASE_URL is set below and would be inherited by processes of a split run.
_GIVEN = os.environ.setdefault("RUFAA_TESTS_SERVER", os.environ.get("DATABASE_URL", "")) or None
_TEMPLATE = os.environ.get("RUFAA_TESTS_TEMPLATE")  # a migrated database of that server, to begin with a copy of it
_DATA = Path(tempfile.mkdtemp(prefix="rufaa-tests-"))
_DATA.chmod(0o711)  # as root PostgreSQL runs as another account
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
_POSTGRES = None if _GIVEN else EmbeddedPostgres(Settings(data=_DATA, fast_unsafe=True))
_NAME = f"rufaa_test_{os.getpid()}"


def _url(server: str) -> str:
    parts = urlsplit(server)
    # urlunsplit drops an empty authority, and "postgresql:/name" is no address
    return urlunsplit(parts._replace(path=f"/{_NAME}")).replace("postgresql:/r", "postgresql:///r")


# Ten thousand tests stay in memory. Looked through after each 700 new objects, as is usual, they take a quarter of the
# time until all are there, and some of each test's.
gc.set_threshold(10_000, 10, 10)

_SERVER = _GIVEN or (_POSTGRES.url("postgres") if _POSTGRES else "")
DATABASE_URL = _url(_SERVER)

# Django reads its settings once, at the first import of a noun; the server itself starts when a test wants it.
for _name in [name for name in os.environ if name.startswith(("RUFAA_", "MPESA_"))]:
    if _name not in {
        "RUFAA_CORPUS",
        "RUFAA_DEPTH",
        "RUFAA_HOSTILE",
        "RUFAA_LONG",
        "RUFAA_TESTS_SERVER",
        "RUFAA_TESTS_TEMPLATE",
    }:
        del os.environ[_name]
os.environ |= {
    "DATABASE_URL": DATABASE_URL,
    "DJANGO_SETTINGS_MODULE": "rufaa.settings",
    "RUFAA_DATA": str(_DATA / "rufaa"),
    "RUFAA_MODE": "demo",
    "RUFAA_SECRET_KEYS": "a secret of the tests that is long enough",
    "RUFAA_POOL_SIZE": "40",
}

import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402

import durable  # noqa: E402
from cheap import make_cheap  # noqa: E402
from rufaa.cli.migrate import migrate  # noqa: E402
from rufaa.config import config  # noqa: E402
from rufaa.simulator.config import SimulatorSettings  # noqa: E402
from rufaa.simulator.testing import RunningSimulator, running_simulator  # noqa: E402
from support import Running, Worker, World, make_world, running_gateway  # noqa: E402

make_cheap()

TAKE_LONG: Final = (
    *("crashes/test_crash_failpoints", "simulation/test_simulation", "journeys/test_demo_life"),
    *("crashes/test_crash_commit", "backup/test_migrate_backs_up", "live/test_live_everything"),
    *("console/test_console_walk", "crashes/", "backup/", "console/test_console_axe", "hostile/", "journeys/"),
    *("console/test_settings_walk", "doctor/", "observability/", "clients/"),
)
"""Files by the beginning of their path, and about how long they take: the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each file goes to one process, in this order; a long one at the end would leave the others idle."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((at for at, beginning in enumerate(TAKE_LONG) if path.startswith(beginning)), len(TAKE_LONG))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A migrated database, dropped at the end."""
    if _POSTGRES is not None:
        _POSTGRES.start()
    try:
        with psycopg.connect(_SERVER, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{_NAME}"' + (f' TEMPLATE "{_TEMPLATE}"' if _TEMPLATE else ""))
        if _TEMPLATE is None:
            migrate(config())
        yield DATABASE_URL
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        with psycopg.connect(_SERVER, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{_NAME}" WITH (FORCE)')
    finally:
        if _POSTGRES is not None:
            _POSTGRES.stop()


@pytest.fixture(scope="session")
def durable_server() -> Iterator[EmbeddedPostgres]:
    """A server that loses nothing, with the database of ``durable_database_url``."""
    with durable.running() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def durable_database_url(durable_server: EmbeddedPostgres) -> Iterator[str]:
    """A migrated database that loses nothing; the tests' own connections lead there while the module runs."""
    url = durable_server.url(durable.NAME)
    with durable.connected_to(url):
        yield url


class Emptier:
    """Empties databases, over connections that it keeps: a new one knows no table, and to read about all of them takes
    PostgreSQL eight times as long as to empty them."""

    def __init__(self) -> None:
        self._kept: dict[str, psycopg.Connection] = {}

    def empty(self, url: str) -> None:
        """Tables emptied past the guards that keep their rows, the clock set right."""
        try:
            self._empty(self._admin(url))
        except psycopg.OperationalError:
            if not self._kept[url].broken:
                raise
            self._empty(self._admin(url))  # a test has ended the connection, or its server

    def _admin(self, url: str) -> psycopg.Connection:
        if url not in self._kept or self._kept[url].broken:
            self._kept[url] = psycopg.connect(url, autocommit=True)
        return self._kept[url]

    @staticmethod
    def _empty(admin: psycopg.Connection) -> None:
        admin.execute("SET session_replication_role = replica")
        # DELETE, since TRUNCATE makes new files for every table and takes ten times as long
        (deletes,) = admin.execute(
            "SELECT string_agg(format('DELETE FROM %I', tablename), '; ') FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('law', 'django_migrations', 'django_content_type', 'auth_permission')"
        ).fetchone() or ("",)
        admin.execute(deletes)
        admin.execute(
            "SELECT setval(seqrelid, 1, false) FROM pg_sequence WHERE seqrelid::regclass::text !~ '^(law|django|auth)'"
        )
        admin.execute("INSERT INTO rufaa_clock (id, \"offset\") VALUES (1, interval '0')")

    def close(self) -> None:
        for admin in self._kept.values():
            admin.close()


@pytest.fixture(scope="session")
def emptier() -> Iterator[Emptier]:
    made = Emptier()
    yield made
    made.close()


@pytest.fixture
def database(database_url: str, emptier: Emptier) -> Iterator[str]:
    """An empty database."""
    emptier.empty(database_url)
    yield database_url
    connection.close()


@pytest.fixture
def world(database: str) -> World:
    """Facilities and people; Daraja is nowhere."""
    return make_world()


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A simulator whose clock stands still until the test moves it."""
    with running_simulator(SimulatorSettings(manual_clock=True, query_rate=None)) as running:
        yield running


@pytest.fixture
def gateway(database: str) -> Iterator[Running]:
    """A gateway in demo mode."""
    with running_gateway(database) as running:
        yield running


@pytest.fixture
def town(simulator: RunningSimulator, database: str) -> World:
    """The world with the simulator as its Daraja."""
    return make_world(simulator.url)


@pytest.fixture
def worker(gateway: Running) -> Worker:
    """The worker's rounds, to be run by hand; its callbacks lead to the gateway."""
    return Worker(gateway.url)
