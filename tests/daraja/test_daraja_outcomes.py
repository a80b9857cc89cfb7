"""Every answer to a push or a query has one outcome: daraja.md §11b and §5 as tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rufaa.daraja.outcomes import (
    Accepted,
    Answered,
    Because,
    Declined,
    Exchange,
    NoNews,
    NotSent,
    Unknown,
    classify_push,
    classify_query,
    refuses_token,
)

ID = "ws_CO_02042026115959000708374149"
ACCEPTANCE = {
    "MerchantRequestID": "m-1",
    "CheckoutRequestID": ID,
    "ResponseCode": "0",
    "ResponseDescription": "Success. Request accepted for processing",
    "CustomerMessage": "Success. Request accepted for processing",
}
RESULT = {**ACCEPTANCE, "ResultCode": "1032", "ResultDesc": "Request Cancelled by user."}
HTML = b"<html><head><title>Error</title></head><body>Request unsuccessful.</body></html>"
SPIKE_ARREST = {
    "fault": {
        "faultstring": "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
}
SOAP = {"Envelope": {"Body": {"Fault": {"faultcode": "soap:Server", "faultstring": "failed"}}}}


def exchange(status: int, body: object) -> Exchange:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(status, raw, datetime(2026, 4, 2, 9, 0, tzinfo=UTC), 0.5)


def error(code: object, message: object = "") -> dict[str, object]:
    return {"requestId": "r-1", "errorCode": code, "errorMessage": message}


# What happened, and the class, code and reason of the outcome.
DECLINED: list[tuple[int, object, str, Because]] = [
    (400, error("400.002.02", "Bad Request - Invalid Amount"), "400.002.02", Because.BAD_REQUEST),
    (200, error("400.002.02", "Bad Request - Invalid Amount"), "400.002.02", Because.BAD_REQUEST),
    (400, error("400.002.05", "Invalid Request Payload"), "400.002.05", Because.BAD_REQUEST),
    (404, error("404.001.01", "Resource not found"), "404.001.01", Because.BAD_REQUEST),
    (405, error("405.001", "Method Not Allowed"), "405.001", Because.BAD_REQUEST),
    (400, error("400.003.01", "Invalid Access Token"), "400.003.01", Because.TOKEN),
    (401, error("401.002.01", "Error Occurred - Invalid Access Token - x"), "401.002.01", Because.TOKEN),
    (401, error("401.003.01", "Error Occurred - Invalid Access Token - x"), "401.003.01", Because.TOKEN),
    (404, error("404.001.03", "Invalid Access Token"), "404.001.03", Because.TOKEN),
    (200, error("404.001.03", "Invalid Access Token"), "404.001.03", Because.TOKEN),
    (404, error("404.001.04", "Invalid Authentication Header"), "404.001.04", Because.TOKEN),
    (
        401,
        error("401.003.01", "Invalid Access Token - Invalid API call as no apiproduct match found"),
        "401.003.01",
        Because.ACCOUNT,
    ),
    (500, error("500.001.1001", "Merchant does not exist"), "500.001.1001", Because.ACCOUNT),
    (500, error("500.001.1001", "[MerchantValidate] - Wrong credentials"), "500.001.1001", Because.ACCOUNT),
    (200, error("500.001.1001", "Wrong credentials"), "500.001.1001", Because.ACCOUNT),
    (
        500,
        error(
            "500.001.1001", "Unable to lock subscriber, a transaction is already in process for the current subscriber"
        ),
        "500.001.1001",
        Because.PHONE_BUSY,
    ),
]
NOT_SENT: list[tuple[int, object, str, float]] = [
    (500, error("500.003.02", "Error Occurred: Spike Arrest Violation"), "500.003.02", 12.0),
    (429, error("500.003.02", "Error Occurred: Spike Arrest Violation"), "500.003.02", 12.0),
    (500, error("500.003.03", "Error Occurred: Quota Violation"), "500.003.03", 60.0),
    (429, SPIKE_ARREST, "policies.ratelimit.SpikeArrestViolation", 12.0),
    (429, HTML, "http-429", 12.0),
    (429, b"", "http-429", 12.0),
    (429, error("429.001.01", "Too many"), "429.001.01", 12.0),
]
UNKNOWN: list[tuple[int, object, str]] = [
    (500, error("500.003.02", "System is busy. Please try again in few minutes."), "500.003.02"),
    (429, error("500.003.02", "System is busy. Please try again in few minutes."), "500.003.02"),
    (500, error("500.003.1001", "Internal Server Error"), "500.003.1001"),
    (500, error("500.001.1001", "The transaction is being processed"), "500.001.1001"),
    (500, error("500.001.1001"), "500.001.1001"),
    (500, error("500.002.1001", "Service is currently under maintenance"), "500.002.1001"),
    (404, error("404.003.01", "Resource not found"), "404.003.01"),
    (404, error("404.002.01", "Resource not found"), "404.002.01"),
    (400, error("400.008.01", "Invalid Authentication passed"), "400.008.01"),
    (400, error("400.009.99", "New"), "400.009.99"),
    (500, error("400.002.02", "Bad Request - Invalid Amount"), "400.002.02"),  # contradicts itself
    (503, error("404.001.03", "Invalid Access Token"), "404.001.03"),
    (400, error(["400.002.02"], "odd"), "unreadable-error"),
    (400, error("", "odd"), "unreadable-error"),
    (400, error(True, "odd"), "unreadable-error"),
    (200, {**ACCEPTANCE, "errorCode": "400.002.02"}, "http-200"),  # both at once
    (401, {"CheckoutRequestID": ID, "errorCode": "404.001.03"}, "http-401"),
    (200, {**ACCEPTANCE, "CheckoutRequestID": None}, "no-checkout-id"),
    (200, {**ACCEPTANCE, "CheckoutRequestID": ""}, "no-checkout-id"),
    (200, {**ACCEPTANCE, "CheckoutRequestID": "a\x00b"}, "no-checkout-id"),
    (200, {**ACCEPTANCE, "ResponseCode": "1"}, "http-200"),
    (200, {**ACCEPTANCE, "ResponseCode": None}, "http-200"),
    (200, {**ACCEPTANCE, "ResponseCode": False}, "http-200"),
    (500, ACCEPTANCE, "http-500"),
    (429, ACCEPTANCE, "http-429"),
    (302, ACCEPTANCE, "http-302"),
    (302, error("400.002.02", "Bad Request"), "http-302"),
    (307, b"", "http-307"),
    (200, b"", "http-200"),
    (200, json.dumps(ACCEPTANCE).encode()[:-1], "http-200"),
    (200, b"null", "http-200"),
    (200, b"[]", "http-200"),
    (200, {}, "http-200"),
    (200, HTML, "http-200"),
    (403, HTML, "http-403"),
    (401, b"", "http-401"),
    (502, HTML, "http-502"),
    (504, b"", "http-504"),
    (500, SPIKE_ARREST, "policies.ratelimit.SpikeArrestViolation"),  # only HTTP 429 is listed
    (500, SOAP, "http-500"),
    (503, {"fault": {"faultstring": "The Service is temporarily unavailable", "detail": {"errorcode": "x.y"}}}, "x.y"),
    (200, {"fault": {"faultstring": 5, "detail": []}}, "http-200"),
]


@pytest.mark.parametrize(("status", "body", "code", "because"), DECLINED)
def test_declined(status: int, body: object, code: str, because: Because) -> None:
    outcome = classify_push(exchange(status, body), headers={})
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.because) == (code, because)
    assert outcome.phone_busy is (because is Because.PHONE_BUSY)
    assert refuses_token(outcome.exchange) is (because is Because.TOKEN)


@pytest.mark.parametrize(("status", "body", "code", "wait_s"), NOT_SENT)
def test_not_sent(status: int, body: object, code: str, wait_s: float) -> None:
    outcome = classify_push(exchange(status, body), headers={})
    assert isinstance(outcome, NotSent)
    assert (outcome.code, outcome.retry_after_s) == (code, wait_s)
    assert not refuses_token(outcome.exchange)


@pytest.mark.parametrize(("status", "body", "code"), UNKNOWN)
def test_unknown(status: int, body: object, code: str) -> None:
    outcome = classify_push(exchange(status, body), headers={})
    assert isinstance(outcome, Unknown)
    assert outcome.code == code
    assert not refuses_token(outcome.exchange)


@pytest.mark.parametrize("body", [ACCEPTANCE, {**ACCEPTANCE, "ResponseCode": 0}, {**ACCEPTANCE, "errorCode": None}])
def test_accepted(body: object) -> None:
    outcome = classify_push(exchange(200, body), headers={})
    assert outcome == Accepted("m-1", ID, "Success. Request accepted for processing", exchange(200, body))


def test_accepted_without_a_merchant_request_id_is_still_accepted() -> None:
    outcome = classify_push(exchange(200, {"CheckoutRequestID": ID, "ResponseCode": "0"}), headers={})
    assert isinstance(outcome, Accepted)
    assert (outcome.merchant_request_id, outcome.checkout_request_id, outcome.customer_message) == (None, ID, "")


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [("30", 30.0), ("0", 1.0), ("100000", 300.0), (" 7 ", 7.0), ("-1", 12.0), ("1e3", 12.0), ("٣", 12.0), ("", 12.0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", 12.0), ("9" * 400, 12.0)],
)  # fmt: skip
def test_retry_after_is_obeyed_within_bounds(value: str, wait_s: float) -> None:
    pushed = classify_push(exchange(429, SPIKE_ARREST), headers={"retry-after": value})
    asked = classify_query(exchange(429, SPIKE_ARREST), headers={"Retry-After": value}, checkout_request_id=ID)
    assert isinstance(pushed, NotSent)
    assert isinstance(asked, NoNews)
    assert (pushed.retry_after_s, asked.retry_after_s) == (wait_s, wait_s)


def test_messages_from_outside_are_cleaned() -> None:
    outcome = classify_push(exchange(400, error("400.002.02", "a\x00b" + "x" * 999)), headers={})
    assert isinstance(outcome, Declined)
    assert outcome.message == "a�b" + "x" * 297


def test_reprs_hold_no_body_and_no_phone_number() -> None:
    for outcome in (
        classify_push(exchange(200, ACCEPTANCE), headers={}),
        classify_query(exchange(200, RESULT), headers={}, checkout_request_id=ID),
    ):
        assert "708374149" not in repr(outcome)


# ---------------------------------------------------------------- queries


@pytest.mark.parametrize("code", ["0", "1", "17", "1032", "1037", "SFC_IC0003", "77"])
def test_answered(code: str) -> None:
    came = exchange(200, {**RESULT, "ResultCode": code})
    outcome = classify_query(came, headers={}, checkout_request_id=ID)
    assert outcome == Answered(code, "Request Cancelled by user.", ID, "m-1", came)


def test_a_numeric_result_code_is_the_same() -> None:
    outcome = classify_query(exchange(200, {**RESULT, "ResultCode": 0}), headers={}, checkout_request_id=ID)
    assert isinstance(outcome, Answered)
    assert outcome.result_code == "0"


@pytest.mark.parametrize(
    ("status", "body", "code", "wait_s"),
    [
        (
            200,
            {**RESULT, "ResultCode": "4999", "ResultDesc": "The transaction is still under processing"},
            "4999",
            None,
        ),
        (500, error("500.001.1001", "The transaction is being processed"), "500.001.1001", None),
        (200, error("500.001.1001", ""), "500.001.1001", None),
        (500, error("500.001.1001", "The transaction does not Exist"), "500.001.1001", None),
        (400, error("400.002.02", "Bad Request - Invalid CheckoutRequestID"), "400.002.02", None),
        (404, error("404.001.03", "Invalid Access Token"), "404.001.03", None),
        (429, SPIKE_ARREST, "policies.ratelimit.SpikeArrestViolation", 12.0),
        (429, error("500.001.1001", "The transaction is being processed"), "500.001.1001", 12.0),
        (500, error("500.003.02", "Spike Arrest"), "500.003.02", 12.0),
        (500, error("500.003.03", "Quota"), "500.003.03", 60.0),
        (500, RESULT, "http-500", None),
        (302, RESULT, "http-302", None),
        (502, HTML, "http-502", None),
        (200, HTML, "http-200", None),
        (200, b"", "http-200", None),
        (200, json.dumps(RESULT).encode()[:-1], "http-200", None),
        (200, ACCEPTANCE, "no-result", None),
        (200, {**RESULT, "ResultCode": None}, "no-result", None),
        (200, {**RESULT, "ResultCode": False}, "no-result", None),
        (200, {**RESULT, "ResponseCode": "1"}, "no-result", None),
        (200, {**RESULT, "ResultCode": "0", "CheckoutRequestID": ID + "1"}, "other-id", None),
        (200, {**RESULT, "ResultCode": "0", "CheckoutRequestID": None}, "other-id", None),
        (200, {**RESULT, "ResultCode": "0", "errorCode": "500.001.1001"}, "500.001.1001", None),
    ],
)
def test_no_news(status: int, body: object, code: str, wait_s: float | None) -> None:
    outcome = classify_query(exchange(status, body), headers={}, checkout_request_id=ID)
    assert isinstance(outcome, NoNews)
    assert (outcome.code, outcome.retry_after_s) == (code, wait_s)
