"""Orders: the exact bodies, what may not be in them, and what an answer to one means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rufaa.daraja import orders
from rufaa.daraja.credentials import Credentials, Environment
from rufaa.daraja.messages import InvalidCallbackUrl
from rufaa.daraja.orders import B2cCommand, InvalidRemarks, NoInitiator
from rufaa.daraja.outcomes import Because, Declined, Exchange, NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, B2cOutcome, classify_b2c, classify_order
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money
from rufaa.phone import InvalidPhone, Phone

RESULT = "https://pay.rufaa.example.com/r/1"
TIMEOUT = "https://pay.rufaa.example.com/t/1"
COMMON: dict[str, Any] = {"security_credential": "c2VhbGVk", "result_url": RESULT, "timeout_url": TIMEOUT}


def status(account: Credentials, **changed: Any) -> dict[str, Any]:
    given = {**COMMON, "receipt_number": "TST0000001", **changed}
    body: dict[str, Any] = json.loads(orders.status_request(account, **given))
    return body


def reversal(account: Credentials, **changed: Any) -> dict[str, Any]:
    given = {**COMMON, "receipt_number": "TST0000001", "amount": Money(100_000), "remarks": "Refund", **changed}
    body: dict[str, Any] = json.loads(orders.reversal_request(account, **given))
    return body


def b2c(account: Credentials, **changed: Any) -> dict[str, Any]:
    given = {
        **COMMON,
        "originator_conversation_id": "refund-0123_ab",
        "phone": Phone("254708374149"),
        "amount": Money(100_000),
        "remarks": "Refund",
        **changed,
    }
    body: dict[str, Any] = json.loads(orders.b2c_request(account, **given))
    return body


# ---------------------------------------------------------------- what is sent


def test_a_status_question_as_daraja_wants_it(ordering: Credentials) -> None:
    common = {
        "Initiator": "testapi",
        "SecurityCredential": "c2VhbGVk",
        "CommandID": "TransactionStatusQuery",
        "PartyA": "600100",
        "IdentifierType": "4",
        "Remarks": "Status",
        "QueueTimeOutURL": TIMEOUT,
        "ResultURL": RESULT,
    }
    assert status(ordering) == {**common, "TransactionID": "TST0000001"}
    by_id = status(ordering, receipt_number=None, original_conversation_id="AG_2026_1", occasion="Lost answer")
    assert by_id == {**common, "OriginalConversationID": "AG_2026_1", "Occasion": "Lost answer"}


def test_a_reversal_as_daraja_wants_it(ordering: Credentials) -> None:
    assert reversal(ordering, occasion="Paid twice") == {
        "Initiator": "testapi",
        "SecurityCredential": "c2VhbGVk",
        "CommandID": "TransactionReversal",
        "TransactionID": "TST0000001",
        "Amount": "1000",
        "ReceiverParty": "600100",
        "RecieverIdentifierType": "11",
        "Remarks": "Refund",
        "QueueTimeOutURL": TIMEOUT,
        "ResultURL": RESULT,
        "Occasion": "Paid twice",
    }


def test_a_b2c_payment_as_daraja_wants_it(ordering: Credentials) -> None:
    assert b2c(ordering, occasion="Paid twice") == {
        "OriginatorConversationID": "refund-0123_ab",
        "InitiatorName": "testapi",
        "SecurityCredential": "c2VhbGVk",
        "CommandID": "BusinessPayment",
        "Amount": "1000",
        "PartyA": "600100",
        "PartyB": "254708374149",
        "Remarks": "Refund",
        "QueueTimeOutURL": TIMEOUT,
        "ResultURL": RESULT,
        "Occassion": "Paid twice",
    }
    assert b2c(ordering, command=B2cCommand.SALARY)["CommandID"] == "SalaryPayment"
    assert "Occassion" not in b2c(ordering)


def test_the_limits_themselves_are_allowed(ordering: Credentials) -> None:
    assert [reversal(ordering, amount=Money.from_shillings(n))["Amount"] for n in (1, 250_000)] == ["1", "250000"]
    assert [b2c(ordering, amount=Money.from_shillings(n))["Amount"] for n in (10, 250_000)] == ["10", "250000"]
    for remarks in ("ab", "a" * 100):
        assert status(ordering, remarks=remarks, occasion="a" * 100)["Remarks"] == remarks
    assert b2c(ordering, originator_conversation_id="x" * 50)["OriginatorConversationID"] == "x" * 50


Body = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("body", "changed", "error", "argument"),
    [
        (status, {"receipt_number": None}, InvalidArgument, "receipt_number"),
        (status, {"original_conversation_id": "AG_1"}, InvalidArgument, "receipt_number"),
        (status, {"receipt_number": "tst0000001"}, InvalidArgument, "receipt_number"),
        (status, {"receipt_number": "TST0000001\n"}, InvalidArgument, "receipt_number"),
        (status, {"receipt_number": None, "original_conversation_id": "a b"}, InvalidArgument,
         "original_conversation_id"),
        (status, {"remarks": "a"}, InvalidRemarks, "remarks"),
        (status, {"occasion": "a" * 101}, InvalidRemarks, "occasion"),
        (status, {"occasion": "a&b"}, InvalidRemarks, "occasion"),
        (reversal, {"receipt_number": ""}, InvalidArgument, "receipt_number"),
        (reversal, {"amount": Money(0)}, InvalidAmount, "amount"),
        (reversal, {"amount": Money(-100)}, InvalidAmount, "amount"),
        (reversal, {"amount": Money(150)}, InvalidAmount, "amount"),
        (reversal, {"amount": Money(25_000_100)}, InvalidAmount, "amount"),
        (reversal, {"remarks": ""}, InvalidRemarks, "remarks"),
        (reversal, {"remarks": "a" * 101}, InvalidRemarks, "remarks"),
        (reversal, {"remarks": "ab\n"}, InvalidRemarks, "remarks"),
        (reversal, {"result_url": "https://pay.rufaa.example.com/query"}, InvalidCallbackUrl, "result_url"),
        (reversal, {"timeout_url": ""}, InvalidCallbackUrl, "timeout_url"),
        (b2c, {"amount": Money(900)}, InvalidAmount, "amount"),
        (b2c, {"amount": Money(1050)}, InvalidAmount, "amount"),
        (b2c, {"amount": Money(25_000_100)}, InvalidAmount, "amount"),
        (b2c, {"phone": Phone("0708374149")}, InvalidPhone, "phone"),
        (b2c, {"phone": Phone("254808374149")}, InvalidPhone, "phone"),
        (b2c, {"originator_conversation_id": ""}, InvalidArgument, "originator_conversation_id"),
        (b2c, {"originator_conversation_id": "x" * 51}, InvalidArgument, "originator_conversation_id"),
        (b2c, {"originator_conversation_id": "a b"}, InvalidArgument, "originator_conversation_id"),
        (b2c, {"result_url": "https://user@pay.rufaa.example.com/r"}, InvalidCallbackUrl, "result_url"),
    ],
)  # fmt: skip
def test_what_daraja_would_refuse_is_refused_here(
    ordering: Credentials, body: Body, changed: dict[str, Any], error: type[InvalidArgument], argument: str
) -> None:
    with pytest.raises(error) as caught:
        body(ordering, **changed)
    assert caught.value.data["argument"] == argument


@pytest.mark.parametrize("body", [status, reversal, b2c])
def test_without_an_initiator_nothing_can_be_ordered(paybill: Credentials, body: Body) -> None:
    with pytest.raises(NoInitiator, match="no initiator") as caught:
        body(paybill)
    assert (caught.value.code, caught.value.data) == ("no-mpesa-initiator", {"argument": "credentials"})


def test_the_addresses_are_those_that_the_environment_allows(ordering: Credentials) -> None:
    production = replace(ordering, environment=Environment.PRODUCTION, base_url="https://api.safaricom.co.ke")
    plain = "http://pay.rufaa.example.com/r/1"
    assert status(ordering, result_url=plain)["ResultURL"] == plain
    with pytest.raises(InvalidCallbackUrl, match="result_url cannot be used: production needs https"):
        status(production, result_url=plain)


# ---------------------------------------------------------------- what an answer means

ACK = {
    "OriginatorConversationID": "ours-1",
    "ConversationID": "AG_20260402_1",
    "ResponseCode": "0",
    "ResponseDescription": "Accept the service request successfully.",
}


def exchange(status_code: int, body: object) -> Exchange:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(status_code, raw, datetime(2026, 4, 2, tzinfo=UTC), 0.1)


def named(outcome: B2cOutcome) -> str:
    match outcome:
        case Acknowledged(conversation_id=conversation, originator_conversation_id=originator):
            return f"acknowledged {conversation} {originator}"
        case AlreadyTaken(code=code):
            return f"already taken {code}"
        case Declined(code=code, because=because):
            return f"declined {code} {because}"
        case NotSent(code=code, retry_after_s=wait_s):
            return f"not sent {code} {wait_s:.0f}"
        case Unknown(code=code):
            return f"unknown {code}"


def error(code: object, message: str = "") -> dict[str, object]:
    return {"requestId": "r", "errorCode": code, "errorMessage": message}


DUPLICATE = "Duplicate OriginatorConversationID."


@pytest.mark.parametrize(
    ("status_code", "body", "order", "payment"),
    [
        (200, ACK, "acknowledged AG_20260402_1 ours-1", None),
        (200, {**ACK, "ResponseCode": 0}, "acknowledged AG_20260402_1 ours-1", None),
        (200, {"ConversationID": "AG_1", "ResponseCode": "0"}, "acknowledged AG_1 None", None),
        (200, {"OriginatorCoversationID": "x-1", "ResponseCode": "0"}, "acknowledged None x-1", None),
        (200, {"ResponseCode": "0"}, "unknown no-conversation-id", None),
        (200, {**ACK, "ConversationID": "", "OriginatorConversationID": " "}, "unknown no-conversation-id", None),
        (200, {**ACK, "ResponseCode": None}, "unknown no-response-code", None),
        (200, {**ACK, "ResponseCode": True}, "unknown no-response-code", None),
        (200, {**ACK, "ResponseCode": "1"}, "unknown response-1", None),
        (500, ACK, "unknown http-500", None),
        (429, ACK, "unknown http-429", None),
        (302, ACK, "unknown http-302", None),
        (200, b"", "unknown http-200", None),
        (200, b"<html>", "unknown http-200", None),
        (403, b"<html>", "unknown http-403", None),
        (503, b"", "unknown http-503", None),
        (200, {}, "unknown no-response-code", None),
        (200, [], "unknown http-200", None),
        # certainly not processed
        (400, error("400.002.02", "Bad Request - Invalid Amount"), "declined 400.002.02 bad-request", None),
        (400, error("400.002.05"), "declined 400.002.05 bad-request", None),
        (404, error("404.002.01"), "declined 404.002.01 bad-request", None),
        (404, error("404.003.01"), "declined 404.003.01 bad-request", None),
        (405, error("405.001"), "declined 405.001 bad-request", None),
        (404, error("404.001.03", "Invalid Access Token"), "declined 404.001.03 token", None),
        (401, error("401.003.01", "no apiproduct match found"), "declined 401.003.01 account", None),
        (429, b"", "not sent http-429 12", None),
        (500, error("500.003.02", "Spike Arrest Violation"), "not sent 500.003.02 12", None),
        (500, error("500.003.03", "Quota"), "not sent 500.003.03 60", None),
        # perhaps processed
        (500, error("400.002.02"), "unknown 400.002.02", None),
        (500, error("500.003.02", "System is busy"), "unknown 500.003.02", None),
        (500, error("500.003.1001", "Internal Server Error"), "unknown 500.003.1001", None),
        (500, error("500.001.1001", "Wrong credentials"), "unknown 500.001.1001", None),
        (500, error("500.001.1001", "Unable to lock subscriber"), "unknown 500.001.1001", None),
        (500, error("500.002.1001", "Service is currently under maintenance"), "unknown 500.002.1001", None),
        (200, {**ACK, **error("400.002.02")}, "unknown http-200", None),
        (400, {"ConversationID": "AG_1", **error("400.002.02")}, "unknown http-400", None),
        (400, {"OriginatorConversationID": "x", **error("404.001.03")}, "unknown http-400", None),
        # ours was taken before: said of B2C only, since nothing else carries an id of ours
        (500, error("500.002.1001", DUPLICATE), "unknown 500.002.1001", "already taken 500.002.1001"),
        (200, error("500.002.1001", DUPLICATE.upper()), "unknown 500.002.1001", "already taken 500.002.1001"),
        (500, {"OriginatorConversationID": "ours-1", **error("500.002.1001", DUPLICATE)}, "unknown http-500",
         "already taken 500.002.1001"),
        (200, {"ResponseCode": "1", "ResponseDescription": DUPLICATE}, "unknown response-1",
         "already taken response-1"),
        (200, {"ResponseCode": "0", "ResponseDescription": DUPLICATE}, "unknown no-conversation-id", None),
        (200, {**ACK, "ResponseDescription": DUPLICATE}, "acknowledged AG_20260402_1 ours-1", None),
        (200, {**ACK, "ResponseCode": "1", "ResponseDescription": DUPLICATE}, "unknown response-1", None),
        (500, {**ACK, **error("500.002.1001", DUPLICATE)}, "unknown http-500", None),
        (500, {"ResponseCode": "0", **error("500.002.1001", DUPLICATE)}, "unknown http-500", None),
        (302, error("500.002.1001", DUPLICATE), "unknown http-302", None),
        (200, {**error("500.003.1001"), "ResponseCode": "1", "ResponseDescription": DUPLICATE}, "unknown http-200",
         None),
        (500, error("500.002.1001", "something else"), "unknown 500.002.1001", None),
        (500, error("500.003.1001", DUPLICATE), "unknown 500.003.1001", None),
    ],
)  # fmt: skip
def test_answers_to_orders(status_code: int, body: object, order: str, payment: str | None) -> None:
    came = exchange(status_code, body)
    assert named(classify_order(came, headers={})) == order
    assert named(classify_b2c(came, headers={})) == (payment or order)


def test_a_throttled_order_waits_as_long_as_it_is_told() -> None:
    outcome = classify_order(exchange(429, b""), headers={"Retry-After": "30"})
    assert named(outcome) == "not sent http-429 30"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"ConversationID": "AG_1", "OriginatorCoversationID": "x-1"}, "acknowledged AG_1 x-1"),  # C2B v1
        ({"OriginatorCoversationID": "x-1", "ResponseCode": "0"}, "acknowledged None x-1"),  # C2B v2
        ({"ConversationID": "AG_1", "ResponseCode": "1"}, "unknown response-1"),
        ({"ConversationID": "", "ResponseDescription": ""}, "unknown no-conversation-id"),
    ],
)
def test_answers_to_a_simulated_payment(body: object, expected: str) -> None:
    assert named(classify_order(exchange(200, body), headers={}, simulated=True)) == expected


def test_why_an_order_was_declined_is_among_the_known_reasons() -> None:
    outcome = classify_order(exchange(404, error("404.002.01", "Resource not found")), headers={})
    assert outcome == Declined("404.002.01", "Resource not found", Because.BAD_REQUEST, outcome.exchange)
