"""Units of work that PostgreSQL ended, or asks to be done again."""

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


def test_a_table_that_another_node_alters_meanwhile_is_read_all_the_same(database: str) -> None:
    """PostgreSQL refuses a prepared statement whose columns became others; a server that goes on has prepared many."""

    def read(tx: Tx) -> list[dict[str, object]]:
        return tx.rows("SELECT * FROM altered")

    def prepared(tx: Tx) -> bool:
        read(tx)
        return bool(tx.rows("SELECT FROM pg_prepared_statements WHERE statement = 'SELECT * FROM altered'"))

    with psycopg.connect(database, autocommit=True) as other:
        other.execute("CREATE TABLE altered (one int)")
        other.execute("INSERT INTO altered VALUES (1)")
        try:
            wait_until(lambda: all(unit(prepared) for _ in range(20)), what="every connection's statement")
            other.execute("ALTER TABLE altered ADD two int DEFAULT 2")

            assert [unit(read) for _ in range(20)] == [[{"one": 1, "two": 2}]] * 20
        finally:
            other.execute("DROP TABLE altered")
