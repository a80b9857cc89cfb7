"""A connection that ended while it lay in the pool is not handed out, though nobody asks PostgreSQL each time."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.db import connection

from rufaa.db.atomic import unit
from rufaa.db.pooled.base import is_usable
from support import value


def ended(database: str, pid: int) -> None:
    """Its backend has gone, and has said so to whoever was connected."""
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_one_that_ended_is_told_from_one_that_did_not(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as ours:
        assert is_usable(ours)
        ended(database, ours.info.backend_pid)
        assert not is_usable(ours)


def test_a_word_that_nobody_waits_for_ends_nothing(database: str) -> None:
    """A server tells of a setting that was changed whenever it likes."""
    with psycopg.connect(database, autocommit=True) as ours, psycopg.connect(database, autocommit=True) as other:
        ours.execute("LISTEN something")
        other.execute("NOTIFY something")
        assert is_usable(ours)
        assert ours.execute("SELECT 1").fetchone() == (1,)


def test_one_in_a_transaction_is_not_handed_out(database: str) -> None:
    with psycopg.connect(database) as ours:
        ours.execute("SELECT 1")
        assert not is_usable(ours)


def lying(database: str) -> list[psycopg.Connection]:
    """The connections in the pool, which has some."""
    value("SELECT 1 AS one")
    found = list(connection.pool._pool)  # type: ignore[attr-defined]
    assert found
    return found


def test_after_all_in_the_pool_have_ended_a_unit_runs_all_the_same(database: str) -> None:
    for each in lying(database):
        ended(database, each.info.backend_pid)

    assert unit(lambda tx: tx.seconds("SELECT 1")) == 1.0


def test_control_without_the_look_the_unit_fails(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rufaa.db.pooled.base.is_usable", lambda _: True)
    for each in lying(database):
        ended(database, each.info.backend_pid)

    with pytest.raises(Exception, match=r"terminating connection|closed"):
        unit(lambda tx: tx.seconds("SELECT 1"))


def test_one_that_lay_unused_for_long_is_asked_since_a_server_may_vanish_without_a_word(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[psycopg.Connection] = []
    monkeypatch.setattr("rufaa.db.pooled.base.ConnectionPool.check_connection", asked.append)
    kept = lying(database)
    for each in kept:
        each.unused_since = time.monotonic() - 9.0  # type: ignore[attr-defined]
    assert all(is_usable(each) for each in kept)
    assert asked == []

    for each in kept:
        each.unused_since = time.monotonic() - 11.0  # type: ignore[attr-defined]
    assert all(is_usable(each) for each in kept)
    assert asked == kept
