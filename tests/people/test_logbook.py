"""The logbook: what was done to people, roles, prices and facilities is there whoever wrote it, and stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError

from rufaa.db import sql
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import logbook, operations
from rufaa.facilities.models import User
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.signin import people
from support import World, execute, rows, value


def written() -> list[dict[str, Any]]:
    """(kind, person, facility, actor, about) of what was written since the world was made."""
    found = rows("SELECT kind, person, facility, actor, about FROM logbook ORDER BY id")
    return [{**row, "about": json.loads(row["about"])} for row in found]


@pytest.fixture
def fresh(world: World) -> World:
    """A world whose making is not in the book."""
    execute("ALTER TABLE logbook DISABLE TRIGGER USER")
    execute("DELETE FROM logbook")
    execute("ALTER TABLE logbook ENABLE TRIGGER USER")
    return world


def only() -> dict[str, Any]:
    (entry,) = written()
    return entry


def test_a_role_given_and_taken(fresh: World) -> None:
    who, where, by = fresh.physician.user, fresh.uhuru.pk, fresh.admin.user
    unit(
        lambda tx: operations.add_member(tx, User.objects.get(pk=who), fresh.uhuru, Role.FINANCE),
        actor=by,
    )
    execute("UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(who)s AND role = 'finance'", who=who)

    assert written() == [
        {"kind": "role.given", "person": who, "facility": where, "actor": by, "about": {"role": "finance"}},
        {"kind": "role.taken", "person": who, "facility": where, "actor": None, "about": {"role": "finance"}},
    ]


@pytest.mark.parametrize(
    ("change", "kind", "about"),
    [
        ("is_active = false", "person.switched-off", {}),
        ("email = 'a@example.com'", "email.set", {}),
        ("username = 'doctor'", "person.renamed", {"from": "physician", "to": "doctor"}),
        ("is_superuser = true", "operator.set", {"to": True}),
    ],
)
def test_what_is_changed_of_a_person_by_raw_sql(fresh: World, change: str, kind: str, about: object) -> None:
    execute(f"UPDATE rufaa_user SET {change} WHERE id = %(id)s", id=fresh.physician.user)
    execute("UPDATE rufaa_user SET last_login = rufaa_now()")

    assert only() == {
        "kind": kind, "person": fresh.physician.user, "facility": None, "actor": None, "about": about,
    }  # fmt: skip


def test_a_new_person_and_one_switched_on(fresh: World) -> None:
    user = unit(lambda tx: operations.add_user(tx, "nurse"))
    unit(lambda tx: people.switch_off(tx, user))
    unit(lambda tx: people.switch_on(tx, user))

    assert [row["kind"] for row in written()] == ["person.added", "person.switched-off", "person.switched-on"]


def test_a_price_with_what_it_was(fresh: World) -> None:
    dearer = Money.from_shillings(1200)
    for _ in range(2):
        unit(
            lambda tx: operations.set_price(tx, fresh.uhuru, amount=dearer, payee=fresh.tumaini, account=fresh.account)
        )

    entry = only()
    assert (entry["kind"], entry["facility"]) == ("price.set", fresh.uhuru.pk)
    assert (entry["about"]["from"], entry["about"]["to"]) == (100_000, 120_000)


def test_what_changed_of_a_facility(fresh: World) -> None:
    unit(lambda tx: operations.require_second_factor(tx, fresh.uhuru, True))

    assert only()["about"] == {"second_factor_required": [False, True]}


def test_a_second_factor_that_comes_and_goes(fresh: World) -> None:
    execute(
        "INSERT INTO mfa_authenticator (type, data, user_id, created_at)"
        " VALUES ('totp', '{\"secret\": \"x\"}', %(who)s, now())",
        who=fresh.admin.user,
    )
    execute("DELETE FROM mfa_authenticator")

    assert [(row["kind"], row["person"], row["about"]) for row in written()] == [
        ("factor.added", fresh.admin.user, {"type": "totp"}),
        ("factor.removed", fresh.admin.user, {"type": "totp"}),
    ]


@pytest.mark.parametrize("write", ["UPDATE logbook SET kind = 'a.b'", "DELETE FROM logbook", "TRUNCATE logbook"])
def test_an_entry_stays_as_it_is(world: World, write: str) -> None:
    before = written()
    with pytest.raises(IntegrityError, match="kept"):
        execute(write)

    assert written() == before


def test_time_and_channel_are_the_transactions(fresh: World) -> None:
    execute("INSERT INTO logbook (kind, at, channel) VALUES ('a.b', '2020-01-01', 'page')")

    assert value("SELECT at > now() - interval '1 minute' AND channel = 'server' FROM logbook")


def test_what_a_stranger_repeats_is_written_once(fresh: World) -> None:
    def knock(address: str) -> bool:
        return unit(lambda tx: logbook.note(tx, "sign-in.unknown", address=address, same_s=60))

    assert [knock("10.0.0.1"), knock("10.0.0.1"), knock("10.0.0.2")] == [True, False, True]


def test_a_stranger_who_knocks_costs_no_walk_through_the_book(world: World) -> None:
    statement = sql.load(logbook.__file__, "logbook.sql")["note"]
    values = {"kind": "sign-in.unknown", "person": None, "facility": None, "actor": None, "address": "10.0.0.1"}

    def plan(tx: Tx) -> str:
        tx.execute("INSERT INTO logbook (kind) SELECT 'sign-in.passed' FROM generate_series(1, 20000)")
        tx.execute("ANALYZE logbook")
        found = tx.tuples(f"EXPLAIN {statement}", {**values, "about": "{}", "same_s": 300.0})
        return "\n".join(line for (line,) in found)

    told = unit(plan)
    assert "logbook_kind_at" in told, told
    assert "Seq Scan" not in told, told
