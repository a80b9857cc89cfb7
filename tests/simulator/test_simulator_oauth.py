"""Tokens: who gets one, how long it lives, and what kills it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Client, Got

PATH = "/oauth/v1/generate?grant_type=client_credentials"


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def verdict(got: Got) -> tuple[int, str, str]:
    return got.status, got.json["errorCode"], got.json["errorMessage"]


def test_a_token_says_its_life_as_a_string(client: Client) -> None:
    got = client.get(PATH, basic("demo-key:demo-secret"))
    assert got.status == 200
    assert set(got.json) == {"access_token", "expires_in"}
    assert got.json["expires_in"] == "3599"


@pytest.mark.parametrize(
    "headers",
    [{}, basic("demo-key:wrong"), basic("nobody:demo-secret"), basic("demo-key"), {"Authorization": "Basic ?"},
     {"Authorization": "Basic /w=="}, {"Authorization": "Bearer demo-key"}],
)  # fmt: skip
def test_wrong_credentials_are_refused(client: Client, headers: dict[str, str]) -> None:
    assert verdict(client.get(PATH, headers)) == (400, "400.008.01", "Invalid Authentication passed")


@pytest.mark.parametrize("query", ["", "?grant_type=password"])
def test_only_client_credentials_are_granted(client: Client, query: str) -> None:
    got = client.get("/oauth/v1/generate" + query, basic("demo-key:demo-secret"))
    assert verdict(got) == (400, "400.008.02", "Invalid grant type passed")


def test_a_new_token_kills_the_old_one(client: Client) -> None:
    old = client.token
    client.authorize()
    assert client.push().status == 200
    client.token = old
    assert verdict(client.push("254110000000")) == (404, "404.001.03", "Invalid Access Token")


def test_that_can_be_switched_off(simulate: Callable[..., Client]) -> None:
    client = simulate(new_token_kills_old=False)
    old = client.token
    client.authorize()
    client.token = old
    assert client.push().status == 200


def test_a_token_dies_of_age(simulate: Callable[..., Client]) -> None:
    client = simulate(timestamp_tolerance_s=None)
    client.sim.advance(3599)
    assert client.push().status == 200
    client.sim.advance(1)
    assert verdict(client.push("254110000000"))[:2] == (404, "404.001.03")


def test_a_token_that_never_was_is_told_so(client: Client) -> None:
    client.token = "guess"
    assert verdict(client.push()) == (401, "401.002.01", "Error Occurred - Invalid Access Token - guess")
