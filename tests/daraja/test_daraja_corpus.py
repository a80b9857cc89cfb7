"""The corpus of real and documented payloads: each file has a named outcome; a file that is not listed fails.

For a callback: verdict, code, and which facts it gave. For an answer: what it is to a push, and to a query.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rufaa.daraja.codes import verdict
from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.daraja.outcomes import Accepted, Answered, Declined, Exchange, NoNews, NotSent, Unknown
from rufaa.daraja.outcomes import classify_push as push_outcome
from rufaa.daraja.outcomes import classify_query as query_outcome
from rufaa.daraja.tokens import TokenUnavailable, read_token

WHOLE = "paid 0: amount, receipt, date, phone"

CALLBACKS = {
    "stk_callback/01.json": WHOLE,
    "stk_callback/03.json": "paid 0: receipt, date",
    "stk_callback/05.json": "paid 0: nothing",
    "stk_callback/06.json": WHOLE,
    "stk_callback/08.json": WHOLE,
    "stk_callback/10.json": WHOLE,
    "stk_callback/11.json": WHOLE,
    "stk_callback/13.json": WHOLE,
    "stk_callback/15.json": WHOLE,
    "stk_callback/16.json": "paid 0: amount, receipt, phone",
    "stk_callback/18.json": "paid 0: amount, receipt, date",
    "stk_callback/20.json": WHOLE,
    "stk_callback/21.json": WHOLE,
    "stk_callback/23.json": "malformed: no usable CheckoutRequestID",  # a page of HTML stands there
    "stk_callback/25.json": "malformed: no usable CheckoutRequestID",
    "stk_callback/26.json": "paid 0: nothing",
    "stk_callback/28.json": "unpaid 1001: nothing",
    "stk_callback/30.json": "unpaid 1019: nothing",
    "stk_callback/31.json": "unpaid 1019: nothing",
    "stk_callback/33.json": "unpaid 1025: nothing",
    "stk_callback/35.json": "unpaid 1032: nothing",
    "stk_callback/36.json": "unpaid 1032: nothing",
    "stk_callback/38.json": "malformed: no usable CheckoutRequestID",
    "stk_callback/40.json": "unpaid 1032: nothing",
    "stk_callback/41.json": "unpaid 1032: nothing",
    "stk_callback/43.json": "unpaid 1032: nothing",
    "stk_callback/45.json": "unpaid 1032: nothing",
    "stk_callback/46.json": "unpaid 1032: nothing",
    "stk_callback/48.json": "unpaid 1036: nothing",
    "stk_callback/50.json": "unpaid 1037: nothing",
    "stk_callback/51.json": "unpaid 1037: nothing",
    "stk_callback/53.json": "unpaid 1037: nothing",
    "stk_callback/55.json": "unpaid 1037: nothing",
    "stk_callback/56.json": "unpaid 1037: nothing",
    "stk_callback/58.json": "unpaid 1037: nothing",
    "stk_callback/60.json": "unpaid 11: nothing",
    "stk_callback/61.json": "uncertain 17: nothing",
    "stk_callback/63.json": "unpaid 1: nothing",
    "stk_callback/65.json": "unpaid 1: nothing",
    "stk_callback/66.json": "unpaid 2001: nothing",
    "stk_callback/68.json": "unpaid 2001: nothing",
    "stk_callback/70.json": "unpaid 2026: nothing",
    "stk_callback/71.json": "unpaid 8006: nothing",
    "stk_callback/73.json": "uncertain BW-JMS-100039: nothing",
    "stk_callback/75.json": "malformed: no usable CheckoutRequestID",
    "stk_callback/76.json": "malformed: no usable ResultCode",
    "stk_callback/78.json": "unpaid SFC_IC0003: nothing",
    "stk_callback/80.json": "unpaid 1037: nothing",
    "stk_callback/81.json": WHOLE,
    "stk_callback/83.json": WHOLE,
    "stk_callback/85.json": "paid 0: amount, receipt",
    "stk_callback/86.json": "unpaid 1037: nothing",
    "stk_callback/88.json": "unpaid 2: nothing",
    "stk_callback/90.json": "unpaid 4: nothing",
    "stk_callback/91.json": "unpaid 8: nothing",
    "stk_callback/empty_body.txt": "malformed: empty",
    "stk_callback_contradiction/01.json": "unpaid 1037: nothing",
    "stk_callback_contradiction/03.json": "unpaid 1019: nothing",
    "stk_callback_contradiction/05.json": "unpaid 1019: nothing",
    "stk_callback_contradiction/06.json": "unpaid 1019: nothing",
    "stk_callback_contradiction/08.json": "unpaid 1019: nothing",
    "stk_callback_double_pay_pair/01.json": WHOLE,
    "stk_callback_double_pay_pair/02.json": WHOLE,
    "stk_callback_double_pay_pair/05.json": WHOLE,
    "stk_callback_double_pay_pair/06.json": WHOLE,
    "stk_callback_duplicate_pair/01.json": WHOLE,
    "stk_callback_duplicate_pair/02.json": WHOLE,
}

# file: (HTTP status it comes with, what it is to a push, what it is to a query)
ANSWERS = {
    "stk_push_response/01.json": (200, "accepted", "no news: no-result"),
    "stk_push_response/03.json": (200, "accepted", "no news: no-result"),
    "stk_query_response/01.json": (200, "accepted", "answered 0"),  # never an answer to a push; it has its shape
    "stk_query_response/03.json": (200, "accepted", "answered 0"),
    "stk_query_response/05.json": (200, "accepted", "answered 1032"),
    "stk_query_response/06.json": (200, "accepted", "answered 1032"),
    "stk_query_response/08.json": (200, "accepted", "answered 1032"),
    "stk_query_response/10.json": (200, "accepted", "answered 1037"),
    "stk_query_response/11.json": (200, "accepted", "answered 1037"),
    "stk_query_response/13.json": (200, "accepted", "answered 1032"),
    "stk_query_error/01.json": (500, "unknown: 500.001.1001", "no news: 500.001.1001"),
    "stk_query_error/03.json": (500, "unknown: 500.001.1001", "no news: 500.001.1001"),
    "error_response/01.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/03.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/05.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/06.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/08.json": (500, "unknown: 500.001.1001", "no news: 500.001.1001"),
    "error_response/10.json": (500, "declined: 500.001.1001 account", "no news: 500.001.1001"),
    "error_response/11.json": (500, "unknown: 500.002.1001", "no news: 500.002.1001"),
    "error_response/13.json": (500, "declined: 500.001.1001 account", "no news: 500.001.1001"),
    "error_response/15.json": (500, "not sent: 500.003.02", "no news: 500.003.02, wait 12"),
    "error_response/16.json": (500, "unknown: 500.003.02", "no news: 500.003.02"),
    "error_response/18.json": (500, "unknown: 500.003.1001", "no news: 500.003.1001"),
    "error_response/20.json": (500, "unknown: 500.003.1001", "no news: 500.003.1001"),
    "error_response/21.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/23.json": (400, "declined: 400.002.02 bad-request", "no news: 400.002.02"),
    "error_response/25.json": (400, "declined: 400.003.01 token", "no news: 400.003.01"),
    "error_response/26.json": (401, "declined: 401.002.01 token", "no news: 401.002.01"),
    "error_response/28.json": (404, "declined: 404.001.01 bad-request", "no news: 404.001.01"),
    "error_response/30.json": (401, "declined: 401.003.01 account", "no news: 401.003.01"),
    "gateway_fault/01.json": (
        429,
        "not sent: policies.ratelimit.SpikeArrestViolation",
        "no news: policies.ratelimit.SpikeArrestViolation, wait 12",
    ),
    "gateway_fault/03.json": (500, "unknown: http-500", "no news: http-500"),
}

TOKENS = {
    "oauth_response/01.json": (200, "3599 s"),
    "oauth_error/01.json": (400, "400.008.01"),
}

LISTED = {*CALLBACKS, *ANSWERS, *TOKENS}
KINDS = {name.partition("/")[0] for name in LISTED}


def exchange(status: int, body: bytes) -> Exchange:
    return Exchange(status, body, datetime(2026, 4, 2, tzinfo=UTC), 0.1)


def facts(callback: StkCallback | Malformed) -> str:
    if isinstance(callback, Malformed):
        return f"malformed: {callback.reason}"
    given = {
        "amount": callback.amount,
        "receipt": callback.receipt_number,
        "date": callback.transaction_at,
        "phone": callback.phone_shown,
    }
    names = ", ".join(name for name, value in given.items() if value is not None)
    return f"{verdict(callback.result_code)} {callback.result_code}: {names or 'nothing'}"


def pushed(came: Exchange) -> str:
    match push_outcome(came, headers={}):
        case Accepted():
            return "accepted"
        case Declined(code=code, because=because):
            return f"declined: {code} {because}"
        case NotSent(code=code):
            return f"not sent: {code}"
        case Unknown(code=code):
            return f"unknown: {code}"


def asked(came: Exchange) -> str:
    said = json.loads(came.body).get("CheckoutRequestID", "ws_CO_x")
    match query_outcome(came, headers={}, checkout_request_id=said):
        case Answered(result_code=code):
            return f"answered {code}"
        case NoNews(code=code, retry_after_s=wait_s):
            return f"no news: {code}" + ("" if wait_s is None else f", wait {wait_s:.0f}")


def test_every_file_of_our_kinds_is_listed_and_there(corpus: Path) -> None:
    kinds = KINDS | {
        folder.name
        for folder in corpus.iterdir()
        if folder.name.startswith(("stk_", "error_response", "gateway_fault", "oauth_"))
    }
    there = {f"{kind}/{file.name}" for kind in kinds for file in (corpus / kind).iterdir()}
    assert there == LISTED


@pytest.mark.parametrize(("name", "expected"), CALLBACKS.items())
def test_callbacks(corpus: Path, name: str, expected: str) -> None:
    assert facts(parse_stk_callback((corpus / name).read_bytes())) == expected


@pytest.mark.parametrize("name", CALLBACKS)
def test_what_is_read_is_what_stands_there(corpus: Path, name: str) -> None:
    """Against the plain standard reading of the same file, which knows nothing of ours."""
    raw = (corpus / name).read_bytes()
    callback = parse_stk_callback(raw)
    if isinstance(callback, Malformed):
        return
    said: dict[str, Any] = json.loads(raw, parse_float=Decimal)["Body"]["stkCallback"]
    values = {i["Name"]: i.get("Value") for i in said.get("CallbackMetadata", {}).get("Item", [])}
    assert callback.checkout_request_id == said["CheckoutRequestID"]
    assert callback.merchant_request_id == said["MerchantRequestID"]
    assert callback.result_code == str(said["ResultCode"])
    assert callback.result_desc == said["ResultDesc"]
    assert callback.has_metadata is bool(values)
    assert callback.receipt_number == values.get("MpesaReceiptNumber")
    if callback.amount is not None:
        assert callback.amount.decimal == Decimal(values["Amount"])
    if callback.transaction_at is not None:
        nairobi = datetime.strptime(f"{values['TransactionDate']}+0300", "%Y%m%d%H%M%S%z")
        assert callback.transaction_at == nairobi
    if callback.phone_shown is not None:
        assert callback.phone_shown == str(values["PhoneNumber"])


@pytest.mark.parametrize(("name", "expected"), ANSWERS.items())
def test_answers(corpus: Path, name: str, expected: tuple[int, str, str]) -> None:
    status, to_a_push, to_a_query = expected
    came = exchange(status, (corpus / name).read_bytes())
    assert (pushed(came), asked(came)) == (to_a_push, to_a_query)


@pytest.mark.parametrize(("name", "expected"), TOKENS.items())
def test_tokens(corpus: Path, name: str, expected: tuple[int, str]) -> None:
    status, outcome = expected
    came = exchange(status, (corpus / name).read_bytes())
    if status == 200:
        assert f"{read_token(came, headers={}).expires_in_s:.0f} s" == outcome
    else:
        with pytest.raises(TokenUnavailable) as caught:
            read_token(came, headers={})
        assert caught.value.reason == outcome
