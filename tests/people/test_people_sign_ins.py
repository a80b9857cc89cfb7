"""The logbook of the door: who came in and how, who failed, who was kept out; who reads of it, and who does not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from people.signing import PASSWORD, member, sign_in, text, with_password
from people.test_people_factors import code, later, with_app
from rufaa.db.atomic import look, unit
from rufaa.facilities.models import User
from rufaa.signin import people, second_factor
from support import World, execute, rows

NEW = "three kites over Kisumu"


def noted(kinds: str = "^(sign-in|second-step|sessions|password|invitation)[.]") -> list[tuple[Any, ...]]:
    """(kind, whose name, by whom, from where, how) of each entry, oldest first."""
    found = rows(
        "SELECT kind, whom.username AS whom, who.username AS who, address, about FROM logbook"
        " LEFT JOIN rufaa_user AS whom ON whom.id = person LEFT JOIN rufaa_user AS who ON who.id = actor"
        " WHERE kind ~ %(kinds)s ORDER BY logbook.id",
        kinds=kinds,
    )
    return [(row["kind"], row["whom"], row["who"], row["address"], json.loads(row["about"])) for row in found]


def latest(client: Client) -> str:
    return text(client.get("/account/")).partition("Your last sign-ins")[2]


def test_who_comes_in_and_leaves(world: World) -> None:
    with_password("admin")
    client = Client()
    sign_in(client, "Admin", REMOTE_ADDR="192.0.2.7")
    client.post("/sign-in/out/", REMOTE_ADDR="192.0.2.7")

    assert [each[:3] for each in noted()] == [
        ("sign-in.passed", "admin", "admin"),
        ("sign-in.ended", "admin", "admin"),
    ]
    assert noted()[0][4] == {"by": ["password"]}
    assert "Signed in: password" in latest(member("admin"))


def test_from_where(world: World) -> None:
    with_password("admin")
    sign_in(Client(REMOTE_ADDR="192.0.2.7"), "admin")

    assert noted()[0][3] == "192.0.2.7"
    assert "192.0.2.7" in latest(member("admin"))


def test_a_wrong_password_of_somebody_is_told_to_them_and_to_their_administrator(world: World) -> None:
    with_password("physician")
    sign_in(Client(), "physician", "wrong")

    assert noted() == [("sign-in.failed", "physician", None, "127.0.0.1", {})]
    assert '<li class="bad">' in latest(member("physician"))
    page = member("admin").get(f"/settings/{world.uhuru.pk.hex}/people/{world.physician.user.hex}/")
    assert "Wrong password" in text(page)


@pytest.mark.parametrize("typed", ["nobody", "my password in the wrong field", "a\x00b", "x" * 400])
def test_of_a_name_that_nobody_has_only_that_is_written_and_once(world: World, typed: str) -> None:
    for _ in range(3):
        sign_in(Client(), typed, "wrong")
    sign_in(Client(), "another", "wrong")

    assert noted() == [("sign-in.unknown", None, None, "127.0.0.1", {})]
    assert rows("SELECT * FROM logbook WHERE logbook::text LIKE %(it)s", it="%wrong field%") == []


def test_an_email_address_is_whose_it_is(world: World) -> None:
    with_password("admin")
    execute("UPDATE rufaa_user SET email = 'a@example.com' WHERE username = 'admin'")
    sign_in(Client(), "A@example.com", "wrong")
    sign_in(Client(), "a@example.com")

    assert [each[:2] for each in noted()] == [("sign-in.failed", "admin"), ("sign-in.passed", "admin")]


def test_who_is_kept_out_is_noted_once(world: World) -> None:
    with_password("admin")
    for _ in range(9):
        sign_in(Client(), "admin", "wrong")

    kinds = [each[0] for each in noted()]
    assert kinds.count("sign-in.locked") == 1
    assert kinds.count("sign-in.failed") == 4  # the fifth locks
    assert "Kept out for too many wrong tries" in latest(member("admin"))


def test_who_is_switched_off_fails(world: World) -> None:
    with_password("physician")
    unit(lambda tx: people.switch_off(tx, people.named("physician")))
    sign_in(Client(), "physician")

    assert ("sign-in.passed", "physician") not in [each[:2] for each in noted()]


def test_a_second_step_that_is_right_or_wrong(world: World) -> None:
    _, secret = with_app()
    later()
    client = Client()
    sign_in(client, "admin")
    client.post("/sign-in/second/", {"code": "000000"})
    client.post("/sign-in/second/", {"code": code(secret)})

    assert [(each[0], each[2], each[4]) for each in noted()][-2:] == [
        ("second-step.failed", None, {}),
        ("sign-in.passed", "admin", {"by": ["password", "totp"]}),
    ]


def test_a_factor_that_its_owner_adds_is_their_own_doing(world: World) -> None:
    with_app()

    added = noted("^factor[.]added$")
    assert {(each[1], each[2]) for each in added} == {("admin", "admin")}
    assert {each[4]["type"] for each in added} >= {"totp"}


def test_a_factor_that_another_takes_away_is_said_to_be_theirs(world: World) -> None:
    with_app()
    unit(lambda tx: second_factor.forget(tx, world.admin.user), actor=world.second_admin.user)

    assert {each[2] for each in noted("^factor[.]removed$")} == {"second-admin"}
    with_password("admin")
    assert "by Second-Admin" in latest(member("admin"))


def test_a_password_that_is_changed_and_sessions_that_are_ended(world: World) -> None:
    with_password("admin")
    client = Client()
    sign_in(client, "admin")
    client.post("/account/password/", {"current": PASSWORD, "password": NEW, "again": NEW})
    client.post("/account/sessions/end/")

    assert [each[0] for each in noted()] == ["sign-in.passed", "password.changed", "sessions.ended"]


def test_a_password_that_is_not_changed_is_not_noted(world: World) -> None:
    with_password("admin")
    client = Client()
    sign_in(client, "admin")
    client.post("/account/password/", {"current": "wrong", "password": NEW, "again": NEW})
    client.post("/account/password/", {"current": PASSWORD, "password": "short", "again": "short"})

    assert [each[0] for each in noted()] == ["sign-in.passed", "sign-in.failed"]  # the wrong one


@pytest.mark.parametrize(("had_one", "kind"), [(False, "invitation.used"), (True, "password.chosen")])
def test_a_link_that_is_used(world: World, had_one: bool, kind: str) -> None:
    if had_one:
        with_password("receiver")
    address, _ = look(lambda tx: people.invitation(tx, people.named("receiver")))
    Client().post(urlsplit(address).path, {"password": NEW, "again": NEW})

    assert noted() == [(kind, "receiver", "receiver", "127.0.0.1", {})]


def test_the_demos_way_in_is_called_so(world: World) -> None:
    Client().post("/sign-in/as/", {"who": "admin"})

    assert noted()[0][4] == {"by": ["demo"]}


def test_nobody_reads_anothers_sign_ins(world: World) -> None:
    with_password("physician")
    sign_in(Client(REMOTE_ADDR="192.0.2.7"), "physician")
    here = f"/settings/{world.uhuru.pk.hex}/people/{world.physician.user.hex}/"

    assert "192.0.2.7" not in text(member("admin").get("/account/"))
    for name in ("physician", "receiving-admin", "stranger", "operator"):
        assert member(name).get(here).status_code in {403, 404}


def test_the_page_asks_no_more_for_many_entries(world: World) -> None:
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    def asked() -> int:
        client = member("admin")
        with CaptureQueriesContext(connection) as captured:
            client.get("/account/")
        return len(captured)

    few = asked()
    for _ in range(20):
        execute("INSERT INTO logbook (kind, person) VALUES ('sign-in.passed', %(id)s)", id=world.admin.user)

    assert asked() == few
    assert latest(member("admin")).count("<li") == 10
    assert User.objects.filter(pk=world.admin.user).exists()
