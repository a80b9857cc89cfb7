"""The control routes: exact, strict, and closed to pages of other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Client

ANSWER = "/control/phones/254708374149/answer"


def test_a_phone_is_answered_over_http(client: Client) -> None:
    client.pushed()
    got = client.control("/control/phones/0708374149/answer", {"pin": "1234"})
    assert (got.status, got.json["state"], got.json["result_code"]) == (200, "paid", "0")
    assert got.json["receipt"] == client.sim.prompts()[0].receipt


@pytest.mark.parametrize(
    ("body", "state", "code"),
    [
        ({"pin": "9999"}, "unpaid", "2001"),
        ({"action": "cancel"}, "unpaid", "1032"),
        ({"action": "ignore"}, "ignored", None),
    ],
)
def test_or_refused_or_put_aside(client: Client, body: object, state: str, code: str | None) -> None:
    client.pushed()
    got = client.control(ANSWER, body)
    assert (got.status, got.json["state"], got.json["result_code"]) == (200, state, code)


def test_only_what_rings_can_be_answered(client: Client) -> None:
    silent = client.control(ANSWER, {"pin": "1234"})
    assert (silent.status, silent.json["error"]) == (409, "not-ringing")

    asked = client.pushed()
    another = client.control(ANSWER, {"pin": "1234", "prompt": "ws_CO_other"})
    assert (another.status, another.json["error"]) == (409, "not-ringing")
    assert client.control(ANSWER, {"pin": "1234", "prompt": asked}).status == 200
    assert client.control(ANSWER, {"pin": "1234", "prompt": asked}).status == 409


def test_what_was_put_aside_does_not_ring(client: Client) -> None:
    client.pushed()
    client.control(ANSWER, {"action": "ignore"})
    assert client.control(ANSWER, {"pin": "1234"}).status == 409


def test_prompts_wallets_and_tills_can_be_read(client: Client) -> None:
    asked = client.pushed("254708000000")
    client.sim.advance(2)
    (prompt,) = client.get("/control/prompts").json["prompts"]
    assert (prompt["checkout_request_id"], prompt["state"], prompt["amount_cents"], prompt["callbacks_sent"]) == (
        asked,
        "paid",
        100_000,
        1,
    )
    assert client.get("/control/wallets").json == {"wallets": {"254708000000": {"balance_cents": 6_900_000}}}
    assert client.get("/control/tills").json == {"tills": {"174379": {"name": "RUFAA DEMO", "balance_cents": 100_000}}}


def test_the_journal_is_read_from_where_one_was(client: Client) -> None:
    client.pushed()
    everything = client.get("/control/journal").json["entries"]
    assert [each["n"] for each in everything] == [1, 2, 3, 4]
    assert client.get("/control/journal?since=2").json["entries"] == everything[2:]
    assert client.get("/control/journal?since=99").json["entries"] == []
    assert client.get("/control/journal?since=-1").status == 400


def test_a_wallet_can_be_filled(client: Client) -> None:
    assert client.control("/control/wallets/254708374149", {"balance_cents": 5}).status == 200
    assert client.sim.wallet("254708374149").cents == 5


def test_faults_can_be_scripted_read_and_forgotten(client: Client) -> None:
    faults = [{"kind": "callback-lost"}, {"kind": "answer-replaced", "status": 429, "body": "x", "accepted": True}]
    got = client.control("/control/faults", {"faults": faults})
    assert [each["kind"] for each in got.json["faults"]] == ["callback-lost", "answer-replaced"]
    assert client.push("254708000000").text == "x"
    assert client.get("/control/faults").json == {"faults": []}

    client.control("/control/faults", {"kind": "answer-lost", "count": 3})
    assert client.ask("/control/faults", method="DELETE").json == {"faults": []}
    assert client.push().status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ANSWER, {}),
        (ANSWER, {"pin": 1234}),
        (ANSWER, {"pin": "1234", "action": "cancel"}),
        (ANSWER, {"action": "explode"}),
        (ANSWER, {"action": ["cancel"]}),
        (ANSWER, {"pin": "1234", "prompt": 5}),
        (ANSWER, {"pin": "1234", "pni": "1234"}),
        (ANSWER, []),
        ("/control/phones/12/answer", {"pin": "1234"}),
        ("/control/clock", {}),
        ("/control/clock", {"advance_s": -1}),
        ("/control/clock", {"advance_s": "1"}),
        ("/control/clock", {"advance_s": True}),
        ("/control/clock", {"advance_s": 1e300}),
        ("/control/clock", {"advance_s": float("nan")}),
        ("/control/wallets/254708374149", {"balance_cents": -1}),
        ("/control/wallets/254708374149", {"balance_cents": 1.0}),
        ("/control/wallets/254708374149", {"balance_cents": True}),
        ("/control/faults", {}),
        ("/control/faults", {"kind": "nonsense"}),
        ("/control/faults", {"kind": "callback-lost", "colour": "red"}),
        ("/control/faults", {"kind": "callback-lost", "count": "1"}),
        ("/control/faults", {"kind": "callback-lost", "count": True}),
        ("/control/faults", {"kind": "callback-lost", "on": "query"}),
        ("/control/faults", {"faults": 1}),
        ("/control/faults", {"faults": [{"kind": "callback-lost"}, {"kind": "nonsense"}]}),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(client: Client, path: str, body: object) -> None:
    client.pushed()
    got = client.control(path, body)
    assert got.status == 400
    assert set(got.json) == {"error", "message"}
    assert client.sim.prompts()[0].live
    assert client.get("/control/faults").json == {"faults": []}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_page_of_another_site_cannot_post_here(client: Client, content_type: str) -> None:
    client.pushed()
    got = client.ask(ANSWER, method="POST", body=b'{"pin": "1234"}', headers={"Content-Type": content_type})
    assert got.status == 400
    preflight = client.ask(ANSWER, method="OPTIONS", headers={"Origin": "http://evil.example"})
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert client.sim.prompts()[0].live


def test_what_is_not_there_is_said_in_json(client: Client) -> None:
    got = client.get("/control/nothing")
    assert (got.status, got.json["error"]) == (404, "no-such-route")
