"""Whom a token names, whichever kind it is: one person is one identity, and each kind has its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from rufaa import clock
from rufaa.config import OpenIdIssuer
from rufaa.db.atomic import unit
from rufaa.functions.callers import Callers
from rufaa.signin import api_keys, links, tokens
from rufaa.signin.issuers import Issuers
from rufaa.sync.runtime import AuthError, Identity
from signin.stub_issuer import AUDIENCE, SUBJECT, running_issuer
from support import KEYS, World

T = TypeVar("T")
HERE = "https://referrals.example"
LIFE = timedelta(minutes=10)


async def database(work: Callable[[], T], /) -> T:
    return await asyncio.to_thread(work)


def run(tell: Callable[[Callers], Coroutine[Any, Any, T]], *given: OpenIdIssuer) -> T:
    async def main() -> T:
        async with Issuers(given) as issuers:
            return await tell(Callers(database, keys=KEYS, issuer=HERE, life=LIFE, issuers=issuers))

    return asyncio.run(asyncio.wait_for(main(), 20))


def identified(token: str, *given: OpenIdIssuer) -> Identity:
    return run(lambda callers: callers.identify(token), *given)


def seconds_from_now(identity: Identity) -> float:
    assert isinstance(identity.expires_at, int)
    return identity.expires_at - clock.now().timestamp()


def test_each_kind_of_token_names_the_same_person_until_its_own_end(world: World) -> None:
    user = world.admin.user
    key = unit(lambda tx: api_keys.add(tx, user, name="front end", expires_at=None))
    ours = tokens.issue(user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=2), issuer=HERE)
    with running_issuer() as stub:
        unit(lambda tx: links.link(tx, user, issuer=stub.url, subject=SUBJECT))
        by_key, by_token = identified(key), identified(ours)
        by_issuer = identified(stub.token(), OpenIdIssuer(stub.url, (AUDIENCE,), loopback=True))

    assert by_token == by_issuer == Identity(user)
    assert by_key == Identity(user, strong=True)  # a machine's: no more can be asked of it
    assert (
        595 < seconds_from_now(by_key) <= 600
    )  # a connection that goes on presents the key again after a token's life
    assert 7195 < seconds_from_now(by_token) <= 7200
    assert 655 < seconds_from_now(by_issuer) <= 660  # ten minutes, and what clocks may differ


def test_a_key_that_ends_sooner_ends_its_connection_sooner(world: World) -> None:
    ends = (clock.now() + timedelta(seconds=120)).replace(microsecond=0)
    key = unit(lambda tx: api_keys.add(tx, world.admin.user, name="front end", expires_at=ends))

    assert identified(key).expires_at == int(ends.timestamp())


@pytest.mark.parametrize("token", ["", "rk_", "x.y.z", "ey", "rk_" + "0" * 48, "\ud800", "é" * 100, "0" * 100_000])
def test_what_names_nobody_says_so(world: World, token: str) -> None:
    with pytest.raises(AuthError) as refused:
        identified(token)
    assert (refused.value.status, refused.value.code) == (401, "Unauthenticated")


@pytest.mark.parametrize(
    ("claimed", "strong"),
    [(["pwd", "mfa"], True), (["pwd"], False), ("mfa", False), ([], False), ({"mfa": 1}, False), (None, False)],
)
def test_an_issuer_says_whether_it_saw_a_second_factor(world: World, claimed: object, strong: bool) -> None:
    with running_issuer() as stub:
        unit(lambda tx: links.link(tx, world.admin.user, issuer=stub.url, subject=SUBJECT))
        found = identified(stub.token(amr=claimed), OpenIdIssuer(stub.url, (AUDIENCE,), loopback=True))

    assert found.strong is strong


def test_a_token_of_ours_says_whether_a_second_factor_was_shown(world: World) -> None:
    for strong in (True, False):
        token = tokens.issue(world.admin.user, keys=KEYS, now=clock.now(), lifetime=LIFE, issuer=HERE, strong=strong)
        assert identified(token).strong is strong


def test_a_token_for_a_key_is_a_machines(world: World) -> None:
    key = unit(lambda tx: api_keys.add(tx, world.admin.user, name="front end", expires_at=None))
    token = run(lambda callers: callers.token_for(key)).token

    assert identified(token).strong
