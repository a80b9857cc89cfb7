"""Reading a callback: the documented shape, its real variants, and everything that must not be believed."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.money import Money


def items(**changed: object) -> list[dict[str, object]]:
    values: dict[str, object] = {
        "Amount": 100,
        "MpesaReceiptNumber": "TST0000001",
        "TransactionDate": 20260402120000,
        "PhoneNumber": 254708374149,
    }
    values.update(changed)
    return [{"Name": name, "Value": value} for name, value in values.items()]


def body(metadata: object = None, **changed: object) -> bytes:
    callback: dict[str, object] = {
        "MerchantRequestID": "847c-4573-test",
        "CheckoutRequestID": "ws_CO_02042026115959000708374149",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items()} if metadata is None else metadata,
    }
    callback.update(changed)
    return json.dumps({"Body": {"stkCallback": callback}}).encode()


def read(raw: bytes) -> StkCallback:
    callback = parse_stk_callback(raw)
    assert isinstance(callback, StkCallback), callback
    return callback


def raw_items(text: str) -> bytes:
    return body({"Item": ["@"]}).replace(b'["@"]', text.encode())


def test_a_paid_callback() -> None:
    assert read(body()) == StkCallback(
        merchant_request_id="847c-4573-test",
        checkout_request_id="ws_CO_02042026115959000708374149",
        result_code="0",
        result_desc="The service request is processed successfully.",
        amount=Money(10_000),
        receipt_number="TST0000001",
        transaction_at=datetime(2026, 4, 2, 9, 0, tzinfo=UTC),
        phone_shown="254708374149",
        has_metadata=True,
    )


def test_a_failure_has_no_metadata() -> None:
    callback = json.loads(body(ResultCode=1032, ResultDesc="Request Cancelled by user."))
    del callback["Body"]["stkCallback"]["CallbackMetadata"]
    failed = read(json.dumps(callback).encode())
    assert (failed.result_code, failed.has_metadata, failed.amount, failed.receipt_number) == (
        "1032",
        False,
        None,
        None,
    )


def test_items_are_read_by_name_in_any_order_with_strangers_among_them() -> None:
    strangers: list[Any] = [
        None,
        7,
        [],
        {},
        {"Name": 5, "Value": 1},
        {"Name": "Balance"},
        {"Name": "Other", "Value": {}},
    ]
    assert read(body({"Item": strangers + items()[::-1] + strangers})) == read(body())


def test_the_repr_holds_no_phone_number() -> None:
    assert "708374149" not in repr(read(body()))


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, "0"), ("0", "0"), (1032, "1032"), ("1032", "1032"), ("SFC_IC0003", "SFC_IC0003"), (-1, "-1"), ("00", "00")],
)
def test_codes_in_canonical_text(code: object, expected: str) -> None:
    assert read(body(ResultCode=code)).result_code == expected


@pytest.mark.parametrize("code", [None, True, False, 0.0, 0.5, "", " 0", "0 ", "٠", "-0", [], {}, "x" * 41, 10**30])
def test_what_is_no_code_makes_the_callback_malformed(code: object) -> None:
    assert parse_stk_callback(body(ResultCode=code)) == Malformed("no usable ResultCode")


def test_minus_zero_is_no_code() -> None:
    assert parse_stk_callback(body(ResultCode=77).replace(b"77", b"-0")) == Malformed("no usable ResultCode")


@pytest.mark.parametrize(
    ("written", "cents"),
    [("1", 100), ("1.00", 100), ("102.00", 10_200), ('"100"', 10_000), ('"100.50"', 10_050), ("100.5", 10_050),
     ("250000", 25_000_000), ("1.000000", 100)],
)  # fmt: skip
def test_amounts_are_exact(written: str, cents: int) -> None:
    assert read(raw_items(f'[{{"Name":"Amount","Value":{written}}}]')).amount == Money(cents)


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    "written",
    ["true", "false", "null", "NaN", "Infinity", "-Infinity", "1e308", "1e2", "0", "0.00", "-1", "-100.00", "100.001",
     "100.0000001", "100.000000000000000000000000000000001", "9" * 5000, "1e99999999", '""', '"1,200.00"', '" 100"',
     '"1_000"', '"NaN"', '"١٠٠"', '"0100"', '"0x10"', "[100]", '{"Value":100}'],
)  # fmt: skip
def test_what_is_no_amount_is_none(written: str) -> None:
    callback = read(raw_items(f'[{{"Name":"Amount","Value":{written}}}]'))
    assert callback.amount is None
    assert callback.has_metadata


@pytest.mark.parametrize("receipt", ["TST0000001", "ABCDEF", "A" * 20])
def test_receipts(receipt: str) -> None:
    assert read(body({"Item": items(MpesaReceiptNumber=receipt)})).receipt_number == receipt


@pytest.mark.parametrize(
    "receipt", [None, 1234567890, True, "", "ABCDE", "A" * 21, "tst0000001", "TST 000001", "TST000000١", "TST000\n", []]
)
def test_what_is_no_receipt_is_none(receipt: object) -> None:
    assert read(body({"Item": items(MpesaReceiptNumber=receipt)})).receipt_number is None


@pytest.mark.parametrize("date", [20260402120000, "20260402120000", "2026-04-02 12:00:00"])
def test_dates_are_east_africa_time(date: object) -> None:
    moment = read(body({"Item": items(TransactionDate=date)})).transaction_at
    assert moment == datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "date",
    [None, True, 20260402120000.5, 20261402120000, 20260230120000, "20260402126000", 2026040212000, 202604021200000,
     "2026-04-0212:00:00", "2026-04-02T12:00:00", "00010101000000", "99991231235959", "00000000000000", "", [], -1],
)  # fmt: skip
def test_what_is_no_date_is_none(date: object) -> None:
    assert read(body({"Item": items(TransactionDate=date)})).transaction_at is None


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(254708374149, "254708374149"), ("254708374149", "254708374149"), ("0722000***", "0722000***"),
     ("254708***430", "254708***430"), ("2547 ***** 126", "2547 ***** 126"),
     (None, None), (True, None), (254708374149.0, None), ("***", None), ("*****12", None), ("", None), ("x" * 9, None),
     ("2547\x00083741", None), ("1" * 41, None), (-254708374149, None)],
)  # fmt: skip
def test_phones_as_shown(shown: object, expected: str | None) -> None:
    assert read(body({"Item": items(PhoneNumber=shown)})).phone_shown == expected


@pytest.mark.parametrize("name", ["Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber"])
def test_a_name_repeated_with_another_value_is_doubtful(name: str) -> None:
    field = {"Amount": "amount", "MpesaReceiptNumber": "receipt_number", "TransactionDate": "transaction_at"}.get(
        name, "phone_shown"
    )
    again = next(item for item in items() if item["Name"] == name)
    other = items(Amount=200, MpesaReceiptNumber="TST0000002", TransactionDate=20260402120001, PhoneNumber=254708000000)
    for second in ({"Name": name, "Value": next(i["Value"] for i in other if i["Name"] == name)}, {"Name": name}):
        for listed in ([second, *items()], [*items(), second], [again, second, *items()]):
            assert getattr(read(body({"Item": listed})), field) is None
    assert getattr(read(body({"Item": [again, *items()]})), field) is not None  # the same again is no contradiction


def test_repeated_keys_with_other_values_are_doubtful() -> None:
    good = body()
    assert parse_stk_callback(good.replace(b'"ResultCode": 0', b'"ResultCode": 1, "ResultCode": 0')) == Malformed(
        "no usable ResultCode"
    )
    assert read(good.replace(b'"ResultCode": 0', b'"ResultCode": 0, "ResultCode": 0')) == read(good)
    twice = good.replace(b'"Value": 100', b'"Value": 1, "Value": 100')
    assert twice != good
    assert read(twice).amount is None
    two_bodies = b'{"Body": {}, ' + good[1:]
    assert parse_stk_callback(two_bodies) == Malformed("no Body.stkCallback")


@pytest.mark.parametrize("metadata", [[], {}, {"Item": []}, {"Item": {}}, {"Item": None}, {"Item": "x"}, 5, "x", True])
def test_success_without_items_has_no_metadata(metadata: object) -> None:
    callback = read(body(metadata))
    assert not callback.has_metadata
    assert (callback.amount, callback.receipt_number, callback.transaction_at, callback.phone_shown) == (None,) * 4


@pytest.mark.parametrize(
    "identifier", [None, 5, True, "", "x" * 101, "a b", "a\x00b", "a\ud800b", "ü", "<h1>\n</h1>", [], {}]
)
def test_ids_that_cannot_be_stored(identifier: object) -> None:
    assert parse_stk_callback(body(CheckoutRequestID=identifier)) == Malformed("no usable CheckoutRequestID")
    assert read(body(MerchantRequestID=identifier)).merchant_request_id is None


def test_prose_is_cleaned_and_bounded() -> None:
    assert read(body(ResultDesc="a\x00b\ud800c\x1bd\u0085e")).result_desc == "a�b�c�d�e"
    assert read(body(ResultDesc="\ud83d\ude00")).result_desc == "😀"
    assert read(body(ResultDesc="x" * 1000)).result_desc == "x" * 300
    assert read(body(ResultDesc=None)).result_desc == ""
    assert read(body(ResultDesc=["x"])).result_desc == ""


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"0", "not a JSON object"),
        (b"{}", "no Body.stkCallback"),
        (b'{"Body":[]}', "no Body.stkCallback"),
        (b'{"Body":{"stkCallback":null}}', "no Body.stkCallback"),
        (b'{"Body":{"stkCallback":{}}}', "no usable CheckoutRequestID"),
        (b"<html>", "not JSON"),
        (b"\x00", "not JSON"),
        (gzip.compress(body()), "not JSON"),
        (body().decode().encode("utf-16"), "not JSON"),
        (body()[:-1], "not JSON"),
        (body() + body(), "not JSON"),
        (body() + b" " * 65536, "longer than 65536 bytes"),
        (b"[" * 60_000, "nested deeper than 32"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper than 32"),
        (b'"' + b'\\"' * 32_000, "not JSON"),
        (b"[{" * 20 + b'"' + b'\\"' * 32_000, "nested deeper than 32"),
    ],
)
def test_malformed(raw: bytes, reason: str) -> None:
    assert parse_stk_callback(raw) == Malformed(reason)


def test_brackets_inside_a_string_are_not_nesting() -> None:
    assert read(body(ResultDesc='[{"' * 99)).result_desc == '[{"' * 99


def test_a_byte_order_mark_is_skipped() -> None:
    assert read(b"\xef\xbb\xbf" + body()) == read(body())


def test_a_wrong_charset_spoils_only_the_string_it_stands_in() -> None:
    spoilt = read(body().replace(b"service request", b"servi\xe7e request"))
    assert spoilt.result_desc == "The servi�e request is processed successfully."
    assert spoilt.amount == Money(10_000)
    assert read(body().replace(b"TST0000001", b"TST000\xff001")).receipt_number is None


def test_a_caller_deep_in_its_stack_gets_an_answer_not_an_exception() -> None:
    nested = body({"Item": items(Other=[[[[[[[[[[[[]]]]]]]]]]]])})

    def descend(left: int) -> StkCallback | Malformed:
        return parse_stk_callback(nested) if left == 0 else descend(left - 1)

    seen = set()
    for left in range(sys.getrecursionlimit()):
        try:
            seen.add(type(descend(left)))
        except RecursionError:
            break  # our own frames do not fit any more, which is the caller's end
    assert StkCallback in seen
