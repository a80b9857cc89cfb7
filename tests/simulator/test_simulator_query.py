"""The query: evasive while a prompt lives, terse when it is over, and throttled."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rufaa.simulator import answers
from rufaa.simulator.config import DEMO_MERCHANT, SAFARICOM_QUERY_RATE, Merchant

if TYPE_CHECKING:
    from conftest import Client, Got

IN_FLIGHT_OK = (200, "4999", "The transaction is still under processing")
IN_FLIGHT_ERROR = (500, "500.001.1001", "The transaction is being processed")


def said(got: Got) -> tuple[int, str, str]:
    body = got.json
    return got.status, body.get("ResultCode") or body["errorCode"], body.get("ResultDesc") or body["errorMessage"]


def test_a_live_prompt_is_under_processing_in_two_ways_by_turns(client: Client) -> None:
    asked = client.pushed()
    client.sim.advance(1)
    answers = [said(client.query(asked)) for _ in range(4)]
    assert set(answers) == {IN_FLIGHT_OK, IN_FLIGHT_ERROR}
    assert answers[:2] == answers[2:]


def test_which_of_the_two_comes_first_is_drawn_for_each_prompt(client: Client) -> None:
    phones = [f"2541000000{n:02}" for n in range(24)]
    ids = [client.pushed(phone) for phone in phones]
    client.sim.advance(1)
    assert {said(client.query(each)) for each in ids} == {IN_FLIGHT_OK, IN_FLIGHT_ERROR}


def test_a_paid_prompt_is_code_0_as_a_string_with_no_receipt(client: Client) -> None:
    asked = client.pushed()
    client.sim.answer("254708374149")
    client.sim.advance(1)
    got = client.query(asked)
    assert said(got) == (200, "0", "The service request is processed successfully.")
    assert got.json["CheckoutRequestID"] == asked
    assert got.json["ResponseCode"] == "0"
    assert got.json["ResponseDescription"].startswith("The service request has been accepted succe")
    assert str(client.sim.prompts()[0].receipt) not in got.text


def test_its_keys_are_those_of_real_answers(client: Client, corpus: Path) -> None:
    asked = client.pushed("254708001032")
    client.sim.advance(2)
    real = json.loads((corpus / "stk_query_response" / "03.json").read_text())
    assert list(client.query(asked).json) == list(real)


@pytest.mark.parametrize("code", ["1", "1019", "1032", "1037", "2001"])
def test_a_failed_prompt_says_its_code(client: Client, code: str) -> None:
    asked = client.pushed(f"25470800{code:0>4}")
    client.sim.advance(2)
    assert said(client.query(asked))[:2] == (200, code)


def test_phone_4999_is_under_processing_for_ever(client: Client) -> None:
    asked = client.pushed("254708004999")
    client.sim.advance(3000)
    assert said(client.query(asked)) in (IN_FLIGHT_OK, IN_FLIGHT_ERROR)


def test_asked_in_the_first_second_it_calls_the_id_invalid(client: Client) -> None:
    asked = client.pushed()
    client.sim.advance(0.999)
    assert said(client.query(asked)) == (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
    client.sim.advance(0.001)
    assert said(client.query(asked)) in (IN_FLIGHT_OK, IN_FLIGHT_ERROR)


def test_that_can_be_switched_off(simulate: Callable[..., Client]) -> None:
    client = simulate(query_too_early_s=0)
    assert said(client.query(client.pushed())) in (IN_FLIGHT_OK, IN_FLIGHT_ERROR)


@pytest.mark.parametrize("asked", [None, "", 5, ["ws_CO_1"]])
def test_what_is_no_id_is_invalid(client: Client, asked: object) -> None:
    assert said(client.query(asked)) == (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")


def test_an_unknown_id_does_not_exist(client: Client) -> None:
    got = client.query("ws_CO_23112026091200345708374149")
    assert said(got) == (500, "500.001.1001", "The transaction does not Exist")


def test_nor_does_the_id_of_another_short_code(simulate: Callable[..., Client]) -> None:
    second = Merchant("600001", "demo-key", "demo-secret", "demo-passkey", "SECOND")
    client = simulate(merchants=(second, DEMO_MERCHANT))
    body = client.push_body(BusinessShortCode="600001", PartyB="600001")
    stamp = str(body["Timestamp"])
    body["Password"] = base64.b64encode(f"600001demo-passkey{stamp}".encode()).decode()
    made = client.post("/mpesa/stkpush/v1/processrequest", body).json["CheckoutRequestID"]
    client.sim.advance(1)
    assert said(client.query(made))[2] == "The transaction does not Exist"


def test_by_default_it_is_throttled_as_measured(simulate: Callable[..., Client]) -> None:
    client = simulate(query_rate=SAFARICOM_QUERY_RATE)
    asked = client.pushed()
    client.sim.advance(1)

    passed = []
    for second in range(25):
        got = client.query(asked)
        if got.status != 429:
            passed.append(second)
        else:
            assert got.json == {
                "fault": {
                    "faultstring": "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5, "
                    "periodInMicroseconds=60000000, maxBurstMessageCount=1.0}",
                    "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
                }
            }
        client.sim.advance(1)
    assert passed == [0, 12, 24]


def test_the_fault_is_word_for_word_the_real_one(corpus: Path) -> None:
    real = json.loads((corpus / "gateway_fault" / "01.json").read_text())
    assert json.loads(answers.gateway_throttle(SAFARICOM_QUERY_RATE).body) == real
