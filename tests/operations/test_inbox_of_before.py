"""What the inbox held before it took reports of every kind: callbacks, which stay callbacks."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from beside import empty_database

MIGRATED = """
import sys
from rufaa.cli.database import use
use(sys.argv[1])
from rufaa.cli.migrate import known_migrations, migrate_to
migrate_to({name for name in known_migrations() if name not in sys.argv[2:]})
"""


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[str]:
    """An empty database beside that of the tests."""
    with empty_database(database_url, f"{urlsplit(database_url).path[1:]}_before") as url:
        yield url


def migrated(url: str, *without: str) -> None:
    subprocess.run(
        [sys.executable, "-c", MIGRATED, url, *without],
        env={**os.environ, "DATABASE_URL": url}, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_callbacks_of_before_stay_callbacks_and_are_frozen_as_they_were(elsewhere: str) -> None:
    # given: a database of the version before, with a callback that is settled and one that waits
    migrated(elsewhere, "ingest.0003_kinds")
    one, other = uuid.UUID(int=1), uuid.UUID(int=2)
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        for prompt in (one, other):
            connection.execute(
                "INSERT INTO inbox (prompt, source, trusted, body) VALUES (%s, '127.0.0.1', true, '{}')", [prompt]
            )
        connection.execute("UPDATE inbox SET settled_at = rufaa_now(), outcome = 'fails' WHERE id = 1")

    # when
    migrated(elsewhere)

    # then
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        found = connection.execute("SELECT kind, subject, body, outcome FROM inbox ORDER BY id").fetchall()
        assert found == [("stk", one, b"{}", "fails"), ("stk", other, b"{}", "")]
        with pytest.raises(psycopg.errors.NotNullViolation):  # nobody's report is taken for a callback by mistake
            connection.execute("INSERT INTO inbox (subject, source, trusted, body) VALUES (%s, '', true, '')", [one])
        with pytest.raises(psycopg.errors.IntegrityError, match="never changes"):
            connection.execute("UPDATE inbox SET outcome = 'no' WHERE id = 1")
