"""Registrations: done, there already, refused, or not known."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rufaa.daraja.outcomes import Declined, Exchange, NotSent, Unknown
from rufaa.daraja.registration import (
    AlreadyRegistered,
    Registered,
    RegistrationOutcome,
    classify_c2b_registration,
    classify_pull_registration,
)


def exchange(status: int, body: object) -> Exchange:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(status, raw, datetime(2026, 4, 2, tzinfo=UTC), 0.1)


def named(outcome: RegistrationOutcome) -> str:
    match outcome:
        case Registered():
            return "registered"
        case AlreadyRegistered(code=code, perhaps_by_another=another):
            return f"already registered {code}" + (", perhaps by another" if another else "")
        case Declined(code=code, because=because):
            return f"declined {code} {because}"
        case NotSent(code=code):
            return f"not sent {code}"
        case Unknown(code=code):
            return f"unknown {code}"


def error(code: str, message: str) -> dict[str, object]:
    return {"requestId": "r", "errorCode": code, "errorMessage": message}


ELSEWHERE = "Duplicate notification info, SP ID is 107000, correlator is 600100"
COMMON = [
    (400, error("400.002.02", "Bad Request - Invalid ShortCode"), "declined 400.002.02 bad-request"),
    (401, error("401.003.01", "no apiproduct match found"), "declined 401.003.01 account"),
    (404, error("404.003.01", "Resource not found"), "declined 404.003.01 bad-request"),
    (404, error("404.001.03", "Invalid Access Token"), "declined 404.001.03 token"),
    (500, error("500.003.02", "Spike Arrest Violation"), "not sent 500.003.02"),
    (429, b"", "not sent http-429"),
    (500, error("500.003.1001", "Internal Server Error"), "unknown 500.003.1001"),
    (503, b"<html>", "unknown http-503"),
    (302, {"ResponseCode": "0", "ResponseStatus": "1000"}, "unknown http-302"),
    (500, {"ResponseCode": "0", "ResponseStatus": "1000"}, "unknown http-500"),
    (200, b"", "unknown http-200"),
    (200, {}, "unknown http-200"),
]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"OriginatorCoversationID": "1", "ResponseCode": "0", "ResponseDescription": "success"}, "registered"),
        (200, {"ResponseCode": 0}, "registered"),
        (200, {"ResponseCode": "00000000", "ResponseDescription": "success"}, "registered"),
        (200, {"ResponseDescription": "Success"}, "registered"),
        (200, {"ResponseCode": "", "ResponseDescription": "Success"}, "unknown http-200"),
        (200, {"ResponseCode": "1", "ResponseDescription": "Success"}, "unknown http-200"),
        (200, {"ConversationID": "", "OriginatorConversationID": "", "ResponseDescription": ""}, "unknown http-200"),
        (200, {"ResponseStatus": "1000"}, "unknown http-200"),  # Pull's word
        (500, error("500.003.1001", "Urls are already registered"), "already registered 500.003.1001"),
        (500, error("500.003.1001", "URLs Are Already Registered."), "already registered 500.003.1001"),
        (500, error("500.003.1001", ELSEWHERE), "already registered 500.003.1001, perhaps by another"),
        (500, error("500.001.1001", "Urls are already registered"), "unknown 500.001.1001"),
        (500, {**error("400.002.02", "x"), "ResponseCode": "0"}, "unknown http-500"),
        *COMMON,
    ],
)
def test_answers_to_a_registration_of_c2b(status: int, body: object, expected: str) -> None:
    assert named(classify_c2b_registration(exchange(status, body), headers={})) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"ResponseStatus": "1000", "ResponseDescription": "Registered"}, "registered"),
        (200, {"Response Status": 1000, "Response Description": "Registered"}, "registered"),
        (200, {"Response Status": "1001"}, "already registered 1001"),
        (200, {"ResponseStatus": "1001", "errorMessage": "Already"}, "already registered 1001"),
        (200, {"ResponseStatus": "500"}, "unknown http-200"),
        (200, {"ResponseCode": "0"}, "unknown http-200"),  # C2B's word
        (200, {"ResponseStatus": "1000", **error("400.002.02", "x")}, "unknown http-200"),
        *COMMON,
    ],
)
def test_answers_to_a_registration_for_pull(status: int, body: object, expected: str) -> None:
    assert named(classify_pull_registration(exchange(status, body), headers={})) == expected


def test_what_daraja_said_is_kept() -> None:
    said = classify_pull_registration(exchange(200, {"Response Status": "1001", "errorMessage": "There"}), headers={})
    assert isinstance(said, AlreadyRegistered)
    assert said.message == "There"
    done = classify_c2b_registration(exchange(200, {"ResponseDescription": "Success"}), headers={})
    assert isinstance(done, Registered)
    assert done.message == "Success"
