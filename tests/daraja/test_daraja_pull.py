"""Pull: what is asked, and the rows that come back, in every dress that they come in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rufaa.clock import EAT
from rufaa.daraja import pull
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.messages import InvalidCallbackUrl
from rufaa.daraja.outcomes import Exchange, NoNews
from rufaa.daraja.pull import Pulled, PulledRow, PullOutcome, classify_pull, refuses_pull_token
from rufaa.errors import InvalidArgument
from rufaa.money import Money
from rufaa.phone import Phone, agrees

START = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)  # 3 April 00:30 in Nairobi


# ---------------------------------------------------------------- what is sent


def test_a_registration_as_daraja_wants_it(ordering: Credentials) -> None:
    url = "https://pay.rufaa.example.com/p/1"
    assert json.loads(pull.register_request(ordering, callback_url=url)) == {
        "ShortCode": "600100",
        "RequestType": "Pull",
        "NominatedNumber": "254708374149",
        "CallBackURL": url,
    }
    with pytest.raises(InvalidCallbackUrl):
        pull.register_request(ordering, callback_url=url + "/sql")
    with pytest.raises(InvalidArgument, match="nominated number"):
        pull.register_request(replace(ordering, nominated_number=None), callback_url=url)


@pytest.mark.parametrize("zone", [UTC, EAT])
def test_a_window_is_sent_in_nairobis_time(paybill: Credentials, zone: Any) -> None:
    body = pull.query_request(
        paybill, start=START.astimezone(zone), end=(START + timedelta(hours=48)).astimezone(zone), offset=100
    )
    assert json.loads(body) == {
        "ShortCode": "600100",
        "StartDate": "2026-04-03 00:30:00",
        "EndDate": "2026-04-05 00:30:00",
        "OffSetValue": "100",
    }


@pytest.mark.parametrize(
    ("changed", "argument"),
    [
        ({"end": START}, "end"),
        ({"end": START - timedelta(seconds=1)}, "end"),
        ({"end": START + timedelta(hours=48, seconds=1)}, "end"),
        ({"start": START.replace(tzinfo=None)}, "start"),
        ({"end": START.replace(tzinfo=None)}, "start"),
        ({"offset": -1}, "offset"),
    ],
)
def test_windows_that_cannot_be_asked_for(paybill: Credentials, changed: dict[str, Any], argument: str) -> None:
    given: dict[str, Any] = {"start": START, "end": START + timedelta(hours=1), **changed}
    with pytest.raises(InvalidArgument) as caught:
        pull.query_request(paybill, **given)
    assert caught.value.data["argument"] == argument


# ---------------------------------------------------------------- what comes back

ROW: dict[str, object] = {
    "transactionId": "TST0000001",
    "trxDate": "2026-04-02T21:30:00Z",
    "msisdn": 708374149,
    "sender": "JANE",
    "transactiontype": "c2b-pay-bill-debit",
    "billreference": "37207636392",
    "amount": "168.00",
    "organizationname": "Tumaini",
}
READ = PulledRow(
    receipt_number="TST0000001",
    amount=Money(16_800),
    paid_at=START,
    account_reference="37207636392",
    transaction_type="c2b-pay-bill-debit",
    organisation="Tumaini",
    phone_shown="708374149",
    sender="JANE",
    told=json.dumps(ROW | {"msisdn": "708374149"}).encode(),
)


def exchange(status: int, body: object) -> Exchange:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(status, raw, datetime(2026, 4, 2, tzinfo=UTC), 0.1)


def pulled(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> PullOutcome:
    return classify_pull(exchange(status, body), headers=headers or {})


def answer(response: object, **changed: object) -> dict[str, object]:
    return {"ResponseRefID": "1", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": response, **changed}


def test_a_row_is_read_whole() -> None:
    outcome = pulled(answer([[ROW]]))
    assert isinstance(outcome, Pulled)
    assert (outcome.rows, outcome.unreadable, outcome.message) == ((READ,), 0, "Success")
    for hidden in ("JANE", "708374149"):
        assert hidden not in repr(outcome.rows)
    assert READ.phone_shown is not None
    assert agrees(READ.phone_shown, Phone("254708374149"))


def spaced(row: dict[str, object]) -> dict[str, object]:
    return {"Transaction Id": row["transactionId"], "Trx Date": row["trxDate"]} | {
        key: value for key, value in row.items() if key not in {"transactionId", "trxDate"}
    }


@pytest.mark.parametrize(
    ("body", "receipts", "unreadable"),
    [
        (answer([[ROW]]), ["TST0000001"], 0),
        (answer([ROW]), ["TST0000001"], 0),
        (answer([[ROW], [{**ROW, "transactionId": "TST0000002"}]]), ["TST0000001", "TST0000002"], 0),
        (answer([[spaced(ROW)]]), ["TST0000001"], 0),
        (answer([[{key.upper(): value for key, value in ROW.items()}]]), ["TST0000001"], 0),
        ({"Response Code": 1000, "Response Message": "x", "Response": [[ROW]]}, ["TST0000001"], 0),
        (answer([[ROW]], ResponseCode="0"), ["TST0000001"], 0),
        (answer([[ROW]], ResponseCode="1001"), ["TST0000001"], 0),  # a row is a row
        (answer([[]]), [], 0),
        (answer([]), [], 0),
        (answer("[[]]"), [], 0),
        (answer("[[]]", ResponseCode="1001"), [], 0),
        ({"ResponseCode": "1001", "ResponseMessage": "No records found", "Transaction": "[[]]"}, [], 0),
        ({"ResponseCode": "1001"}, [], 0),
        (answer(None, ResponseCode="1001"), [], 0),
        (answer([[ROW, {**ROW, "transactionId": "yzlyrEsRG1"}]]), ["TST0000001"], 1),
        (answer([[ROW, {}, None, 1, "x"]]), ["TST0000001"], 4),
        (answer([[{**ROW, "TransactionID": "TST0000002"}]]), [], 1),  # two names for one row
    ],
)
def test_lists_in_every_dress(body: object, receipts: list[str], unreadable: int) -> None:
    outcome = pulled(body)
    assert isinstance(outcome, Pulled), outcome
    assert ([row.receipt_number for row in outcome.rows], outcome.unreadable) == (receipts, unreadable)


@pytest.mark.parametrize(
    ("status", "body", "code", "wait_s"),
    [
        (200, answer(None), "no-list", None),
        (200, answer({}), "no-list", None),
        (200, answer("[[1]]"), "no-list", None),
        (200, {"ResponseCode": "1000"}, "no-list", None),
        (200, answer([[ROW]], ResponseCode="500"), "response-500", None),
        (200, answer([[ROW]], ResponseCode=None), "no-response-code", None),
        (500, answer([[ROW]]), "http-500", None),
        (302, answer([[ROW]]), "http-302", None),
        (200, b"", "http-200", None),
        (200, b"<html>", "http-200", None),
        (400, {"errorCode": "400.001", "errorMessage": "Invalid ShortCode"}, "400.001", None),
        (200, {**answer([[ROW]]), "errorCode": "500.003.1001"}, "500.003.1001", None),
        (500, {"errorCode": "500.003.02", "errorMessage": "Spike Arrest Violation"}, "500.003.02", 12.0),
        (429, b"", "http-429", 12.0),
    ],
)  # fmt: skip
def test_what_is_no_list_is_no_news_and_never_an_empty_window(
    status: int, body: object, code: str, wait_s: float | None
) -> None:
    outcome = pulled(body, status=status)
    assert isinstance(outcome, NoNews), outcome
    assert (outcome.code, outcome.retry_after_s) == (code, wait_s)


def test_a_long_list_is_read() -> None:
    rows = [{**ROW, "transactionId": f"TST{number:07}"} for number in range(5000)]  # over a megabyte
    outcome = pulled(answer([rows]))
    assert isinstance(outcome, Pulled)
    assert len(outcome.rows) == 5000


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        ("trxDate", "2026-04-02T21:30:00.000Z", "paid_at", START),
        ("trxDate", "2026-04-03T00:30:00", "paid_at", START),  # without a Z it is Nairobi's
        ("trxDate", "2026-04-03 00:30:00", "paid_at", START),
        ("trxDate", "20260403003000", "paid_at", START),
        ("trxDate", "2026-04-02T21:30:00+03:00", "paid_at", None),
        ("trxDate", "2026-02-31T21:30:00Z", "paid_at", None),
        ("trxDate", "0001-01-01T00:00:00Z", "paid_at", None),
        ("trxDate", None, "paid_at", None),
        ("amount", 168, "amount", Money(16_800)),
        ("amount", 233.8, "amount", Money(23_380)),
        ("amount", "168.001", "amount", None),
        ("amount", "0.00", "amount", None),
        ("msisdn", "2547 ***** 149", "phone_shown", "2547 ***** 149"),
        ("msisdn", "254708374149", "phone_shown", "254708374149"),
        ("msisdn", "", "phone_shown", None),
        ("msisdn", None, "phone_shown", None),
        ("billreference", 5, "account_reference", "5"),
        ("billreference", None, "account_reference", ""),
    ],
)
def test_one_field_after_the_other(field: str, value: object, attribute: str, expected: object) -> None:
    outcome = pulled(answer([[{**ROW, field: value}]]))
    assert isinstance(outcome, Pulled)
    assert getattr(outcome.rows[0], attribute) == expected


@pytest.mark.parametrize(
    ("body", "refuses"),
    [
        ({"errorCode": "401.001", "errorMessage": "Invalid Access Token"}, True),
        ({"errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}, True),
        ({"errorCode": "401.003.01", "errorMessage": "no apiproduct match found"}, False),
        ({"errorCode": "400.001", "errorMessage": "Invalid ShortCode"}, False),
        (answer([[ROW]]), False),
    ],
)
def test_pull_has_a_word_of_its_own_for_a_stale_token(body: object, refuses: bool) -> None:
    assert refuses_pull_token(exchange(401, body)) is refuses
