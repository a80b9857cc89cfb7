"""Damaged notices, results and lists: never an exception, never an amount or a receipt that was not said."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rufaa.daraja.c2b import C2bNotice, parse_c2b
from rufaa.daraja.outcomes import Exchange, NoNews
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, classify_b2c, classify_order
from rufaa.daraja.pull import Pulled, classify_pull
from rufaa.daraja.reading import Malformed
from rufaa.daraja.registration import classify_c2b_registration, classify_pull_registration
from rufaa.daraja.results import (
    AsyncResult,
    B2cVerdict,
    b2c_result,
    parse_queue_timeout,
    parse_result,
    reversal_result,
    status_result,
)
from rufaa.money import Money
from rufaa.phone import Phone, agrees

NOTICE: dict[str, Any] = {
    "TransactionType": "Pay Bill",
    "TransID": "TST0000001",
    "TransTime": "20260402120000",
    "TransAmount": "100.00",
    "BusinessShortCode": "600100",
    "BillRefNumber": "ACEFGHJK",
    "OrgAccountBalance": "100.00",
    "MSISDN": "2547 ***** 149",
    "FirstName": "JANE",
}
RESULT: dict[str, Any] = {
    "Result": {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "done",
        "OriginatorConversationID": "ours-1",
        "ConversationID": "AG_1",
        "TransactionID": "TST0000001",
        "ResultParameters": {
            "ResultParameter": [
                {"Key": "TransactionReceipt", "Value": "TST0000001"},
                {"Key": "TransactionAmount", "Value": 100},
                {"Key": "Amount", "Value": 100},
                {"Key": "TransactionStatus", "Value": "Completed"},
                {"Key": "FinalisedTime", "Value": 20260402120000},
                {"Key": "TransactionCompletedDateTime", "Value": "02.04.2026 12:00:00"},
            ]
        },
    }
}
ROWS: dict[str, Any] = {
    "ResponseCode": "1000",
    "Response": [[{"transactionId": "TST0000001", "trxDate": "2026-04-02T12:00:00Z", "msisdn": 7, "amount": "100.00"}]],
}
ACK: dict[str, Any] = {"OriginatorConversationID": "ours-1", "ConversationID": "AG_1", "ResponseCode": "0"}
ERROR: dict[str, Any] = {"errorCode": "500.002.1001", "errorMessage": "Duplicate OriginatorConversationID."}
HUNDRED = Money(10_000)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=[])),  # lone surrogates included
    st.sampled_from(["NaN", "1e308", "100 ", "-1", "\x00", "TST0000002\x00", 10**400, 100.5, 0, -100, "0", "[[]]"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def paths(node: object, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found += paths(child, (*prefix, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, good: dict[str, Any]) -> tuple[bytes, tuple[Any, ...]]:
    document = copy.deepcopy(good)
    path = draw(st.sampled_from(paths(good)))
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["replace", "delete", "double"]))
    if how == "delete":
        del parent[path[-1]]
    elif how == "double" and isinstance(parent, list):
        parent.insert(draw(st.integers(0, len(parent))), draw(values))
    else:
        parent[path[-1]] = draw(values)
    return json.dumps(document).encode(), path


def came(body: bytes, status: int = 200) -> Exchange:
    return Exchange(status, body, datetime(2026, 4, 2, tzinfo=UTC), 0.1)


def storable(*texts: str | None) -> None:
    for text in texts:
        if text is not None:
            text.encode()
            assert "\x00" not in text
            assert len(text) <= 300


def read_notice(raw: bytes) -> None:
    notice = parse_c2b(raw)
    if isinstance(notice, Malformed):
        assert notice.reason
        return
    storable(notice.receipt_number, notice.account_reference, notice.phone_shown, notice.first_name, notice.short_code)
    assert notice.amount is None or notice.amount.cents > 0
    if notice.phone_shown is not None:
        agrees(notice.phone_shown, Phone("254708374149"))


def read_result(raw: bytes) -> None:
    parse_queue_timeout(raw)
    answer = parse_result(raw)
    if isinstance(answer, Malformed):
        assert answer.reason
        return
    status, reversal, paid = status_result(answer), reversal_result(answer), b2c_result(answer)
    storable(answer.result_code, answer.result_desc, answer.conversation_id, answer.originator_conversation_id)
    storable(status.status, status.receipt_number, status.debit_party, reversal.credit_party, paid.receiver)
    for amount in (status.amount, reversal.amount, paid.amount):
        assert amount is None or amount.cents > 0


def read_answer(raw: bytes) -> None:
    for status in (200, 400, 429, 500):
        exchange = came(raw, status)
        classify_order(exchange, headers={})
        classify_order(exchange, headers={}, simulated=True)
        classify_b2c(exchange, headers={})
        classify_c2b_registration(exchange, headers={})
        classify_pull_registration(exchange, headers={})
        outcome = classify_pull(exchange, headers={})
        if isinstance(outcome, Pulled):
            for row in outcome.rows:
                storable(row.receipt_number, row.account_reference, row.sender, row.phone_shown)


READERS: list[tuple[dict[str, Any], Callable[[bytes], None]]] = [
    (NOTICE, read_notice),
    (RESULT, read_result),
    (ROWS, read_answer),
    (ACK, read_answer),
    (ERROR, read_answer),
]


@settings(max_examples=400, deadline=None)
@given(mutated(NOTICE))
def test_one_mutation_of_a_notice_makes_no_other_money(mutation: tuple[bytes, tuple[Any, ...]]) -> None:
    raw, path = mutation
    read_notice(raw)
    notice = parse_c2b(raw)
    if isinstance(notice, C2bNotice):
        if path != ("TransAmount",):
            assert notice.amount == HUNDRED
        elif notice.amount is not None:
            assert notice.amount.cents == round(float(json.loads(raw)["TransAmount"]) * 100)
        assert path == ("TransID",) or notice.receipt_number == "TST0000001"


@settings(max_examples=400, deadline=None)
@given(mutated(RESULT))
def test_one_mutation_of_a_result_makes_no_other_verdict(mutation: tuple[bytes, tuple[Any, ...]]) -> None:
    raw, path = mutation
    read_result(raw)
    answer = parse_result(raw)
    if isinstance(answer, AsyncResult):
        paid = b2c_result(answer)
        if path != ("Result", "ResultCode"):
            assert paid.verdict is B2cVerdict.PAID
        if path[:2] != ("Result", "ResultParameters"):
            assert paid.amount == HUNDRED
        if paid.receipt_number is not None:
            assert json.dumps(paid.receipt_number).encode() in raw


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([ROWS, ACK, ERROR]).flatmap(mutated))
def test_one_mutation_of_an_answer_never_raises(mutation: tuple[bytes, tuple[Any, ...]]) -> None:
    read_answer(mutation[0])


@settings(max_examples=300, deadline=None)
@given(mutated(ACK))
def test_only_a_clean_acknowledgement_is_one(mutation: tuple[bytes, tuple[Any, ...]]) -> None:
    raw, path = mutation
    outcome = classify_b2c(came(raw), headers={})
    assert not isinstance(outcome, AlreadyTaken)
    if path == ("ResponseCode",):
        said = json.loads(raw).get("ResponseCode")
        assert isinstance(outcome, Acknowledged) is (said == "0" or (said == 0 and type(said) is int))


@settings(max_examples=300, deadline=None)
@given(mutated(ROWS))
def test_a_damaged_list_loses_no_row_in_silence(mutation: tuple[bytes, tuple[Any, ...]]) -> None:
    raw, path = mutation
    outcome = classify_pull(came(raw), headers={})
    if len(path) > 3 and path[-1] != "transactionId":
        assert isinstance(outcome, Pulled)
        assert [row.receipt_number for row in outcome.rows] == ["TST0000001"]
    elif path[-1] == "transactionId":
        assert isinstance(outcome, Pulled)
        assert len(outcome.rows) + outcome.unreadable == 1
    elif path == ("ResponseCode",):
        said = json.loads(raw).get("ResponseCode")
        assert isinstance(outcome, NoNews) or said in {"0", "1000", "1001", 0, 1000, 1001}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    good, read = data.draw(st.sampled_from(READERS))
    raw = bytearray(json.dumps(good).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if how == "flip":
            raw[place] = data.draw(st.integers(0, 255))
        elif how == "insert":
            raw[place:place] = data.draw(st.binary(max_size=8))
        elif place:
            del raw[place:]
    read(bytes(raw))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,\\0 ResultCodepns', max_size=200).map(str.encode))
def test_noise_never_raises(raw: bytes) -> None:
    for _, read in READERS:
        read(raw)
