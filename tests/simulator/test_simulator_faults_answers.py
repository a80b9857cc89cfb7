"""Answers, queries, tokens and maintenance that go wrong, as the client of a merchant sees them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rufaa.money import Money
from rufaa.simulator.config import DEMO_MERCHANT, Merchant
from rufaa.simulator.faults import KINDS, Fault, FaultKind, InvalidFault, Operation
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import FIELDS, SHAPES

if TYPE_CHECKING:
    from conftest import Client, Got

PAYS = "254708000000"
CANCELS = "254708001032"
RINGS = "254708374149"
CUT = (http.client.RemoteDisconnected, ConnectionResetError)


def code(got: Got) -> str:
    """The ResultCode of a query's answer, or its errorCode."""
    body = got.json
    return str(body.get("ResultCode") or body["errorCode"])


def used(client: Client) -> list[str]:
    return [str(entry.data["fault"]["kind"]) for entry in client.sim.journal() if entry.kind == "fault-used"]


# --- answers


def test_a_lost_request_took_no_effect(client: Client) -> None:
    client.sim.script(Fault(FaultKind.REQUEST_LOST))
    with pytest.raises(CUT):
        client.push()
    assert client.sim.prompts() == []
    assert client.push().status == 200
    assert used(client) == ["request-lost"]


@pytest.mark.parametrize("kind", [FaultKind.REQUEST_LOST, FaultKind.ANSWER_LOST])
def test_queries_and_tokens_can_be_lost(client: Client, kind: FaultKind) -> None:
    asked = client.pushed(PAYS)
    client.sim.advance(2)
    client.sim.script(Fault(kind, on=Operation.QUERY), Fault(kind, on=Operation.TOKEN))
    with pytest.raises(CUT):
        client.query(asked)
    with pytest.raises(CUT):
        client.authorize()
    client.authorize()
    assert code(client.query(asked)) == "0"


def test_a_truncated_answer_is_half_of_the_true_one(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_TRUNCATED))
    got = client.push()
    assert got.status == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        json.loads(got.text)
    (prompt,) = client.sim.prompts()
    assert got.text.startswith('{"MerchantRequestID": "' + prompt.merchant_request_id)
    assert client.push(PAYS).json["ResponseCode"] == "0"


def test_a_torn_answer_promises_more_than_it_brings(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_TORN))
    with pytest.raises(http.client.IncompleteRead) as torn:
        client.push()
    assert torn.value.partial.startswith(b'{"MerchantRequestID": "')
    assert torn.value.expected > 0
    assert len(client.sim.prompts()) == 1


@pytest.mark.parametrize("name", list(PRESETS))
def test_each_preset_is_answered_by_its_name(client: Client, name: str) -> None:
    preset = PRESETS[name]
    client.sim.script(*[Fault(FaultKind.ANSWER_PRESET, preset=name, on=each) for each in Operation])
    for got in (client.push(), client.query("ws_CO_1"), client.get("/oauth/v1/generate")):
        assert (got.status, got.text, got.headers["content-type"]) == (preset.status, preset.body, preset.content_type)
    assert client.sim.prompts() == []
    assert used(client) == ["answer-preset"] * 3

    if preset.may_ring:
        client.sim.script(Fault(FaultKind.ANSWER_PRESET, preset=name, accepted=True))
        assert client.push().text == preset.body
        assert len(client.sim.prompts()) == 1
    else:
        with pytest.raises(InvalidFault, match="is a refusal"):
            Fault(FaultKind.ANSWER_PRESET, preset=name, accepted=True)


def test_a_preset_is_scripted_and_listed_over_http(client: Client) -> None:
    listed = client.get("/control/faults/presets").json["presets"]
    assert {name: each["line"] for name, each in listed.items()} == {n: each.line for n, each in PRESETS.items()}
    assert listed["apigee-spike-arrest"] | {"line": ""} == {"line": "", "status": 429, "may_ring": False}

    fault = {"kind": "answer-preset", "preset": "apigee-spike-arrest", "count": 2}
    got = client.control("/control/faults", fault)
    assert got.json == {"faults": [{**fault, "on": "push", "accepted": False}]}
    assert [client.push().status for _ in range(3)] == [429, 429, 200]


def test_kinds_and_shapes_are_listed_too(client: Client) -> None:
    kinds = client.get("/control/faults/kinds").json["kinds"]
    assert list(kinds) == [str(each) for each in FaultKind] == [str(each) for each in KINDS]
    assert kinds["query-wrong"]["parameters"] == {"code": "1032", "times": 1}
    shapes = client.get("/control/faults/shapes").json
    assert (list(shapes["shapes"]), shapes["fields"]) == (list(SHAPES), list(FIELDS))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault(FaultKind.ANSWER_PRESET),
        lambda: Fault(FaultKind.ANSWER_PRESET, preset="nonsense"),
        lambda: Fault(FaultKind.ANSWER_LOST, accepted=True),
        lambda: Fault(FaultKind.QUERY_WRONG, code="0"),
        lambda: Fault(FaultKind.QUERY_WRONG, times=-1),
        lambda: Fault(FaultKind.QUERY_FLAPPING, on=Operation.QUERY),
        lambda: Fault(FaultKind.TOKEN_KILLED, on=Operation.TOKEN),
        lambda: Fault(FaultKind.TOKEN_SHORT_LIVED, on=Operation.PUSH),
        lambda: Fault(FaultKind.MAINTENANCE, for_s=-1),
    ],
)
def test_a_senseless_answer_fault_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(InvalidFault):
        make()


# --- queries


def test_the_verdict_flaps_with_a_bare_error(client: Client) -> None:
    client.sim.script(Fault(FaultKind.QUERY_FLAPPING))
    paid, cancelled = client.pushed(PAYS), client.pushed(CANCELS)
    client.sim.advance(2)
    answers = [client.query(paid) for _ in range(4)]
    assert [code(each) for each in answers] == ["500.001.1001", "0"] * 2
    assert (answers[0].status, answers[0].json["errorMessage"]) == (500, "")
    assert [code(client.query(cancelled)) for _ in range(3)] == ["1032"] * 3, "only the first that was asked about"


@pytest.mark.parametrize(("times", "said"), [(2, ["1032", "1032", "0", "0"]), (0, ["1032"] * 4)])
def test_a_paid_prompt_is_called_cancelled(client: Client, times: int, said: list[str]) -> None:
    asked = client.pushed(PAYS)
    client.sim.advance(2)
    client.sim.script(Fault(FaultKind.QUERY_WRONG, times=times))
    assert [code(client.query(asked)) for _ in range(4)] == said
    assert client.sim.till("174379") == Money(100_000)


def test_a_finished_prompt_is_under_processing(client: Client) -> None:
    client.sim.script(Fault(FaultKind.QUERY_PROCESSING), Fault(FaultKind.QUERY_PROCESSING, times=1))
    for_ever, once = client.pushed(PAYS), client.pushed(CANCELS)
    client.sim.advance(2)
    assert [code(client.query(for_ever)) for _ in range(3)] == ["4999"] * 3
    assert [code(client.query(once)) for _ in range(2)] == ["4999", "1032"]


def test_an_id_is_invalid_for_longer(client: Client) -> None:
    client.sim.script(Fault(FaultKind.QUERY_TOO_EARLY, delay_s=40))
    asked = client.pushed(PAYS)
    client.sim.advance(39)
    early = client.query(asked)
    assert (early.status, early.json["errorMessage"]) == (400, "Bad Request - Invalid CheckoutRequestID")
    client.sim.advance(1)
    assert code(client.query(asked)) == "0"


# --- tokens


@pytest.mark.parametrize("on", [Operation.PUSH, Operation.QUERY])
def test_a_token_dies_since_somebody_else_asked_for_one(client: Client, on: Operation) -> None:
    client.sim.script(Fault(FaultKind.TOKEN_KILLED, on=on))
    got = client.push() if on is Operation.PUSH else client.query("ws_CO_1")
    assert (got.status, got.json["errorCode"]) == (404, "404.001.03")
    assert client.push().json["errorCode"] == "404.001.03"
    client.authorize()
    assert client.push().status == 200


def test_only_the_tokens_of_the_same_key_die(simulate: Callable[..., Client]) -> None:
    client = simulate(merchants=(DEMO_MERCHANT, Merchant("600001", "other", "secret", "passkey", "OTHER")))
    mine, other = client.token, client.authorize(key="other", secret="secret")
    client.token = mine
    client.sim.script(Fault(FaultKind.TOKEN_KILLED))
    assert client.push().json["errorCode"] == "404.001.03"
    client.token = other
    assert client.push().json["errorMessage"] == "[MerchantValidate] - Wrong credentials", "alive, and another's"


def test_a_token_expires_before_its_time(client: Client) -> None:
    client.sim.script(Fault(FaultKind.TOKEN_SHORT_LIVED, for_s=10))
    client.authorize()
    assert client.push(PAYS).status == 200
    client.sim.advance(10)
    assert client.push(CANCELS).json["errorCode"] == "404.001.03"
    client.authorize()
    client.sim.advance(11)
    assert client.push(CANCELS).status == 200


def test_the_token_endpoint_is_down(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_PRESET, preset="html-503", on=Operation.TOKEN))
    assert client.get("/oauth/v1/generate?grant_type=client_credentials").status == 503
    client.authorize()


# --- maintenance


def test_in_a_maintenance_window_nothing_takes_effect(client: Client) -> None:
    asked = client.pushed(PAYS)
    client.sim.script(Fault(FaultKind.MAINTENANCE, delay_s=10, for_s=60))
    client.sim.advance(9)
    assert code(client.query(asked)) == "0"
    seen = set()
    client.sim.advance(1)
    for _ in range(6):
        for got in (client.push(RINGS), client.query(asked)):
            seen.add((got.status, got.text))
        client.authorize()
        client.sim.advance(9)
    assert seen == {(PRESETS[each].status, PRESETS[each].body) for each in ("maintenance", "html-503")}
    assert len(client.sim.prompts()) == 1
    client.sim.advance(6)
    assert client.push(RINGS).status == 200
    assert used(client) == ["maintenance"]


def test_a_window_is_begun_and_ended_over_http(client: Client) -> None:
    assert client.get("/control/maintenance").json == {"maintenance": None}
    begun = client.control("/control/maintenance", {"for_s": 60}).json["maintenance"]
    assert begun == {"since": "2026-11-23T06:12:00.345000+00:00", "until": "2026-11-23T06:13:00.345000+00:00"}
    assert client.push().status in (500, 503)
    assert client.ask("/control/maintenance", method="DELETE").json == {"maintenance": None}
    assert client.push().status == 200
    assert client.control("/control/maintenance", {"for_s": "long"}).status == 400
