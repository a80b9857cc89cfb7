"""What PostgreSQL counted says how a search goes, never what it finds."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import psycopg
import pytest
from django.db import connection

from crowd import many
from rufaa.db.atomic import look
from rufaa.facilities.queries import Actor
from rufaa.referrals import search
from rufaa.referrals.machine import Status
from rufaa.referrals.queries import Box
from support import World, execute

LIMIT = 51
TEXTS = (
    *("wanjiku", "wanj", "wanjiku otieno", "wanjiku wanj"),  # each word is common
    *(
        "patient2321 wanjiku",
        "otieno patient2321",
        "wanj patient232",
        "patient2321 otieno kamau",
        "p wanjiku",
    ),  # one is not
    *("patient2321", "patient", "0700002321", "2321", "nobody", "nobody wanjiku", "--"),  # none is
)


@pytest.fixture
def counted(world: World, database: str) -> Iterator[None]:
    """Three thousand referrals, and what of them is common. Some are not released, some have no payee."""
    many(world, 3000)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE referral SET released_at = NULL WHERE hashtext(id::text) % 7 = 0")
        admin.execute("UPDATE referral SET payee_id = %s WHERE hashtext(id::text) %% 10 <> 0", [world.tumaini.pk])
        admin.execute(
            "UPDATE referral_search SET words = now.words, released = referral.released_at IS NOT NULL"
            " FROM referral_lexemes(ARRAY(SELECT id FROM referral)) AS now JOIN referral ON referral.id = now.referral"
            " WHERE referral_id = referral.id"
        )
    execute("ANALYZE referral_search")
    search._COMMON.forget()
    yield
    search._COMMON.forget()


@contextmanager
def nothing_counted() -> Iterator[None]:
    """As on a table that nobody has analysed."""
    shares, search._COMMON._shares = search._COMMON._shares, {}
    try:
        yield
    finally:
        search._COMMON._shares = shares


def found(
    actor: Actor, text: str, *, status: Status | None = None, after: uuid.UUID | None = None, limit: int = LIMIT
) -> list[uuid.UUID]:
    """The newest first."""
    last = None if after is None else after.hex
    keys = look(lambda tx: search._by_words(tx, actor, text, Box.ALL, status=status, after=last, limit=limit))
    return sorted(keys, reverse=True)


def asked(actor: Actor, text: str) -> list[tuple[str, str]]:
    """The names of the statements by which words were looked for, and what was looked up in the index."""
    names = {sql: name for name, sql in search._SQL.items()}
    seen: list[tuple[str, str]] = []

    def noted(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if names.get(sql) in {"found", "found_among", "newest"}:
            seen.append((names[sql], params["looked_up"]))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(noted):
        found(actor, text)
    return seen


def test_the_same_is_found_however_it_is_looked_for(world: World, counted: None) -> None:
    people = (world.admin, world.physician, world.receiver, world.finance, world.stranger)
    for actor, text in product(people, TEXTS):
        first, among = found(actor, text), found(actor, text, status=Status.PENDING_ADMIN)
        rest = found(actor, text, after=first[-1]) if first else []
        with nothing_counted():
            assert found(actor, text) == first, text
            assert found(actor, text, status=Status.PENDING_ADMIN) == among, text
            assert (found(actor, text, after=first[-1]) if first else []) == rest, text
            assert found(actor, text, limit=10_000)[:LIMIT] == first, text


def test_of_common_words_the_newest_are_looked_through_by_whoever_sees_many(world: World, counted: None) -> None:
    for actor in (world.admin, world.receiver, world.finance):
        assert [name for name, _ in asked(actor, "wanjiku")] == ["newest"]
        assert len(found(actor, "wanj")) == LIMIT
    with nothing_counted():
        assert [name for name, _ in asked(world.admin, "wanjiku")] == ["found"]


def test_where_the_newest_do_not_hold_enough_all_are_searched(world: World, counted: None) -> None:
    kept = "SELECT referral_id FROM referral_search WHERE words @@ 'wanjiku'::tsquery ORDER BY referral_id LIMIT 5"
    execute(f"UPDATE referral_search SET words = ts_delete(words, 'wanjiku') WHERE referral_id NOT IN ({kept})")

    assert [name for name, _ in asked(world.admin, "wanjiku")] == ["newest", "found"]
    assert len(found(world.admin, "wanjiku")) == 5


def test_a_rare_word_is_looked_up_and_what_it_finds_is_asked_for_the_common_one(world: World, counted: None) -> None:
    assert asked(world.admin, "Wanjiku patient2321") == [("found", "patient2321")]
    assert len(found(world.admin, "patient2321 otieno")) + len(found(world.admin, "patient2321 wanjiku")) <= 1
    assert len(found(world.admin, "patient2321")) == 1


@pytest.mark.parametrize("status", [None, Status.PENDING_ADMIN])
def test_only_the_rare_word_is_looked_up_in_the_index(world: World, counted: None, status: Status | None) -> None:
    """Of a common word it would make a list of all who have it, also where that is an index's second condition."""
    conditions: list[str] = []

    def explained(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if sql in {search._SQL["found"], search._SQL["found_among"]}:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute(f"EXPLAIN {sql}", params)
                plan = "\n".join(line for (line,) in cursor.fetchall())
            conditions.extend(re.findall(r"Index Cond: (.*@@.*)", plan))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(explained):
        found(world.admin, "wanjiku patient2321", status=status)
        found(world.admin, "patient2321", status=status)

    assert [each.count("@@") for each in conditions] == [1, 1]


def test_a_beginning_that_says_little_is_looked_up_with_all_others(world: World, counted: None) -> None:
    """Many may have it, though no common word begins so: each facility's account codes do."""
    assert asked(world.admin, "p wanjiku") == [("found", "p wanjiku")]


def test_who_sees_little_does_not_look_through_what_others_see(world: World, counted: None) -> None:
    assert asked(world.stranger, "wanjiku") == [("found", "wanjiku")]
