"""The push: accepted as Daraja accepts, refused as Daraja refuses, never idempotent."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.money import Money
from rufaa.simulator.config import DEMO_MERCHANT, LimitForm, Merchant, Rate
from rufaa.simulator.state import State

if TYPE_CHECKING:
    from conftest import Client, Listener

PUSH = "/mpesa/stkpush/v1/processrequest"
LONG = "x" * 13


def test_an_accepted_push_rings_the_phone(client: Client) -> None:
    got = client.push()

    assert got.status == 200
    assert got.headers["content-type"] == "application/json;charset=UTF-8"
    assert got.json["CheckoutRequestID"] == "ws_CO_23112026091200345708374149"
    assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[0-9]+", got.json["MerchantRequestID"])
    assert {key: got.json[key] for key in ("ResponseCode", "ResponseDescription", "CustomerMessage")} == {
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }
    (prompt,) = client.sim.prompts()
    assert (prompt.state, prompt.amount, prompt.text) == (
        State.RINGING,
        Money(100_000),
        "Do you want to pay KES 1,000.00 to RUFAA DEMO Account ABC123? Enter M-PESA PIN:",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"Amount": 1},
        {"Amount": 250_000},
        {"Amount": "250000"},
        {"BusinessShortCode": 174379, "PartyA": 254708374149, "PartyB": 174379, "PhoneNumber": 254708374149},
        {"TransactionDesc": ...},
        {"TransactionDesc": ""},
        {"AccountReference": "A" * 12, "TransactionDesc": "B" * 13},
        {"CallBackURL": "https://pay.example.org/h/0123"},
        {"PartyA": "254110000000", "PhoneNumber": "254110000000"},
    ],
)
def test_every_lawful_form_is_accepted(client: Client, changes: dict[str, Any]) -> None:
    assert client.push(**changes).status == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"BusinessShortCode": ...}, "BusinessShortCode"),
        ({"BusinessShortCode": "1743"}, "BusinessShortCode"),
        ({"BusinessShortCode": True}, "BusinessShortCode"),
        ({"Password": ...}, "Password"),
        ({"Timestamp": ...}, "Timestamp"),
        ({"Timestamp": "2026-11-23 09:12"}, "Timestamp"),
        ({"Timestamp": "20261323091200"}, "Timestamp"),
        ({"Timestamp": "20261123061200"}, "Timestamp"),  # UTC: three hours old
        ({"Timestamp": "20261123101201"}, "Timestamp"),  # an hour and a second ahead
        ({"TransactionType": "PayBill"}, "TransactionType"),
        ({"TransactionType": ["CustomerPayBillOnline"]}, "TransactionType"),
        ({"Amount": ...}, "Amount"),
        ({"Amount": 0}, "Amount"),
        ({"Amount": -5}, "Amount"),
        ({"Amount": 250_001}, "Amount"),
        ({"Amount": "1.5"}, "Amount"),
        ({"Amount": 1.5}, "Amount"),
        ({"Amount": True}, "Amount"),
        ({"Amount": "٣"}, "Amount"),
        ({"PartyA": "0708374149"}, "PartyA"),
        ({"PartyB": "x"}, "PartyB"),
        ({"PhoneNumber": "254208374149"}, "PhoneNumber"),
        ({"PhoneNumber": "2547083741490"}, "PhoneNumber"),
        ({"CallBackURL": ...}, "CallBackURL"),
        ({"CallBackURL": "ftp://example.org/h"}, "CallBackURL"),
        ({"CallBackURL": "https:///h"}, "CallBackURL"),
        ({"CallBackURL": "http://example.org:port/h"}, "CallBackURL"),
        ({"CallBackURL": "http://[::1/h"}, "CallBackURL"),
        ({"CallBackURL": "http://example.org/ h"}, "CallBackURL"),
        ({"CallBackURL": "http://example.org/h\n"}, "CallBackURL"),
        ({"CallBackURL": "http://example.org/SQL/h"}, "CallBackURL"),
        ({"CallBackURL": "http://m-pesa.example.org/h"}, "CallBackURL"),
        ({"CallBackURL": "http://example.org/query"}, "CallBackURL"),
        ({"AccountReference": ...}, "AccountReference"),
        ({"AccountReference": ""}, "AccountReference"),
        ({"AccountReference": LONG}, "AccountReference"),
        ({"AccountReference": "\ud800"}, "AccountReference"),
        ({"TransactionDesc": LONG + "x"}, "TransactionDesc"),
    ],
)
def test_a_bad_field_is_named_and_nothing_rings(client: Client, changes: dict[str, Any], field: str) -> None:
    got = client.push(**changes)

    assert (got.status, got.json["errorCode"], got.json["errorMessage"]) == (
        400,
        "400.002.02",
        f"Bad Request - Invalid {field}",
    )
    assert set(got.json) == {"requestId", "errorCode", "errorMessage"}
    assert client.sim.prompts() == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 30_000, b'{"Amount":' + b"9" * 5_000 + b"}"])
def test_what_is_no_json_object_is_a_bad_payload(client: Client, raw: bytes) -> None:
    got = client.post(PUSH, raw)
    assert (got.status, got.json["errorCode"]) == (400, "400.002.05")


def test_a_body_beyond_all_reason_is_a_bad_payload(client: Client) -> None:
    got = client.post(PUSH, b'{"Amount":"' + b"9" * 70_000 + b'"}')
    assert (got.status, got.json["errorCode"]) == (400, "400.002.05")


def test_a_wrong_content_type_is_not_understood(client: Client) -> None:
    got = client.post(PUSH, client.push_body(), content_type="application/x-www-form-urlencoded")
    assert (got.status, got.json["errorMessage"]) == (400, "Bad Request - Invalid BusinessShortCode")
    assert client.post(PUSH, client.push_body(), content_type="Application/JSON; charset=utf-8").status == 200


def test_the_merchant_must_exist_and_know_its_passkey(client: Client) -> None:
    stamp = str(client.signed()["Timestamp"])
    wrong = base64.b64encode(f"174379guess{stamp}".encode()).decode()

    nobody = client.push(BusinessShortCode="600000")
    forged = client.push(Password=wrong)
    strange = client.push(Password="pässword")

    assert (nobody.status, nobody.json["errorCode"], nobody.json["errorMessage"]) == (
        500,
        "500.001.1001",
        "Merchant does not exist",
    )
    for got in (forged, strange):
        assert (got.status, got.json["errorCode"], got.json["errorMessage"]) == (
            500,
            "500.001.1001",
            "[MerchantValidate] - Wrong credentials",
        )
    assert client.sim.prompts() == []


def test_the_password_holds_for_its_own_timestamp_only(client: Client) -> None:
    assert client.push(Timestamp="20261123091159").json["errorMessage"] == "[MerchantValidate] - Wrong credentials"


def test_one_app_cannot_prompt_for_the_short_code_of_another(simulate: Callable[..., Client]) -> None:
    other = Merchant("600001", "other-key", "other-secret", "other-passkey", "OTHER")
    client = simulate(merchants=(DEMO_MERCHANT, other))
    client.authorize(key="other-key", secret="other-secret")
    assert client.push().json["errorMessage"] == "[MerchantValidate] - Wrong credentials"


def test_a_phone_that_rings_is_locked_and_every_accepted_push_is_one_more(client: Client) -> None:
    first = client.pushed()

    busy = client.push()
    assert (busy.status, busy.json["errorCode"], busy.json["errorMessage"]) == (
        500,
        "500.001.1001",
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    )
    client.sim.ignore("254708374149")
    assert client.push().status == 500, "put aside, the session still lives"
    assert client.push("254110000000").status == 200, "another phone is free"
    client.sim.advance(60)
    second = client.pushed()

    assert first != second
    assert len(client.sim.prompts()) == 3


def test_the_same_push_twice_takes_the_money_twice(client: Client) -> None:
    for _ in range(2):
        client.pushed()
        client.sim.answer("254708374149")
    assert client.sim.till("174379") == Money(200_000)
    assert client.sim.wallet("254708374149") == Money(6_800_000)
    assert len({each.receipt for each in client.sim.prompts()}) == 2


def test_the_payer_is_party_a_and_the_prompt_rings_on_phone_number(client: Client) -> None:
    client.pushed(PartyA="254110000000")
    client.sim.answer("254708374149")
    assert client.sim.wallet("254110000000") == Money(6_900_000)
    assert client.sim.wallet("254708374149") == Money(7_000_000)


def test_a_wrong_till_or_type_is_accepted_and_fails_later(simulate: Callable[..., Client], listener: Listener) -> None:
    client = simulate()
    client.pushed(PartyB="174370")
    client.sim.advance(2)
    client.pushed(TransactionType="CustomerBuyGoodsOnline")
    client.sim.advance(2)

    assert [each["ResultCode"] for each in listener.callbacks] == ["SFC_IC0003", 2028]
    assert client.sim.till("174379") == Money(0)


def test_a_till_takes_buy_goods_for_its_till_number(simulate: Callable[..., Client]) -> None:
    till = Merchant("174379", "demo-key", "demo-secret", "demo-passkey", "TILL", till_number="5551234")
    client = simulate(merchants=(till,))
    client.pushed(TransactionType="CustomerBuyGoodsOnline", PartyB="5551234")
    assert client.sim.answer("254708374149").result_code == "0"


def test_a_prompt_of_more_than_182_characters_cannot_be_sent(
    simulate: Callable[..., Client], listener: Listener
) -> None:
    wordy = Merchant("174379", "demo-key", "demo-secret", "demo-passkey", "N" * 120)
    client = simulate(merchants=(wordy,))
    client.pushed()
    client.sim.advance(2)
    assert listener.callbacks[0]["ResultCode"] == 1025


def test_pushes_beyond_the_rate_are_refused_in_either_form(simulate: Callable[..., Client]) -> None:
    rate = Rate(messages=60, period_s=60, burst=1)
    by_gateway = simulate(push_rate=rate)
    by_gateway.pushed()
    fault = by_gateway.push("254708000000")
    assert (fault.status, fault.json["fault"]["detail"]["errorcode"]) == (
        429,
        "policies.ratelimit.SpikeArrestViolation",
    )
    by_gateway.sim.advance(1)
    assert by_gateway.push("254708000000").status == 200

    by_envelope = simulate(push_rate=rate, push_limit_form=LimitForm.ENVELOPE)
    by_envelope.pushed()
    refused = by_envelope.push("254708000000")
    assert (refused.status, refused.json["errorCode"]) == (500, "500.003.02")
    assert "Spike Arrest" in refused.json["errorMessage"]


def test_other_paths_and_methods_are_refused_in_darajas_form(client: Client) -> None:
    assert client.get(PUSH).json["errorCode"] == "405.001"
    assert client.post("/mpesa/stkpush/v2/processrequest", {}).json["errorCode"] == "404.001.01"


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 404, "404.001.04"),
        ("Basic abc", 404, "404.001.04"),
        ("Bearer ", 404, "404.001.04"),
        ("Bearer never-issued", 401, "401.002.01"),
    ],
)
def test_without_a_good_token_nothing_is_looked_at(client: Client, header: str | None, status: int, code: str) -> None:
    token = client.token
    for path in (PUSH, "/mpesa/stkpushquery/v1/query"):
        got = client.ask(path, method="POST", body=b"{}", headers={} if header is None else {"Authorization": header})
        assert (got.status, got.json["errorCode"]) == (status, code)
    assert client.post(PUSH, client.push_body(), token=token).status == 200
