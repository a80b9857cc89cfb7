"""A facility's name and how it works, on their page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from desks import Desk
from rufaa.facilities.queries import Actor
from support import World, rows

At = Callable[[Actor], Desk]


def page(world: World, more: str = "") -> str:
    return f"/settings/{world.uhuru.pk.hex}/details/{more}"


def kept() -> list[dict[str, Any]]:
    return [*rows("SELECT * FROM facility ORDER BY id"), *rows("SELECT count(*) FROM logbook")]


def test_what_is_changed_stands_there_and_in_the_logbook(world: World, desk: At) -> None:
    told = desk(world.admin).does(page(world, "save/"), name="  Uhuru   Clinic ", prompts_at_once="on")

    assert "Saved." in told
    assert 'value="Uhuru Clinic"' in told
    assert 'name="prompts_at_once" checked' in told
    assert 'name="second_factor" checked' not in told
    (entry,) = rows("SELECT actor, about->'name' AS name FROM logbook WHERE kind = 'facility.changed'")
    assert entry == {"actor": world.admin.user, "name": '["Uhuru Health Centre", "Uhuru Clinic"]'}


def test_whoever_asks_for_a_second_factor_is_asked_too(world: World, desk: At) -> None:
    answer = desk(world.admin).post(page(world, "save/"), name=world.uhuru.name, second_factor="on")

    assert answer.status_code == 302
    assert desk(world.admin).get(page(world)).headers["Location"].startswith("/account/second-factor/")


@pytest.mark.parametrize(
    ("name", "code"),
    [("", 422), (" ", 422), ("x" * 201, 422), ("a\x00b", 422), ("a\u202eb", 422), ("tumaini referral hospital", 409)],
)
def test_a_name_that_cannot_be_changes_nothing_and_stands(world: World, desk: At, name: str, code: int) -> None:
    before = kept()
    answer = desk(world.admin).post(page(world, "save/"), name=name, second_factor="on")

    assert answer.status_code == code
    assert kept() == before
    html = answer.content.decode()
    assert 'aria-invalid="true"' in html
    assert 'name="second_factor" checked' in html
    if code == 409:
        assert f'value="{name}"' in html


@pytest.mark.parametrize("who", ["physician", "receiver", "receiving_admin", "finance", "operator", "stranger"])
def test_nobody_else_does_it(world: World, desk: At, who: str) -> None:
    before, code = kept(), 403 if who == "physician" else 404

    assert desk(getattr(world, who)).get(page(world)).status_code == code
    assert desk(getattr(world, who)).post(page(world, "save/"), name="x").status_code == code
    assert kept() == before
