"""Two at once, on purpose. A *negative control* runs the same race without the guard and shows what it prevents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import structlog
from django.db import connection
from psycopg import sql

from races.gates import Racers
from rufaa.cli.migrate import close_connections


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Events are kept in memory: drawing the tracebacks of errors on purpose takes longer than the tests."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(autouse=True, scope="module")
def patient(database_url: str) -> Iterator[None]:
    """Nobody gives up waiting for a lock or a connection because the machine is busy, or stands still for half a minute
    under somebody's transaction. Whoever waits without an end still fails.
    """
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    options["pool"] = {**before["pool"], "timeout": 60}
    options["options"] += " -c lock_timeout=45s -c statement_timeout=60s -c idle_in_transaction_session_timeout=90s"
    close_connections()
    yield
    options.update(before)
    close_connections()


@pytest.fixture
def racers(database: str) -> Iterator[Racers]:
    with ThreadPoolExecutor(24) as pool:
        yield Racers(database, pool)


@pytest.fixture
def without(database: str) -> Iterator[Callable[..., None]]:
    """Drops unique indexes and constraints of a table for this test; then the table is emptied, and they return."""
    back: list[tuple[str, str]] = []

    def drop(table: str, *names: str) -> None:
        with psycopg.connect(database, autocommit=True) as admin:
            for name in names:
                constraint = admin.execute(
                    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name]
                ).fetchone()
                index = admin.execute("SELECT pg_get_indexdef(%s::regclass)", [name]).fetchone()
                assert index is not None
                where = {"table": sql.Identifier(table), "name": sql.Identifier(name)}
                if constraint is None:
                    admin.execute(sql.SQL("DROP INDEX {name}").format(**where))
                    back.append((table, index[0]))
                else:
                    admin.execute(sql.SQL("ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE").format(**where))
                    back.append((table, f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {constraint[0]}'))

    yield drop
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        for table, definition in back:
            admin.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))
            admin.execute(definition.encode())
