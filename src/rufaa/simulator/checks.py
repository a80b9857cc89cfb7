"""Daraja's own checks of a push, a query, and fields that others have: a body in, a checked value or ``Refused`` out.

Fields are looked at in the order of Safaricom's page (daraja.md §3). What is refused at once and what only by a
callback also follows it: a wrong till or transaction type is accepted, and ends with a code.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from rufaa import clock, money
from rufaa.money import InvalidAmount, Money
from rufaa.phone import Phone
from rufaa.simulator import answers, codes
from rufaa.simulator.config import Merchant, SimulatorSettings

PAYBILL: Final = "CustomerPayBillOnline"
BUY_GOODS: Final = "CustomerBuyGoodsOnline"

SHORT_CODE: Final = re.compile(r"[0-9]{5,7}")
PHONE: Final = re.compile(r"254[17][0-9]{8}")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_FORBIDDEN_IN_URLS: Final = ("m-pesa", "mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query")  # daraja.md §13


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a product, as far as Daraja looks at it."""

    authorization: str | None
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Push:
    """A push that Daraja accepts. With ``forced_code`` the network will refuse it before it rings."""

    merchant: Merchant
    amount: Money
    payer: Phone
    phone: Phone
    callback_url: str
    account_reference: str
    forced_code: str | None


def body_of(content_type: str, raw: bytes, *, first: str = "BusinessShortCode") -> Mapping[str, Any]:
    """The JSON object of a request. A wrong Content-Type is not understood, so its ``first`` field is "invalid"."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise answers.invalid(first)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise answers.bad_payload() from error
    if not isinstance(body, dict):
        raise answers.bad_payload()
    return body


def push(body: Mapping[str, Any], *, settings: SimulatorSettings, now: datetime) -> Push:
    short_code = matching(body, "BusinessShortCode", SHORT_CODE)
    password, timestamp = _password_and_timestamp(body, settings=settings, now=now)
    transaction_type = body.get("TransactionType")
    if transaction_type not in (PAYBILL, BUY_GOODS):
        raise answers.invalid("TransactionType")
    asked = amount(body)
    payer = Phone(matching(body, "PartyA", PHONE))
    party_b = matching(body, "PartyB", SHORT_CODE)
    phone = Phone(matching(body, "PhoneNumber", PHONE))
    callback_url = address(body, "CallBackURL")
    account_reference = text(body, "AccountReference", longest=12)
    if body.get("TransactionDesc") not in (None, ""):  # the only optional field
        text(body, "TransactionDesc", longest=13)
    merchant = _merchant(short_code, password=password, timestamp=timestamp, settings=settings)
    return Push(
        merchant=merchant,
        amount=asked,
        payer=payer,
        phone=phone,
        callback_url=callback_url,
        account_reference=account_reference,
        forced_code=_misassigned(merchant, transaction_type=str(transaction_type), party_b=party_b),
    )


def query(body: Mapping[str, Any], *, settings: SimulatorSettings, now: datetime) -> tuple[Merchant, str]:
    """The merchant who asks, and the CheckoutRequestID that it asks about (any text: only the books know ids)."""
    short_code = matching(body, "BusinessShortCode", SHORT_CODE)
    password, timestamp = _password_and_timestamp(body, settings=settings, now=now)
    checkout_request_id = body.get("CheckoutRequestID")
    if not isinstance(checkout_request_id, str) or not checkout_request_id:
        raise answers.invalid("CheckoutRequestID")
    return _merchant(short_code, password=password, timestamp=timestamp, settings=settings), checkout_request_id


def matching(body: Mapping[str, Any], field: str, form: re.Pattern[str]) -> str:
    """Numbers and strings of digits are the same to Daraja (daraja.md §1)."""
    value = body.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        value = str(value)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise answers.invalid(field)
    return value


def _password_and_timestamp(body: Mapping[str, Any], *, settings: SimulatorSettings, now: datetime) -> tuple[str, str]:
    password = body.get("Password")
    if not isinstance(password, str) or not password:
        raise answers.invalid("Password")
    timestamp = body.get("Timestamp")
    timestamp = str(timestamp) if isinstance(timestamp, int) and 0 <= timestamp < 10**15 else timestamp
    if not isinstance(timestamp, str):
        raise answers.invalid("Timestamp")
    try:
        said = clock.from_daraja_timestamp(timestamp)
    except ValueError as error:
        raise answers.invalid("Timestamp") from error
    tolerance = settings.timestamp_tolerance_s
    if tolerance is not None and abs((now - said).total_seconds()) > tolerance:
        raise answers.invalid("Timestamp")
    return password, timestamp


def amount(body: Mapping[str, Any]) -> Money:
    """A number or a string of digits. Whether Daraja takes ``1.0`` is not measured; here it does not."""
    value = body.get("Amount")
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int):
        raise answers.invalid("Amount")
    try:
        return money.stk_amount(value)
    except InvalidAmount as error:
        raise answers.invalid("Amount") from error


def address(body: Mapping[str, Any], field: str) -> str:
    """http is allowed, as in the sandbox, and loopback, since the simulator is for local work (daraja.md §13)."""
    url = body.get(field)
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        raise answers.invalid(field)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # a port that is no number, an address that is none
        raise answers.invalid(field) from error
    if not usable or any(word in url.lower() for word in _FORBIDDEN_IN_URLS):
        raise answers.invalid(field)
    return url


def text(body: Mapping[str, Any], field: str, *, longest: int) -> str:
    value = body.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable():
        raise answers.invalid(field)
    return value


def _merchant(short_code: str, *, password: str, timestamp: str, settings: SimulatorSettings) -> Merchant:
    merchant = settings.merchant(short_code)
    if merchant is None:
        raise answers.no_merchant()
    right = base64.b64encode(f"{short_code}{merchant.passkey}{timestamp}".encode())
    if not hmac.compare_digest(right, password.encode(errors="replace")):
        raise answers.wrong_credentials()
    return merchant


def _misassigned(merchant: Merchant, *, transaction_type: str, party_b: str) -> str | None:
    """The code with which the network refuses a type or PartyB that is not the merchant's (daraja.md §11a, §17)."""
    if transaction_type != (PAYBILL if merchant.till_number is None else BUY_GOODS):
        return codes.NOT_PERMITTED
    if party_b != (merchant.till_number or merchant.short_code):
        return codes.NO_SUCH_OPERATOR
    return None
