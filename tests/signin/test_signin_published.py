"""What is published of our keys, over a real socket: found, kept, open to every page, and enough to check a token."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from rufaa import clock
from rufaa.signin import tokens
from support import KEYS, Answer, Running, World, post, running_gateway

OLDER = "an older secret of this server that is long enough"


@pytest.fixture
def rotated(database: str) -> Iterator[Running]:
    with running_gateway(database, RUFAA_SECRET_KEYS=f"{KEYS[0]},{OLDER}", RUFAA_MODE="production") as running:
        yield running


def get(url: str, *, method: str = "GET", **headers: str) -> tuple[Answer, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=30) as answer:
            return Answer(answer.status, answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read()), error.headers


def test_a_stranger_finds_what_checks_a_token(rotated: Running, world: World) -> None:
    """By PyJWT's own client, from the issuer that the token names to its claims; for both secrets."""
    for secret in (KEYS[0], OLDER):
        token = tokens.issue(
            world.admin.user, keys=(secret,), now=clock.now(), lifetime=timedelta(minutes=5), issuer=rotated.url
        )
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
        found = get(f"{issuer}/.well-known/openid-configuration")[0].json
        assert found["issuer"] == issuer == rotated.url
        key = jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(token)
        said = jwt.decode(
            token,
            key,
            algorithms=found["id_token_signing_alg_values_supported"],
            issuer=issuer,
            audience="rufaa",
        )
        assert said["sub"] == world.admin.user.hex
        assert set(said) <= set(found["claims_supported"])


@pytest.mark.parametrize("path", ["jwks.json", "openid-configuration"])
def test_it_may_be_kept_and_read_from_any_page(gateway: Running, path: str) -> None:
    url = f"{gateway.url}/.well-known/{path}"

    answer, headers = get(url, Origin="https://front.example")

    assert answer.status == 200
    assert headers["cache-control"] == "public, max-age=300"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"

    head, headers = get(url, method="HEAD")
    assert (head.status, head.body, headers["content-length"]) == (200, b"", str(len(answer.body)))

    preflight, headers = get(url, method="OPTIONS")
    assert (preflight.status, headers["access-control-allow-methods"]) == (204, "GET, HEAD, OPTIONS")

    refused, headers = get(url, method="POST")
    assert (refused.status, headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_another_well_known_address_is_nothing(gateway: Running) -> None:
    assert get(f"{gateway.url}/.well-known/jwks.json/")[0].status == 404


def test_a_token_of_a_copy_under_another_address_is_foreign(world: World, gateway: Running) -> None:
    """A copy restored from a backup has the secret; its address tells them apart."""

    def ask(issuer: str) -> Any:
        token = tokens.issue(world.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(minutes=5), issuer=issuer)
        body = {"path": "referrals:getReferral", "args": {"referralId": "0" * 32}, "format": "json"}
        return post(f"{gateway.url}/api/query", body, Authorization=f"Bearer {token}")

    assert ask(gateway.url).json == {"status": "success", "value": None}
    assert ask("rufaa").json == {"status": "success", "value": None}
    assert ask("https://staging.example").status == 401
