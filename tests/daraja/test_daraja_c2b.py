"""C2B: what is sent, and what is read of a payment's notice, field by field."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rufaa.daraja import c2b
from rufaa.daraja.c2b import C2bNotice, Refusal, ResponseType, parse_c2b, validation_answer
from rufaa.daraja.credentials import AccountKind, C2bVersion, Credentials, Environment
from rufaa.daraja.messages import InvalidCallbackUrl
from rufaa.daraja.reading import Malformed
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money
from rufaa.phone import InvalidPhone, Phone, agrees

CONFIRMATION = "https://pay.rufaa.example.com/c/1"
VALIDATION = "https://pay.rufaa.example.com/v/1"
PHONE = Phone("254708374149")

# ---------------------------------------------------------------- what is sent


@pytest.mark.parametrize(("response_type", "word"), [(ResponseType.COMPLETED, "Completed"), (ResponseType.CANCELLED, "Cancelled")])  # fmt: skip  # noqa: E501
def test_a_registration_as_daraja_wants_it(paybill: Credentials, response_type: ResponseType, word: str) -> None:
    body = c2b.register_request(
        paybill, confirmation_url=CONFIRMATION, validation_url=VALIDATION, response_type=response_type
    )
    assert json.loads(body) == {
        "ShortCode": "600100",
        "ResponseType": word,
        "ConfirmationURL": CONFIRMATION,
        "ValidationURL": VALIDATION,
    }


@pytest.mark.parametrize("argument", ["confirmation_url", "validation_url"])
def test_an_address_that_safaricom_refuses_is_named(paybill: Credentials, argument: str) -> None:
    urls = {"confirmation_url": CONFIRMATION, "validation_url": VALIDATION, argument: VALIDATION + "/mpesa"}
    with pytest.raises(InvalidCallbackUrl) as caught:
        c2b.register_request(paybill, **urls, response_type=ResponseType.COMPLETED)
    assert caught.value.data["argument"] == argument


def test_the_version_is_the_products(paybill: Credentials) -> None:
    old = replace(paybill, c2b_version=C2bVersion.V1)
    assert (c2b.register_path(paybill), c2b.simulate_path(paybill)) == (
        "/mpesa/c2b/v2/registerurl",
        "/mpesa/c2b/v2/simulate",
    )
    assert (c2b.register_path(old), c2b.simulate_path(old)) == ("/mpesa/c2b/v1/registerurl", "/mpesa/c2b/v1/simulate")


def test_a_simulated_payment_as_daraja_wants_it(paybill: Credentials) -> None:
    body = c2b.simulate_request(paybill, phone=PHONE, amount=Money(50_000), account_reference="A" * 20)
    assert json.loads(body) == {
        "ShortCode": "600100",
        "CommandID": "CustomerPayBillOnline",
        "Amount": "500",
        "Msisdn": PHONE,
        "BillRefNumber": "A" * 20,
    }
    till = replace(paybill, kind=AccountKind.TILL, till_number="5001234")
    body = c2b.simulate_request(till, phone=PHONE, amount=Money(50_000), account_reference="")
    assert json.loads(body) == {
        "ShortCode": "600100",
        "CommandID": "CustomerBuyGoodsOnline",
        "Amount": "500",
        "Msisdn": PHONE,
    }


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"phone": Phone("0708374149")}, InvalidPhone),
        ({"amount": Money(0)}, InvalidAmount),
        ({"amount": Money(150)}, InvalidAmount),
        ({"amount": Money(25_000_100)}, InvalidAmount),
        ({"account_reference": ""}, InvalidArgument),
        ({"account_reference": "A" * 21}, InvalidArgument),
        ({"account_reference": "A&B"}, InvalidArgument),
    ],
)
def test_what_cannot_be_simulated(paybill: Credentials, changed: dict[str, Any], error: type[InvalidArgument]) -> None:
    given = {"phone": PHONE, "amount": Money(100), "account_reference": "A", **changed}
    with pytest.raises(error):
        c2b.simulate_request(paybill, **given)


def test_nothing_is_simulated_in_production(paybill: Credentials) -> None:
    real = replace(paybill, environment=Environment.PRODUCTION, base_url="https://api.safaricom.co.ke")
    with pytest.raises(InvalidArgument, match="in the sandbox or on the simulator only"):
        c2b.simulate_request(real, phone=PHONE, amount=Money(100), account_reference="A")


def test_a_till_has_no_account_reference(paybill: Credentials) -> None:
    till = replace(paybill, kind=AccountKind.TILL, till_number="5001234")
    with pytest.raises(InvalidArgument, match="empty for a till"):
        c2b.simulate_request(till, phone=PHONE, amount=Money(100), account_reference="A")


def test_what_our_validation_says() -> None:
    assert json.loads(validation_answer(None)) == {"ResultCode": "0", "ResultDesc": "Accepted"}
    assert json.loads(validation_answer(None, third_party_id="ours-1")) == {
        "ResultCode": "0",
        "ResultDesc": "Accepted",
        "ThirdPartyTransID": "ours-1",
    }
    assert [json.loads(validation_answer(refusal))["ResultCode"] for refusal in Refusal] == [
        "C2B00011",
        "C2B00012",
        "C2B00013",
        "C2B00014",
        "C2B00015",
        "C2B00016",
    ]


# ---------------------------------------------------------------- what comes in

NOTICE: dict[str, object] = {
    "TransactionType": "Pay Bill",
    "TransID": "TST0000001",
    "TransTime": "20260403003000",
    "TransAmount": "5.00",
    "BusinessShortCode": "600100",
    "BillRefNumber": "ACEFGHJK",
    "InvoiceNumber": "",
    "OrgAccountBalance": "49197.50",
    "ThirdPartyTransID": "ours-1",
    "MSISDN": "2547 ***** 149",
    "FirstName": "JANE",
    "MiddleName": "",
    "LastName": "DOE",
}


def parse(**changed: object) -> C2bNotice:
    body = {name: value for name, value in {**NOTICE, **changed}.items() if value is not ...}
    notice = parse_c2b(json.dumps(body).encode())
    assert isinstance(notice, C2bNotice)
    return notice


def test_a_notice_is_read_whole() -> None:
    assert parse() == C2bNotice(
        receipt_number="TST0000001",
        amount=Money(500),
        paid_at=datetime(2026, 4, 2, 21, 30, tzinfo=UTC),
        short_code="600100",
        account_reference="ACEFGHJK",
        transaction_type="Pay Bill",
        invoice_number="",
        third_party_id="ours-1",
        balance=Money(4_919_750),
        phone_shown="2547 ***** 149",
        first_name="JANE",
        middle_name="",
        last_name="DOE",
    )


def test_a_notice_names_nobody_in_a_log() -> None:
    for hidden in ("JANE", "DOE", "149"):
        assert hidden not in repr(parse())


def test_only_the_receipt_is_needed() -> None:
    notice = parse_c2b(b'{"TransID": "TST0000001"}')
    assert notice == C2bNotice("TST0000001", None, None, None, "", "", "", "", None, None, "", "", "")


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        ("TransAmount", "5", "amount", Money(500)),
        ("TransAmount", "5.10", "amount", Money(510)),
        ("TransAmount", 100, "amount", Money(10_000)),
        ("TransAmount", 100.5, "amount", Money(10_050)),
        ("TransAmount", "250000.00", "amount", Money(25_000_000)),
        ("TransAmount", "5.001", "amount", None),
        ("TransAmount", "1,200.00", "amount", None),
        ("TransAmount", "0.00", "amount", None),
        ("TransAmount", "-5.00", "amount", None),
        ("TransAmount", "5e3", "amount", None),
        ("TransAmount", True, "amount", None),
        ("TransAmount", ..., "amount", None),
        ("TransTime", 20260403003000, "paid_at", datetime(2026, 4, 2, 21, 30, tzinfo=UTC)),
        ("TransTime", "2026-04-03 00:30:00", "paid_at", datetime(2026, 4, 2, 21, 30, tzinfo=UTC)),
        ("TransTime", "2026-04-03T00:30:00", "paid_at", None),  # in no real notice, and no zone is known for it
        ("TransTime", "20260231003000", "paid_at", None),
        ("TransTime", None, "paid_at", None),
        ("BusinessShortCode", 600100, "short_code", "600100"),
        ("BusinessShortCode", "6001", "short_code", None),
        ("BusinessShortCode", "600100 ", "short_code", None),
        ("BillRefNumber", 22841047, "account_reference", "22841047"),
        ("BillRefNumber", "a\x00b", "account_reference", "a\N{REPLACEMENT CHARACTER}b"),
        ("BillRefNumber", None, "account_reference", ""),
        ("OrgAccountBalance", "", "balance", None),
        ("OrgAccountBalance", "0.00", "balance", Money(0)),
        ("OrgAccountBalance", 500.0, "balance", Money(50_000)),
        ("OrgAccountBalance", "-1.00", "balance", None),
        ("MiddleName", ..., "middle_name", ""),
        ("LastName", None, "last_name", ""),
        ("FirstName", {"a": 1}, "first_name", ""),
    ],
)
def test_one_field_after_the_other(field: str, value: object, attribute: str, expected: object) -> None:
    assert getattr(parse(**{field: value}), attribute) == expected


HASH = hashlib.sha256(PHONE.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "shown", "version"),
    [
        ("254708374149", "254708374149", None),
        (254708374149, "254708374149", None),
        ("2547 ***** 149", "2547 ***** 149", C2bVersion.V2),
        (HASH, HASH, C2bVersion.V1),
        (HASH.upper(), HASH.upper(), C2bVersion.V1),
        ("2******9", None, None),  # two digits are too few to tell one phone from another
        (HASH + "0", None, None),
        ("", None, None),
        (None, None, None),
        (..., None, None),
        ("JANE", None, None),
    ],
)
def test_the_payers_phone_as_each_version_shows_it(
    value: object, shown: str | None, version: C2bVersion | None
) -> None:
    notice = parse(MSISDN=value)
    assert (notice.phone_shown, notice.version) == (shown, version)
    if shown is not None:
        assert agrees(shown, PHONE)
        assert not agrees(shown, Phone("254708001140"))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "every field is null"),
        (json.dumps(dict.fromkeys(NOTICE)).encode(), "every field is null"),
        (b'{"TransAmount": "5.00"}', "no usable TransID"),
        (b'{"TransID": "", "TransAmount": "5.00"}', "no usable TransID"),
        (b'{"TransID": "tst0000001"}', "no usable TransID"),
        (b'{"TransID": 123456}', "no usable TransID"),
        (b'{"TransID": "TST0000001", "TransID": "TST0000002"}', "no usable TransID"),
        (b" " * 70_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_no_notice(raw: bytes, reason: str) -> None:
    assert parse_c2b(raw) == Malformed(reason)
