"""Results of orders: the envelope in every dress, and one verdict for each code and status."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rufaa.daraja.reading import DOUBTFUL, Malformed
from rufaa.daraja.results import (
    CONFIG_CODES,
    AsyncResult,
    B2cVerdict,
    QueueTimeout,
    ReversalVerdict,
    StatusVerdict,
    b2c_result,
    parse_queue_timeout,
    parse_result,
    reversal_result,
    status_result,
)
from rufaa.money import Money

AT = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)  # 3 April 00:30 in Nairobi


def envelope(code: object = 0, parameters: object = None, **changed: object) -> bytes:
    result: dict[str, object] = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "said",
        "OriginatorConversationID": "ours-1",
        "ConversationID": "AG_1",
        "TransactionID": "TST0000009",
        **changed,
    }
    if parameters is not None:
        result["ResultParameters"] = {"ResultParameter": parameters}
    return json.dumps({"Result": {name: value for name, value in result.items() if value is not ...}}).encode()


def items(**values: object) -> list[dict[str, object]]:
    return [{"Key": key} if value is ... else {"Key": key, "Value": value} for key, value in values.items()]


def parse(code: object = 0, parameters: object = None, **changed: object) -> AsyncResult:
    result = parse_result(envelope(code, parameters, **changed))
    assert isinstance(result, AsyncResult), result
    return result


# ---------------------------------------------------------------- the envelope


def test_an_envelope_is_read_whole() -> None:
    result = parse("R000001", items(Amount=10, TransactionReason=...))
    assert (result.result_code, result.result_desc) == ("R000001", "said")
    assert (result.conversation_id, result.originator_conversation_id) == ("AG_1", "ours-1")
    assert result.transaction_id == "TST0000009"
    assert (result.amount("Amount"), result.words("TransactionReason")) == (Money(1000), "")
    assert dict(parse().parameters) == {}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([{"Key": "Amount", "Value": 10}], Money(1000)),
        ({"Key": "Amount", "Value": "10.00"}, Money(1000)),  # one item, bare
        ([{"Key": "A mount", "Value": 10}], Money(1000)),
        ([{"Key": "Amount", "Value": 10}, {"Key": "Amount", "Value": 10}], Money(1000)),
        ([{"Key": "Amount", "Value": 10}, {"Key": "Amount", "Value": 11}], None),
        ([{"Key": "Amount", "Value": 10}, {"Key": "Amount"}], None),
        ([{"Key": "Amount"}], None),
        ([{"Key": "Amount", "Value": True}], None),
        ([{"Value": 10}, None, 1, "Amount", []], None),
        ([{"Key": 1, "Value": 10}], None),
        ("Amount", None),
        ([], None),
    ],
)
def test_parameters_in_every_dress(parameters: object, expected: Money | None) -> None:
    assert parse(0, parameters).amount("Amount") == expected


def test_what_is_said_in_two_ways_is_doubtful() -> None:
    result = parse(0, [{"Key": "DebitPartyName", "Value": "a"}, {"Key": "DebitPartyName", "Value": "b"}])
    assert result.parameters["DebitPartyName"] is DOUBTFUL
    assert result.words("DebitPartyName") == ""


def test_a_result_names_nobody_in_a_log() -> None:
    answer = parse(
        0,
        items(
            ReceiverPartyPublicName="254708374149 - JANE",
            CreditPartyName="254708374149 - JANE",
            CreditPartyPublicName="0708374149 - JANE",
            DebitPartyName="254708374149 - JANE",
        ),
    )
    for shown in (repr(answer), repr(status_result(answer)), repr(reversal_result(answer)), repr(b2c_result(answer))):
        assert "JANE" not in shown
        assert "708374149" not in shown


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"{}", "no Result"),
        (b'{"Result": []}', "no Result"),
        (b'{"Result": {}}', "no usable ResultCode"),
        (envelope(None), "no usable ResultCode"),
        (envelope(True), "no usable ResultCode"),
        (envelope(0.0), "no usable ResultCode"),
        (envelope("a b"), "no usable ResultCode"),
        (envelope(ConversationID=..., OriginatorConversationID=...), "no usable conversation id"),
        (envelope(ConversationID="", OriginatorConversationID=" "), "no usable conversation id"),
        (b'{"Result": {"ResultCode": 0, "ResultCode": 1, "ConversationID": "x"}}', "no usable ResultCode"),
        (b" " * 70_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_no_result(raw: bytes, reason: str) -> None:
    assert parse_result(raw) == Malformed(reason)


def test_one_id_is_enough() -> None:
    assert parse(ConversationID=...).conversation_id is None
    assert parse(OriginatorConversationID=...).originator_conversation_id is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (20260403003000, AT),
        ("20260403003000", AT),
        ("2026-04-03 00:30:00", AT),
        ("03.04.2026 00:30:00", AT),
        ("03-04-2026 00:30:00", AT),
        ("31.02.2026 00:30:00", None),
        ("03.04.1999 00:30:00", None),
        ("03.04.2026", None),
        ("soon", None),
        (None, None),
        (3, None),
        (True, None),
    ],
)
def test_dates_in_every_form(value: object, expected: datetime | None) -> None:
    assert parse(0, items(When=value)).instant("When") == expected


# ---------------------------------------------------------------- a status question


def status(text: object, code: object = 0, **more: object) -> StatusVerdict:
    return status_result(parse(code, items(TransactionStatus=text, **more))).verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Completed", "completed"),
        ("COMPLETED", "completed"),
        ("Initiated", "pending"),
        ("Authorized", "pending"),
        ("Pending Authorized", "pending"),
        ("Cancelled", "failed"),
        ("Declined", "failed"),
        ("Expired", "failed"),
        ("Reversed", "unknown"),
        ("Incomplete", "unknown"),
        ("", "unknown"),
        (..., "unknown"),
        (0, "unknown"),
    ],
)
def test_statuses(text: object, verdict: str) -> None:
    assert status(text) == verdict
    assert status(text, code=1) == "unknown"  # the question failed: nothing is said of the transaction


def test_a_status_said_in_two_ways_is_unknown() -> None:
    both = [*items(TransactionStatus="Completed"), *items(TransactionStatus="Cancelled")]
    assert status_result(parse(0, both)).verdict is StatusVerdict.UNKNOWN


@pytest.mark.parametrize("finalised", ["FinalisedTime", "FinalizedTime"])
def test_a_status_is_read_whole(finalised: str) -> None:
    values: dict[str, Any] = {
        "ReceiptNo": "TST0000001",
        "Conversation ID": "AG_0",
        "Originator Conversation ID": "1-2-3",
        finalised: 20260403003000,
        "InitiatedTime": "20260403003000",
        "Amount": "300",
        "TransactionStatus": "Completed",
        "ReasonType": "Pay Utility",
        "TransactionReason": ...,
        "CreditPartyName": "600100 - Tumaini",
        "DebitPartyName": "254708374149 - JANE",
    }
    read = status_result(parse(0, items(**values)))
    assert (read.verdict, read.status, read.receipt_number, read.amount) == (
        "completed",
        "Completed",
        "TST0000001",
        Money(30_000),
    )
    assert (read.initiated_at, read.finalised_at, read.reason_type) == (AT, AT, "Pay Utility")
    assert (read.conversation_id, read.originator_conversation_id) == ("AG_0", "1-2-3")
    assert (read.credit_party, read.debit_party) == ("600100 - Tumaini", "254708374149 - JANE")
    assert (read.answer.conversation_id, read.answer.originator_conversation_id) == ("AG_1", "ours-1")


# ---------------------------------------------------------------- a reversal, a B2C payment

REVERSALS = {"0": "reversed", "R000001": "already-reversed", "R000002": "not-reversed-final", "1": "not-reversed-retry"}
B2C = {
    "0": "paid",
    "1": "not-paid-retry",
    "2": "not-paid-final",
    "3": "not-paid-final",
    "4": "not-paid-retry",
    "8": "not-paid-retry",
    "15": "already-taken",
    "2040": "not-paid-final",
    "SFC_IC0003": "not-paid-final",
}
CONFIG = ["11", "18", "20", "21", "22", "24", "25", "29", "2001", "2006", "2028", "8006"]
UNKNOWN = ["17", "26", "100000001", "BW-JMS-100039", "-1", "1037", "2026", "r000001", "R000003", "00"]


def test_the_codes_of_config_are_these() -> None:
    assert sorted(CONFIG) == sorted(CONFIG_CODES)
    for code in CONFIG:
        assert parse(code).needs_operator
    for code in (*REVERSALS, *B2C, *UNKNOWN):
        assert not parse(code).needs_operator


@pytest.mark.parametrize("code", [*REVERSALS, *CONFIG, *UNKNOWN, "15", "2", "2040", "SFC_IC0003"])
def test_verdicts_on_a_reversal(code: str) -> None:
    expected = REVERSALS.get(code, "config" if code in CONFIG else "unknown")
    assert reversal_result(parse(code)).verdict == expected
    if code.isdigit() and code != "00":
        assert reversal_result(parse(int(code))).verdict == expected


@pytest.mark.parametrize("code", [*B2C, *CONFIG, *UNKNOWN, "R000001"])
def test_verdicts_on_a_b2c_payment(code: str) -> None:
    assert b2c_result(parse(code)).verdict == B2C.get(code, "config" if code in CONFIG else "unknown")


def test_every_verdict_is_reached() -> None:
    codes = [*REVERSALS, *B2C, *CONFIG, *UNKNOWN]
    assert {reversal_result(parse(code)).verdict for code in codes} == set(ReversalVerdict)
    assert {b2c_result(parse(code)).verdict for code in codes} == set(B2cVerdict)


def test_a_reversal_is_read_whole() -> None:
    values = {
        "DebitAccountBalance": "Utility Account|KES|863.00|863.00|0.00|0.00",
        "Amount": 10.0,
        "TransCompletedTime": 20260403003000,
        "OriginalTransactionID": "TST0000001",
        "Charge": 0.0,
        "CreditPartyPublicName": "0708374149 - JANE",
        "DebitPartyPublicName": "600100 - Tumaini",
    }
    read = reversal_result(parse(0, items(**values)))
    assert (read.receipt_number, read.original_receipt, read.amount) == ("TST0000009", "TST0000001", Money(1000))
    assert (read.completed_at, read.credit_party, read.debit_party) == (AT, "0708374149 - JANE", "600100 - Tumaini")


def test_a_b2c_payment_is_read_whole() -> None:
    values = {
        "TransactionReceipt": "TST0000009",
        "TransactionAmount": 8000,
        "B2CUtilityAccountAvailableFunds": 0.0,
        "TransactionCompletedDateTime": "03.04.2026 00:30:00",
        "ReceiverPartyPublicName": "254708374149 - JANE",
        "B2CRecipientIsRegisteredCustomer": "Y",
    }
    read = b2c_result(parse(0, items(**values)))
    assert (read.receipt_number, read.amount, read.utility_funds) == ("TST0000009", Money(800_000), Money(0))
    assert (read.completed_at, read.receiver, read.receiver_registered) == (AT, "254708374149 - JANE", True)
    assert read.answer.originator_conversation_id == "ours-1"


@pytest.mark.parametrize(
    ("said", "own", "expected"),
    [
        ("TST0000009", "TST0000009", "TST0000009"),
        (..., "TST0000009", "TST0000009"),
        ("TST0000009", ..., "TST0000009"),
        ("TST0000008", "TST0000009", None),
        ("damaged!", "TST0000009", None),
        (..., ..., None),
    ],
)
def test_a_b2c_receipt_is_one_or_none(said: object, own: object, expected: str | None) -> None:
    answer = parse(0, items(TransactionReceipt=said), TransactionID=own)
    assert b2c_result(answer).receipt_number == expected


@pytest.mark.parametrize(("said", "expected"), [("Y", True), ("N", False), ("", None), ("yes", None), (1, None)])
def test_whether_the_receiver_is_registered(said: object, expected: bool | None) -> None:
    answer = parse(0, items(B2CRecipientIsRegisteredCustomer=said))
    assert b2c_result(answer).receiver_registered is expected


# ---------------------------------------------------------------- the time-out address


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (b"", (None, None)),
        (b"not JSON", (None, None)),
        (b"[]", (None, None)),
        (b'{"ConversationID": "AG_1", "OriginatorConversationID": "ours-1"}', ("AG_1", "ours-1")),
        (b'{"Result": {"ConversationID": "AG_1"}}', ("AG_1", None)),
        (b'{"Result": {"OriginatorConversationID": "ours-1", "ResultDesc": "timed out"}}', (None, "ours-1")),
        (b'{"ConversationID": 5}', (None, None)),
    ],
)
def test_a_time_out_is_one_whatever_it_says(raw: bytes, ids: tuple[str | None, str | None]) -> None:
    assert parse_queue_timeout(raw) == QueueTimeout(*ids, result=None)


def test_a_whole_result_at_the_time_out_address_is_a_result() -> None:
    timeout = parse_queue_timeout(envelope(0))
    assert timeout == QueueTimeout("AG_1", "ours-1", parse(0))
