"""The corpus of C2B, Pull, status, reversal, B2C and B2B payloads: each file has a named outcome; one without fails.

Error answers are read as answers to everything that a push's test (``test_daraja_corpus``) does not read them as.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rufaa.daraja.c2b import C2bNotice, parse_c2b
from rufaa.daraja.outcomes import Declined, Exchange, NoNews, NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, classify_b2c
from rufaa.daraja.pull import Pulled, classify_pull
from rufaa.daraja.reading import Malformed
from rufaa.daraja.registration import (
    AlreadyRegistered,
    Registered,
    classify_c2b_registration,
    classify_pull_registration,
)
from rufaa.daraja.results import AsyncResult, b2c_result, parse_result, reversal_result, status_result

WHOLE = "amount, paid at, short code, phone"

NOTICES = {
    "c2b_confirmation/01.json": WHOLE,
    "c2b_confirmation/03.json": WHOLE,
    "c2b_confirmation/05.json": "amount, short code, phone",  # made up by somebody's test: a date that is not M-Pesa's
    "c2b_confirmation/06.json": WHOLE,
    "c2b_confirmation/08.json": WHOLE,
    "c2b_confirmation/10.json": "amount, paid at, short code",  # two digits of the phone are left
    "c2b_confirmation/11.json": WHOLE,
    "c2b_confirmation/13.json": "amount, paid at, short code",  # from an organisation
    "c2b_confirmation/15.json": WHOLE,
    "c2b_confirmation/16.json": WHOLE,
    "c2b_confirmation/18.json": WHOLE,
    "c2b_validation/01.json": WHOLE,
    "c2b_validation/03.json": WHOLE,
}

# file: (as a status question's, as a reversal's, as a B2C payment's)
RESULTS = {
    "transaction_status_result/01.json": ("completed: receipt, amount, finalised at", "reversed", "paid"),
    "transaction_status_result/03.json": ("completed: receipt, amount, finalised at", "reversed", "paid"),
    "transaction_status_result/05.json": ("completed: receipt, amount, finalised at", "reversed", "paid"),
    "reversal_result/01.json": ("unknown: amount", "reversed: original, amount, completed at", "paid"),
    "reversal_result/03.json": ("unknown: amount", "reversed: original, amount, completed at", "paid"),
    "reversal_result/05.json": ("unknown: nothing", "not-reversed-final", "unknown"),
    "reversal_result/06.json": ("unknown: nothing", "already-reversed", "unknown"),
    "b2c_result/01.json": ("unknown: nothing", "reversed", "paid: receipt, amount, completed at"),
    "b2c_result/03.json": ("unknown: nothing", "reversed", "paid: receipt, amount, completed at"),
    "b2c_result/05.json": ("unknown: nothing", "reversed", "paid: receipt, amount, completed at"),
    "b2c_result/06.json": ("unknown: nothing", "reversed", "paid: receipt, amount, completed at"),
    "b2c_result/08.json": ("unknown: nothing", "config", "config"),
    "b2b_result/01.json": ("unknown: amount", "reversed: amount, completed at", "paid"),
    "b2b_result/03.json": ("unknown: amount", "reversed: amount, completed at", "paid"),
}

# file: (HTTP status it comes with, what it is to B2C, to C2B's registration, to Pull's, to a pull)
ANSWERS = {
    "async_ack/01.json": (200, "acknowledged", "registered", "unknown", "no news: no-list"),
    "async_ack/03.json": (200, "acknowledged", "registered", "unknown", "no news: no-list"),
    "async_ack/05.json": (200, "acknowledged", "registered", "unknown", "no news: no-list"),
    "async_ack/06.json": (200, "acknowledged", "registered", "unknown", "no news: no-list"),
    "c2b_register_or_simulate_response/01.json": (
        200, "unknown: no-response-code", "unknown", "unknown", "no news: no-response-code",
    ),
    "c2b_register_or_simulate_response/03.json": (200, "acknowledged", "registered", "unknown", "no news: no-list"),
    "pull_transactions/01.json": (
        200, "unknown: no-response-code", "unknown", "already registered 1001", "no news: no-response-code",
    ),
    "pull_transactions/03.json": (200, "unknown: no-conversation-id", "registered", "unknown", "0 rows"),
    "pull_transactions/05.json": (200, "unknown: response-1001", "unknown", "unknown", "0 rows"),
    "error_response/01.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/03.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/05.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/06.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/08.json": (500, "unknown: 500.001.1001", "unknown", "unknown", "no news: 500.001.1001"),
    "error_response/10.json": (500, "unknown: 500.001.1001", "unknown", "unknown", "no news: 500.001.1001"),
    "error_response/11.json": (500, "already taken: 500.002.1001", "unknown", "unknown", "no news: 500.002.1001"),
    "error_response/13.json": (500, "unknown: 500.001.1001", "unknown", "unknown", "no news: 500.001.1001"),
    "error_response/15.json": (500, *["not sent: 500.003.02"] * 3, "no news: 500.003.02, wait 12"),
    "error_response/16.json": (500, "unknown: 500.003.02", "unknown", "unknown", "no news: 500.003.02"),
    "error_response/18.json": (500, "unknown: 500.003.1001", "unknown", "unknown", "no news: 500.003.1001"),
    "error_response/20.json": (
        500, "unknown: 500.003.1001", "already registered 500.003.1001, perhaps by another", "unknown",
        "no news: 500.003.1001",
    ),
    "error_response/21.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/23.json": (400, *["declined: 400.002.02"] * 3, "no news: 400.002.02"),
    "error_response/25.json": (400, *["declined: 400.003.01"] * 3, "no news: 400.003.01"),
    "error_response/26.json": (401, *["declined: 401.002.01"] * 3, "no news: 401.002.01"),
    "error_response/28.json": (404, *["declined: 404.001.01"] * 3, "no news: 404.001.01"),
    "error_response/30.json": (401, *["declined: 401.003.01"] * 3, "no news: 401.003.01"),
    "gateway_fault/01.json": (
        429, *["not sent: policies.ratelimit.SpikeArrestViolation"] * 3,
        "no news: policies.ratelimit.SpikeArrestViolation, wait 12",
    ),
    "gateway_fault/03.json": (500, "unknown: http-500", "unknown", "unknown", "no news: http-500"),
}  # fmt: skip

LISTED = {*NOTICES, *RESULTS, *ANSWERS}
KINDS = {name.partition("/")[0] for name in LISTED}


def given(**facts: object) -> str:
    return ", ".join(name.replace("_", " ") for name, value in facts.items() if value is not None)


def outcome_of(outcome: object) -> str:
    match outcome:
        case Acknowledged():
            return "acknowledged"
        case AlreadyTaken(code=code):
            return f"already taken: {code}"
        case Declined(code=code):
            return f"declined: {code}"
        case NotSent(code=code):
            return f"not sent: {code}"
        case Unknown(code=code):
            return f"unknown: {code}"
        case Registered():
            return "registered"
        case AlreadyRegistered(code=code, perhaps_by_another=another):
            return f"already registered {code}" + (", perhaps by another" if another else "")
        case Pulled(rows=rows):
            return f"{len(rows)} rows"
        case NoNews(code=code, retry_after_s=wait_s):
            return f"no news: {code}" + ("" if wait_s is None else f", wait {wait_s:.0f}")
    raise AssertionError(outcome)


def test_every_file_of_these_kinds_is_listed_and_there(corpus: Path) -> None:
    assert {f"{kind}/{file.name}" for kind in KINDS for file in (corpus / kind).iterdir()} == LISTED


@pytest.mark.parametrize(("name", "expected"), NOTICES.items())
def test_notices(corpus: Path, name: str, expected: str) -> None:
    raw = (corpus / name).read_bytes()
    notice = parse_c2b(raw)
    assert isinstance(notice, C2bNotice)
    facts = given(amount=notice.amount, paid_at=notice.paid_at, short_code=notice.short_code, phone=notice.phone_shown)
    assert facts == expected
    said: dict[str, Any] = json.loads(raw, parse_float=Decimal)  # the standard reading, which knows nothing of ours
    assert notice.receipt_number == said["TransID"]
    assert notice.account_reference == said["BillRefNumber"]
    assert notice.amount is not None
    assert notice.amount.decimal == Decimal(said["TransAmount"])
    if notice.paid_at is not None:
        assert notice.paid_at == datetime.strptime(f"{said['TransTime']}+0300", "%Y%m%d%H%M%S%z")
    if notice.phone_shown is not None:
        assert notice.phone_shown == str(said["MSISDN"])
    assert notice.short_code == str(said["BusinessShortCode"])
    assert notice.first_name == said["FirstName"]
    assert notice.last_name == said.get("LastName", "")


@pytest.mark.parametrize(("name", "expected"), RESULTS.items())
def test_results(corpus: Path, name: str, expected: tuple[str, str, str]) -> None:
    answer = parse_result((corpus / name).read_bytes())
    assert isinstance(answer, AsyncResult)
    status, reversal, paid = status_result(answer), reversal_result(answer), b2c_result(answer)
    of_status = given(receipt=status.receipt_number, amount=status.amount, finalised_at=status.finalised_at)
    of_reversal = given(original=reversal.original_receipt, amount=reversal.amount, completed_at=reversal.completed_at)
    of_payment = given(receipt=paid.receipt_number, amount=paid.amount, completed_at=paid.completed_at)
    read = (
        f"{status.verdict}: {of_status or 'nothing'}",
        f"{reversal.verdict}: {of_reversal}" if expected[1].startswith("reversed:") else str(reversal.verdict),
        f"{paid.verdict}: {of_payment}" if expected[2].startswith("paid:") else str(paid.verdict),
    )
    assert read == expected


@pytest.mark.parametrize("name", RESULTS)
def test_what_is_read_of_a_result_is_what_stands_there(corpus: Path, name: str) -> None:
    raw = (corpus / name).read_bytes()
    answer = parse_result(raw)
    assert isinstance(answer, AsyncResult)
    said: dict[str, Any] = json.loads(raw, parse_float=Decimal)["Result"]
    assert answer.result_code == str(said["ResultCode"])
    assert (answer.conversation_id, answer.originator_conversation_id, answer.transaction_id) == (
        said["ConversationID"],
        said["OriginatorConversationID"],
        said["TransactionID"],
    )
    for item in said.get("ResultParameters", {}).get("ResultParameter", []):
        if item["Key"] in {"Amount", "TransactionAmount"}:
            amount = answer.amount(item["Key"])
            assert amount is not None
            assert amount.decimal == Decimal(item["Value"])


def test_the_parties_of_a_status_that_is_said_twice_are_not_guessed(corpus: Path) -> None:
    answer = parse_result((corpus / "transaction_status_result/05.json").read_bytes())
    assert isinstance(answer, AsyncResult)
    assert (status_result(answer).debit_party, status_result(answer).credit_party) == ("", "")


@pytest.mark.parametrize(("name", "expected"), ANSWERS.items())
def test_answers(corpus: Path, name: str, expected: tuple[Any, ...]) -> None:
    status, *of = expected
    came = Exchange(status, (corpus / name).read_bytes(), datetime(2026, 4, 2, tzinfo=UTC), 0.1)
    registrations = [
        outcome_of(classify(came, headers={})) for classify in (classify_c2b_registration, classify_pull_registration)
    ]
    assert of == [
        outcome_of(classify_b2c(came, headers={})),
        *("unknown" if outcome.startswith("unknown") else outcome for outcome in registrations),
        outcome_of(classify_pull(came, headers={})),
    ]


@pytest.mark.parametrize("name", sorted(LISTED))
def test_no_file_is_taken_for_what_it_is_not(corpus: Path, name: str) -> None:
    raw = (corpus / name).read_bytes()
    assert isinstance(parse_c2b(raw), Malformed) is (name not in NOTICES)
    assert isinstance(parse_result(raw), Malformed) is (name not in RESULTS)
