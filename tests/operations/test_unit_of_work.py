"""Units of work whose process froze: PostgreSQL ended the transaction, and nothing of it is there."""

from __future__ import annotations

import psycopg
import pytest
from django.db import OperationalError

from rufaa.db.atomic import Tx, unit
from support import World, rows, wait_until


def test_a_transaction_that_slept_too_long_is_a_lost_connection_and_no_fault_of_its_work(
    world: World, database: str
) -> None:
    """psycopg calls it an internal error; a report that is settled then must not be given up for it."""

    def freezes(tx: Tx) -> None:
        tx.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        tx.execute("UPDATE facility SET name = 'Half a name' WHERE id = %(id)s", {"id": world.uhuru.pk})
        (row,) = tx.rows("SELECT pg_backend_pid() AS pid")
        with psycopg.connect(database, autocommit=True) as other:
            gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
            wait_until(lambda: bool((other.execute(gone, [row["pid"]]).fetchone() or [False])[0]), what="its end")
        tx.execute("SELECT 1")

    with pytest.raises(OperationalError, match="idle-in-transaction"):
        unit(freezes)

    assert rows("SELECT name FROM facility WHERE name = 'Half a name'") == []
