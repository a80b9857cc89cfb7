"""Query and callback: what the simulator tells about a prompt, as the client reads it, and as real payloads look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.daraja.outcomes import Accepted, Answered, NoNews
from rufaa.simulator import codes
from rufaa.simulator.config import SAFARICOM_QUERY_RATE
from support import FEE, RINGS

Open = Callable[..., Any]

CODES = ["1", "2", "3", "4", "8", "11", "17", "26", "1001", "1019", "1025", "1031", "1032", "1036", "1037", "2001"]
CODES += ["2026", "2028", "8006", "9999"]


def accepted(one: Any, phone: str = RINGS, **changes: Any) -> str:
    outcome = one.push(phone, **changes)
    assert isinstance(outcome, Accepted)
    return outcome.checkout_request_id


def the_callback(one: Any) -> StkCallback:
    (callback,) = one.called_back()
    assert isinstance(callback, StkCallback)
    return callback


def test_a_prompt_in_flight_is_no_news_in_both_forms(one: Any) -> None:
    checkout = accepted(one)
    one.simulator.advance(2)

    said = [one.query(checkout) for _ in range(4)]

    assert all(isinstance(each, NoNews) for each in said)
    assert sorted({each.code for each in said}) == ["4999", "500.001.1001"]


@pytest.mark.parametrize(
    ("advance_s", "known", "code"), [(0, True, "400.002.02"), (5, False, "500.001.1001")], ids=["too early", "unknown"]
)
def test_an_id_that_cannot_be_told_about_is_no_news(one: Any, advance_s: float, known: bool, code: str) -> None:
    checkout = accepted(one)
    one.simulator.advance(advance_s)

    outcome = one.query(checkout if known else "ws_CO_of_nobody")

    assert isinstance(outcome, NoNews)
    assert outcome.code == code


@pytest.mark.fault(26)
def test_a_throttled_query_is_no_news_and_says_when_to_ask_again(merchant: Open) -> None:
    one = merchant(query_rate=SAFARICOM_QUERY_RATE)
    checkout = accepted(one)
    one.simulator.advance(5)
    assert isinstance(one.query(checkout), NoNews)

    outcome = one.query(checkout)

    assert isinstance(outcome, NoNews)
    assert (outcome.code, outcome.retry_after_s) == ("policies.ratelimit.SpikeArrestViolation", 12)


def test_paid_is_told_by_callback_with_everything_and_by_query_without_the_receipt(one: Any) -> None:
    checkout = accepted(one)
    one.simulator.answer(RINGS)
    one.simulator.advance(1)
    (prompt,) = one.simulator.prompts()

    callback = the_callback(one)
    assert callback.result_code == "0"
    assert (callback.checkout_request_id, callback.merchant_request_id) == (checkout, prompt.merchant_request_id)
    assert (callback.amount, callback.receipt_number, callback.phone_shown) == (FEE, prompt.receipt, RINGS)
    assert callback.transaction_at == prompt.ended_at.replace(microsecond=0)
    outcome = one.query(checkout)
    assert isinstance(outcome, Answered)
    assert (outcome.result_code, outcome.merchant_request_id) == ("0", prompt.merchant_request_id)


@pytest.mark.parametrize("code", CODES)
def test_a_phone_that_answers_by_itself_is_told_by_callback_and_query_alike(one: Any, code: str) -> None:
    checkout = accepted(one, f"25470800{int(code):04}")
    one.simulator.advance(2)

    callback = the_callback(one)
    assert (callback.result_code, callback.checkout_request_id) == (code, checkout)
    assert (callback.amount, callback.receipt_number, callback.has_metadata) == (None, None, False)
    outcome = one.query(checkout)
    assert isinstance(outcome, Answered)
    assert outcome.result_code == code
    assert one.simulator.till("174379").cents == 0


def test_the_phone_that_pays_by_itself(one: Any) -> None:
    accepted(one, "254708000000")
    one.simulator.advance(2)

    assert the_callback(one).receipt_number == one.simulator.prompts()[0].receipt
    assert one.simulator.till("174379") == FEE


@pytest.mark.parametrize(
    ("what", "code"), [("no answer", "1037"), ("cancelled", "1032"), ("wrong PIN", "2001"), ("no money", "1")]
)
def test_what_a_person_does_is_told_by_its_code(one: Any, what: str, code: str) -> None:
    accepted(one)
    match what:
        case "cancelled":
            one.simulator.cancel(RINGS)
        case "wrong PIN":
            one.simulator.answer(RINGS, pin="0000")
        case "no money":
            one.simulator.set_wallet(RINGS, type(FEE)(FEE.cents - 1))
            one.simulator.answer(RINGS)
        case _:
            one.simulator.advance(60)
    one.simulator.advance(1)

    assert the_callback(one).result_code == code


def test_a_till_that_is_no_till_is_accepted_and_ends_with_its_code(one: Any) -> None:
    accepted(one, kind="till", till_number="600200")
    one.simulator.advance(2)

    assert the_callback(one).result_code in {"2028", "SFC_IC0003"}


# --- the same shapes as real ones ----------------------------------------------------------------------------------


def real_callbacks(corpus: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(corpus.glob("stk_callback*/*.json")):
        if not isinstance(parse_stk_callback(file.read_bytes()), Malformed):
            yield json.loads(file.read_bytes())["Body"]["stkCallback"]


def kinds(callback: dict[str, Any]) -> dict[str, str]:
    """Each field's and each item's JSON type."""
    found = {name: type(value).__name__ for name, value in callback.items() if name != "CallbackMetadata"}
    for item in (callback.get("CallbackMetadata") or {}).get("Item", []):
        found["Item." + item["Name"]] = type(item["Value"]).__name__ if "Value" in item else "absent"
    return found


@pytest.mark.parametrize("phone", [RINGS, "254708000000", "254708001032", "254708002001"])
def test_the_simulators_callbacks_have_no_field_or_type_that_real_ones_lack(one: Any, corpus: Path, phone: str) -> None:
    seen: dict[str, set[str]] = {}
    for real in real_callbacks(corpus):
        for name, kind in kinds(real).items():
            seen.setdefault(name, set()).add(kind)
    accepted(one, phone)
    one.simulator.advance(61)

    (raw,) = one.callbacks
    made = kinds(json.loads(raw)["Body"]["stkCallback"])

    assert {name: kind for name, kind in made.items() if kind not in seen.get(name, set())} == {}


def test_every_real_code_is_one_that_the_simulator_can_send(one: Any, corpus: Path) -> None:
    real = {str(each["ResultCode"]) for each in real_callbacks(corpus)}

    assert {code for code in real if codes.wordings(code) == codes.wordings("no such code")} <= {"BW-JMS-100039"}
