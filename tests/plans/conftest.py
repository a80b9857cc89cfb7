"""Statistics stand still while plans are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from plans.plans import GROWING


@pytest.fixture(autouse=True)
def undisturbed(database: str) -> Iterator[None]:
    """PostgreSQL counts no table anew by itself: what ``as_if_there_were`` says would be gone.

    And nothing is left of the tests before: pages of what they deleted, and a count of what they had for a moment.
    """
    with psycopg.connect(database, autocommit=True) as admin:
        for table in sorted(GROWING):
            admin.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
            admin.execute(f"VACUUM (FULL) {table}".encode())
            admin.execute(f"DELETE FROM pg_statistic WHERE starelid = '{table}'::regclass".encode())
        yield
        for table in sorted(GROWING):
            admin.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)".encode())
