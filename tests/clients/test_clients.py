"""Published Daraja clients against the simulator: it is Daraja to them, told by its address alone.

Where clients differ, or are wrong about Daraja, the tests say what each one does and what the simulator answers;
the reason why that is Safaricom's answer stands in daraja.md.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from importlib import metadata
from typing import Any

import pytest

from demo_process import ROOT
from rufaa import clock
from rufaa.money import Money
from rufaa.simulator.config import DEMO_SHORT_CODE, NEW_WALLET, LimitForm, Rate
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from shops import CLIENTS, NAIROBI, PYTHON, Counter, Station
from support import FEE, PAYS, RINGS, pushes, requests_to

TOKEN, PUSH, QUERY = "/oauth/v1/generate", "/mpesa/stkpush/v1/processrequest", "/mpesa/stkpushquery/v1/query"
FIVE_A_MINUTE = Rate(messages=5, period_s=60)
LANDLINE = "254208374149"
PAGE = "<html><body><h1>503 Service Unavailable</h1></body></html>"


def refused(client: str, status: int, code: str, words: str) -> dict[str, Any]:
    """How each client tells of Daraja's envelope."""
    match client:
        case "noriapay":
            return {"raised": "ApiError", "message": words, "status": status, "code": code}
        case "daraja-v3":
            return {"raised": "MpesaError", "message": f"API error {status}: {words}", "code": code}
        case "mpesakit":
            return {"raised": "MpesaApiException", "message": words, "status": status, "code": code}
        case _:
            message = f"Request failed with status code {status}"
            return {"raised": "Error", "message": message, "status": status, "code": code, "words": words}


def no_envelope(client: str, status: int, text: str, *, mpesakit: str) -> dict[str, Any]:
    """How each client tells of a gateway's own fault, whose body is ``text``."""
    match client:
        case "noriapay":
            message = f"Request failed with status {status}"
            return {"raised": "ApiError", "message": message, "status": status, "code": None}
        case "daraja-v3":
            return {"raised": "MpesaError", "message": f"API error {status}: {text[:100]}", "code": str(status)}
        case "mpesakit":
            return {"raised": "MpesaApiException", "message": mpesakit, "status": status, "code": None}
        case _:
            message = f"Request failed with status code {status}"
            return {"raised": "Error", "message": message, "status": status, "code": None, "words": None}


def exchanges(simulator: RunningSimulator) -> list[tuple[str, str, int]]:
    return [
        (each.data["method"], each.data["path"].partition("?")[0], each.data["status"])
        for each in simulator.journal()
        if each.kind == "exchange"
    ]


def take_token(simulator: RunningSimulator) -> None:
    """As another process of the same app does."""
    basic = base64.b64encode(b"demo-key:demo-secret").decode()
    request = urllib.request.Request(
        f"{simulator.url}{TOKEN}?grant_type=client_credentials", headers={"Authorization": f"Basic {basic}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


# -- the whole way ---------------------------------------------------------------------------------------------------


def test_a_push_rings_is_paid_on_the_handset_called_back_and_found_by_asking(counter: Counter) -> None:
    simulator = counter.simulator

    asked = counter.pushed()

    (prompt,) = simulator.prompts()
    assert (prompt.checkout_request_id, prompt.rings) == (asked, True)
    assert (prompt.phone, prompt.payer, prompt.amount) == (RINGS, RINGS, FEE)
    assert (prompt.short_code, prompt.account_reference) == (DEMO_SHORT_CODE, "ABC123")
    simulator.advance(2)
    counter.type_on_handset(RINGS, pin="1234")
    assert counter.bodies == []
    simulator.advance(1)
    (callback,) = [json.loads(body)["Body"]["stkCallback"] for body in counter.bodies]
    assert counter.paths == ["/h/0123abcd"]
    assert (callback["CheckoutRequestID"], callback["ResultCode"]) == (asked, 0)
    assert counter.query(asked) == {"answer": {"code": "0"}}
    assert (simulator.till(DEMO_SHORT_CODE), simulator.wallet(RINGS)) == (FEE, Money(NEW_WALLET.cents - FEE.cents))
    token, push, query = ("GET", TOKEN, 200), ("POST", PUSH, 200), ("POST", QUERY, 200)
    # mpesa-node takes a new token for each call, the others keep theirs
    again = [token] if counter.client == "mpesa-node" else []
    assert exchanges(simulator) == [token, push, *again, query]


@pytest.mark.parametrize("client", ["daraja-v3", "mpesakit"])
def test_the_callback_is_what_the_clients_own_reader_expects(station: Station, client: str) -> None:
    counter = station(client)
    asked = counter.pushed(PAYS)
    counter.simulator.advance(5)
    refused_push = counter.pushed("254708001032")
    counter.simulator.advance(5)

    paid, cancelled = [counter.shop.ask("read", body=json.loads(body))["answer"] for body in counter.bodies]

    receipt = counter.simulator.prompts()[0].receipt
    assert paid == {"id": asked, "paid": True, "receipt": receipt, "amount": 1000.0, "phone": PAYS}
    assert cancelled == {"id": refused_push, "paid": False, "receipt": None, "amount": None, "phone": None}


@pytest.mark.parametrize(("answer", "code"), [({"action": "cancel"}, 1032), ({"pin": "9999"}, 2001), (None, 1037)])
def test_an_end_without_money_has_the_same_code_by_callback_and_by_asking(
    counter: Counter, answer: dict[str, str] | None, code: int
) -> None:
    asked = counter.pushed()
    if answer is not None:
        counter.type_on_handset(RINGS, **answer)
    counter.simulator.advance(61)

    (callback,) = [json.loads(body)["Body"]["stkCallback"] for body in counter.bodies]
    assert (callback["CheckoutRequestID"], callback["ResultCode"]) == (asked, code)
    assert counter.query(asked) == {"answer": {"code": str(code)}}  # a number there, text here: daraja.md §4, §5
    assert counter.simulator.till(DEMO_SHORT_CODE) == Money(0)


def test_while_it_rings_asking_says_not_yet_in_two_ways(counter: Counter) -> None:
    """Asked in the first second the id is not even known (daraja.md §5)."""
    asked = counter.pushed()
    assert counter.query(asked) == refused(counter.client, 400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
    counter.simulator.advance(2)

    said = [counter.query(asked), counter.query(asked)]

    in_flight = refused(counter.client, 500, "500.001.1001", "The transaction is being processed")
    assert sorted(said, key=str) == sorted([{"answer": {"code": "4999"}}, in_flight], key=str)


# -- refusals --------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_gets_no_token_and_sends_no_push(counter: Counter) -> None:
    counter.open(secret="of-another-app")

    said = counter.push()

    words = "Invalid Authentication passed"
    match counter.client:
        case "noriapay":
            message = "Authentication request failed."
            assert said == {
                "raised": "AuthenticationError", "message": message, "status": None, "code": "400.008.01",
            }  # fmt: skip
        case "daraja-v3":
            assert (said["raised"], said["code"]) == ("AuthenticationError", "400")
            assert f'"errorCode": "400.008.01", "errorMessage": "{words}"' in said["message"]
        case _:
            assert said == refused(counter.client, 400, "400.008.01", words)
    assert exchanges(counter.simulator) == [("GET", TOKEN, 400)]


def test_a_wrong_passkey_is_refused(counter: Counter) -> None:
    counter.open(passkey="of-another-till")

    assert counter.push() == refused(counter.client, 500, "500.001.1001", "[MerchantValidate] - Wrong credentials")
    assert counter.simulator.prompts() == []


def test_a_phone_that_rings_is_busy(counter: Counter) -> None:
    counter.pushed()

    said = counter.push()

    words = "Unable to lock subscriber, a transaction is already in process for the current subscriber"
    assert said == refused(counter.client, 500, "500.001.1001", words)
    assert len(counter.simulator.prompts()) == 1


@pytest.mark.parametrize("amount", [0, 250_001])
def test_an_amount_outside_the_limits_is_refused(counter: Counter, amount: int) -> None:
    said = counter.push(amount=amount)

    if counter.client == "daraja-v3":  # by itself: nothing was sent
        assert said["raised"] == "ValidationError"
        assert exchanges(counter.simulator) == []
    else:
        assert said == refused(counter.client, 400, "400.002.02", "Bad Request - Invalid Amount")
    assert counter.simulator.prompts() == []


def test_half_shillings_are_not_taken(counter: Counter) -> None:
    """daraja-v3 cuts 10.5 to 10 without a word, mpesakit refuses it by itself, Daraja refuses it (daraja.md §3)."""
    said = counter.push(amount=10.5)

    match counter.client:
        case "daraja-v3":
            assert [each.amount for each in counter.simulator.prompts()] == [Money.from_shillings(10)]
        case "mpesakit":
            assert said["raised"] == "ValidationError"
            assert exchanges(counter.simulator) == []
        case _:
            assert said == refused(counter.client, 400, "400.002.02", "Bad Request - Invalid Amount")
            assert counter.simulator.prompts() == []


def test_the_limit_is_250_000_though_one_client_believes_in_the_old_one(counter: Counter) -> None:
    """daraja.md §15: 150,000 was the limit once."""
    said = counter.push(amount=250_000)

    if counter.client == "daraja-v3":
        assert (said["raised"], said["code"]) == ("ValidationError", "AMOUNT_EXCEEDS_LIMIT")
        assert exchanges(counter.simulator) == []
    else:
        assert [each.amount for each in counter.simulator.prompts()] == [Money.from_shillings(250_000)]


@pytest.mark.parametrize("phone", ["0708374149", LANDLINE])
def test_a_phone_that_daraja_does_not_take_is_refused(counter: Counter, phone: str) -> None:
    """Daraja wants 2547… or 2541… (daraja.md §3). Only daraja-v3 writes a national number so, and looks by itself."""
    said = counter.push(phone)

    if counter.client != "daraja-v3":
        assert said == refused(counter.client, 400, "400.002.02", "Bad Request - Invalid PartyA")
        assert counter.simulator.prompts() == []
    elif phone == LANDLINE:
        assert (said["raised"], said["code"]) == ("ValidationError", "INVALID_PHONE")
        assert exchanges(counter.simulator) == []
    else:
        assert [each.phone for each in counter.simulator.prompts()] == [RINGS]


def test_a_description_of_more_than_13_characters_is_refused(counter: Counter) -> None:
    """Such as noriapay's README has, and mpesa-node by default. daraja-v3 cuts it, mpesakit looks by itself."""
    said = counter.push(description=None)

    match counter.client:
        case "daraja-v3":
            (sent,) = requests_to(counter.simulator, PUSH)
            assert json.loads(sent["body"])["TransactionDesc"] == "Payment for i"
            assert sent["status"] == 200
        case "mpesakit":
            assert said["raised"] == "ValidationError"
            assert "TransactionDesc must be 13 characters or less" in said["message"]
            assert exchanges(counter.simulator) == []
        case _:
            assert said == refused(counter.client, 400, "400.002.02", "Bad Request - Invalid TransactionDesc")


# -- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "zone"), [*((each, "UTC") for each in PYTHON), ("mpesa-node", "UTC"), ("mpesa-node", NAIROBI)]
)
def test_the_clock_of_another_zone_is_refused(station: Station, client: str, zone: str) -> None:
    """Daraja wants East Africa Time (daraja.md §3, §15). The clients of PyPI stamp with the machine's own time, so on a
    server in UTC they are three hours late; mpesa-node stamps in UTC wherever it runs."""
    counter = station(client, zone=zone, timestamp_tolerance_s=3600.0)

    said = counter.push()

    assert said == refused(client, 400, "400.002.02", "Bad Request - Invalid Timestamp")
    (sent,) = requests_to(counter.simulator, PUSH)
    stamp = clock.from_daraja_timestamp(json.loads(sent["body"])["Timestamp"])
    assert abs((counter.simulator.now() - stamp).total_seconds() - 3 * 3600) < 300
    assert counter.simulator.prompts() == []


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_a_push_beyond_the_rate_is_throttled_by_the_gateway(station: Station, client: str) -> None:
    counter = station(client, push_rate=FIVE_A_MINUTE)
    counter.pushed()

    said = counter.push(PAYS)

    (_, refusal) = requests_to(counter.simulator, PUSH)
    assert (refusal["status"], len(counter.simulator.prompts())) == (429, 1)
    assert said == no_envelope(client, 429, refusal["answer"], mpesakit="")
    counter.simulator.advance(12)
    counter.pushed(PAYS)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_push_beyond_the_rate_is_throttled_in_the_form_of_daraja_too(station: Station, client: str) -> None:
    counter = station(client, push_rate=FIVE_A_MINUTE, push_limit_form=LimitForm.ENVELOPE)
    counter.pushed()

    said = counter.push(PAYS)

    assert said == refused(client, 500, "500.003.02", "Error Occurred: Spike Arrest Violation")
    assert len(counter.simulator.prompts()) == 1


def test_a_page_of_the_gateway_in_place_of_an_answer(counter: Counter) -> None:
    counter.simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=503, body=PAGE))

    assert counter.push() == no_envelope(counter.client, 503, PAGE, mpesakit=PAGE)

    assert counter.simulator.prompts() == []
    counter.pushed()


def test_no_token_while_the_gateway_is_down(counter: Counter) -> None:
    counter.simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.TOKEN, status=503, body=PAGE))

    said = counter.push()

    right = {"noriapay": "AuthenticationError", "daraja-v3": "AuthenticationError", "mpesakit": "MpesaApiException"}
    assert said["raised"] == right.get(counter.client, "Error")
    assert exchanges(counter.simulator) == [("GET", TOKEN, 503)]
    counter.pushed()


def test_an_answer_that_is_lost_is_an_error_to_the_client_and_rings_all_the_same(counter: Counter) -> None:
    """Why Rufaa never sends again what may have arrived: nobody can see that the phone rings (daraja.md §11b)."""
    counter.simulator.script(Fault(FaultKind.ANSWER_LOST))

    said = counter.push()

    right = {"noriapay": "NetworkError", "daraja-v3": "MpesaError", "mpesakit": "MpesaApiException"}
    assert said["raised"] == right.get(counter.client, "Error")
    assert [each.rings for each in counter.simulator.prompts()] == [True]
    assert pushes(counter.simulator) == 1


def test_a_client_that_sends_again_after_a_time_out_is_paid_twice(station: Station) -> None:
    """Daraja knows no idempotency (daraja.md §3). mpesakit waits ten seconds for an answer, then pushes again."""
    counter = station("mpesakit", manual_clock=False)
    counter.simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=60))

    asked = counter.pushed(PAYS)  # one call

    counter.simulator.wait_until(lambda: counter.simulator.till(DEMO_SHORT_CODE) == Money.from_shillings(2000))
    first, second = counter.simulator.prompts()
    assert second.checkout_request_id == asked
    assert counter.simulator.wallet(PAYS) == Money(NEW_WALLET.cents - first.amount.cents - second.amount.cents)


def test_a_token_that_another_process_killed_is_not_renewed_by_clients_that_keep_theirs(counter: Counter) -> None:
    """daraja.md §2: each new token is documented to kill the one before."""
    counter.pushed()
    take_token(counter.simulator)

    said = counter.push(PAYS)

    if counter.client == "mpesa-node":
        assert said["answer"]["id"] == counter.simulator.prompts()[1].checkout_request_id
    else:
        assert said == refused(counter.client, 404, "404.001.03", "Invalid Access Token")
        assert len(counter.simulator.prompts()) == 1


# -- the page about it -----------------------------------------------------------------------------------------------


def test_the_page_names_the_clients_in_their_versions() -> None:
    lock = json.loads((ROOT / "tests" / "clients" / "npm" / "package-lock.json").read_text())
    versions = {client: metadata.version(client) for client in PYTHON}
    versions["mpesa-node"] = lock["packages"]["node_modules/mpesa-node"]["version"]

    page = (ROOT / "docs" / "howto" / "simulator.md").read_text(encoding="utf-8")

    assert dict(re.findall(r"^\| `([\w-]+)` ([\d.]+) \|", page, re.MULTILINE)) == versions
