"""Damaged callbacks: never an exception, never money that was not said undamaged."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.money import Money

RECEIPT = "TST0000001"
AMOUNT = Money(10_000)
GOOD: dict[str, Any] = {
    "Body": {
        "stkCallback": {
            "MerchantRequestID": "m-1",
            "CheckoutRequestID": "ws_CO_1",
            "ResultCode": 0,
            "ResultDesc": "done",
            "CallbackMetadata": {
                "Item": [
                    {"Name": "Amount", "Value": 100},
                    {"Name": "MpesaReceiptNumber", "Value": RECEIPT},
                    {"Name": "Balance"},
                    {"Name": "TransactionDate", "Value": 20260402120000},
                    {"Name": "PhoneNumber", "Value": 254708374149},
                ]
            },
        }
    }
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=[])),  # lone surrogates included
    st.sampled_from(["NaN", "1e308", "100 ", "-1", "\x00", "TST0000002\x00", 10**400, 100.5, 0, -100, "0"]),
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


PATHS = paths(GOOD)


def well_formed(parsed: StkCallback | Malformed) -> None:
    if isinstance(parsed, Malformed):
        assert parsed.reason
        return
    texts = (
        parsed.checkout_request_id,
        parsed.merchant_request_id or "",
        parsed.result_code,
        parsed.result_desc,
        parsed.receipt_number or "",
        parsed.phone_shown or "",
    )
    for text in texts:  # PostgreSQL can store every one
        text.encode()
        assert "\x00" not in text
        assert len(text) <= 300
    assert parsed.amount is None or parsed.amount.cents > 0


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


@st.composite
def mutated(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[Any, ...]]:
    document = copy.deepcopy(GOOD)
    path = draw(st.sampled_from(PATHS))
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
    return document, path


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_one_mutation_never_makes_money(mutation: tuple[dict[str, Any], tuple[Any, ...]]) -> None:
    document, _ = mutation
    parsed = parse_stk_callback(encode(document))
    well_formed(parsed)
    if isinstance(parsed, StkCallback) and parsed.amount is not None:
        # What is reported stands in the document, once, exactly.
        listed = document["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
        said = [item.get("Value") for item in listed if isinstance(item, dict) and item.get("Name") == "Amount"]
        assert said
        for value in said:
            assert isinstance(value, int | float | str)
            assert type(value) is not bool
            assert round(float(value) * 100) == parsed.amount.cents
    if isinstance(parsed, StkCallback) and parsed.receipt_number is not None:
        listed = document["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
        named = [i.get("Value") for i in listed if isinstance(i, dict) and i.get("Name") == "MpesaReceiptNumber"]
        assert named
        assert all(value == parsed.receipt_number for value in named)


@settings(max_examples=400, deadline=None)
@given(values, st.sampled_from([0, 1]), st.booleans())
@example(True, 0, False)
@example(float("nan"), 0, False)
@example(float("inf"), 0, True)
@example("100", 0, True)
def test_a_damaged_amount_or_receipt_is_not_reported(damage: object, which: int, repeated: bool) -> None:
    document = copy.deepcopy(GOOD)
    listed = document["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    original = listed[which]["Value"]
    if repeated:  # the honest item stays, a second one says otherwise
        listed.append({"Name": listed[which]["Name"], "Value": damage})
    else:
        listed[which]["Value"] = damage
    parsed = parse_stk_callback(encode(document))
    well_formed(parsed)
    assert isinstance(parsed, StkCallback)
    reported = parsed.amount if which == 0 else parsed.receipt_number
    undamaged = AMOUNT if which == 0 else RECEIPT
    if encode(damage) != encode(original):
        if repeated:
            assert reported is None
        elif reported == undamaged:
            assert damage in ("100", 100.0)  # the same amount in the other spellings that M-Pesa uses
            assert type(damage) is not bool


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    raw = bytearray(encode(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if how == "flip":
            raw[place] = data.draw(st.integers(0, 255))
        elif how == "insert":
            raw[place:place] = data.draw(st.binary(max_size=8))
        elif place:
            del raw[place:]
    well_formed(parse_stk_callback(bytes(raw)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,\\0 BodystkCal', max_size=200).map(str.encode))
def test_noise_never_raises(raw: bytes) -> None:
    well_formed(parse_stk_callback(raw))
