"""A database that may lose what it acknowledged is refused, and the refusal says what to change."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from rufaa.db import durability
from rufaa.db.durability import UnsafeDatabase, check_durability
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.errors import Kind


def test_a_server_that_may_lose_data_is_refused_by_name(postgres: EmbeddedPostgres) -> None:
    postgres.start()

    with psycopg.connect(postgres.url()) as connection, pytest.raises(UnsafeDatabase) as refused:
        check_durability(connection)

    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "unsafe-database")
    assert refused.value.data == {"settings": ["fsync", "synchronous_commit", "full_page_writes"]}
    assert "fsync = on, synchronous_commit = on, full_page_writes = on" in refused.value.message


def test_a_safe_server_passes_until_a_role_or_the_version_makes_it_unsafe(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres(Settings(data=data)) as postgres:
        with psycopg.connect(postgres.url(), row_factory=dict_row, autocommit=True) as connection:
            check_durability(connection)
            for allowed in ("local", "remote_write", "remote_apply"):
                connection.execute(f"SET synchronous_commit = {allowed}")
                check_durability(connection)
            connection.execute("ALTER ROLE rufaa SET synchronous_commit = off")

        with psycopg.connect(postgres.url()) as connection:
            with pytest.raises(UnsafeDatabase) as refused:
                check_durability(connection)
            assert refused.value.data == {"settings": ["synchronous_commit"]}

            monkeypatch.setattr(durability, "OLDEST_SERVER", 19)
            with pytest.raises(UnsafeDatabase, match=r"The database is PostgreSQL 18\.\d+.*; Rufaa needs 19 or later"):
                check_durability(connection)
