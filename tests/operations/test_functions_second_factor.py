"""A facility that asks for a second factor asks for it at the functions too: of every person, and of no machine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rufaa import clock
from rufaa.db.atomic import unit
from rufaa.facilities import operations
from rufaa.facilities.queries import Actor
from rufaa.signin import api_keys, tokens
from support import KEYS, Running, World, execute, post, unchanged

REFUSED = "second-factor-required"


@pytest.fixture
def strict(world: World) -> World:
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, True))
    return world


def ask(gateway: Running, token: str, kind: str = "query", path: str = "facilities:getMine", **args: str) -> Any:
    body = {"path": path, "args": args, "format": "json"}
    return post(f"{gateway.url}/api/{kind}", body, Authorization=f"Bearer {token}").json


def token(actor: Actor, *, strong: bool = False) -> str:
    return tokens.issue(actor.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1), strong=strong)


def test_a_token_without_a_second_factor_is_refused_and_nothing_is_done(strict: World, gateway: Running) -> None:
    referral = strict.referral()
    with unchanged():
        for kind, path, args in (
            ("query", "facilities:getMine", {}),
            ("query", "referrals:getReferral", {"referralId": referral}),
            ("mutation", "referrals:updateReferralStatus", {"referralId": referral, "status": "awaiting-biodata"}),
        ):
            assert ask(gateway, token(strict.admin), kind, path, **args)["errorData"]["code"] == REFUSED


def test_the_demos_name_is_no_second_factor(strict: World, gateway: Running) -> None:
    answer = post(
        f"{gateway.url}/api/query", {"path": "facilities:getMine", "args": {"demoUserId": "admin"}, "format": "json"}
    ).json

    assert answer["errorData"]["code"] == REFUSED


def test_a_token_that_says_so_is_taken(strict: World, gateway: Running) -> None:
    assert ask(gateway, token(strict.admin, strong=True))["status"] == "success"


def test_who_works_elsewhere_is_asked_nothing(strict: World, gateway: Running) -> None:
    assert ask(gateway, token(strict.receiver))["status"] == "success"


def test_who_worked_there_once_is_asked_nothing(strict: World, gateway: Running) -> None:
    execute("UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(who)s", who=strict.admin.user)

    assert ask(gateway, token(strict.admin))["status"] == "success"


def test_a_machine_is_asked_nothing(strict: World, gateway: Running) -> None:
    key = unit(lambda tx: api_keys.add(tx, strict.admin.user, name="front end", expires_at=None))
    issued = post(f"{gateway.url}/api/token", {}, Authorization=f"Bearer {key}").json

    assert ask(gateway, key)["status"] == "success"
    assert ask(gateway, issued["token"])["status"] == "success"
