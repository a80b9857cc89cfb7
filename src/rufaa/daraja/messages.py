"""The bodies on the wire: requests that are built here, callbacks that are read here. Pure.

Reading never raises on what came from outside: it answers a value, or ``Malformed`` with a reason. A field that is
absent, damaged or said in two ways is None, never a guess. Whether a message proves money is not decided here.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from rufaa import clock
from rufaa import phone as phones
from rufaa.clock import EAT
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.reading import DOUBTFUL, Malformed, Number, code_of, digits_of, identifier_of, read_object, text_of
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money, reported_amount, stk_amount
from rufaa.phone import Phone

__all__ = [
    "InvalidAccountReference",
    "InvalidCallbackUrl",
    "InvalidDescription",
    "Malformed",
    "StkCallback",
    "amount_of",
    "encoded",
    "instant_of",
    "parse_stk_callback",
    "phone_shown_of",
    "push_request",
    "query_request",
    "receipt_day",
    "receipt_of",
    "stk_password",
]

MAX_ACCOUNT_REFERENCE: Final = 12
MAX_DESCRIPTION: Final = 13

_ACCOUNT_REFERENCE: Final = re.compile(r"[A-Za-z0-9 -]{1,12}")
_DESCRIPTION: Final = re.compile(r"[A-Za-z0-9 -]{0,13}")
_PHONE: Final = re.compile(r"254[17][0-9]{8}")
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?")
_RECEIPT: Final = re.compile(r"[A-Z0-9]{6,20}")
_RECEIPT_DAYS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_PHONE_SHOWN: Final = re.compile(r"(?=(?:[^0-9]*[0-9]){3})\+?[0-9* -]{4,40}")  # less than three digits agree with any
_DATE: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2}) ?([0-9]{2}):?([0-9]{2}):?([0-9]{2})")
_YEARS: Final = range(2007, 2100)  # M-Pesa opened in 2007; outside, the date is damage


# ---------------------------------------------------------------- what we send


class InvalidAccountReference(InvalidArgument):
    """Not 1 to 12 letters, digits, spaces or hyphens."""

    code = "invalid-account-reference"


class InvalidDescription(InvalidArgument):
    """More than 13 characters, or others than letters, digits, spaces and hyphens."""

    code = "invalid-description"


class InvalidCallbackUrl(InvalidArgument):
    """Safaricom would refuse this callback address or could not reach it. ``data.problems`` says why."""

    code = "invalid-callback-url"


def stk_password(*, short_code: str, passkey: str, timestamp: str) -> str:
    """base64(ShortCode + Passkey + Timestamp), daraja.md §3. It holds the passkey readably: never log it."""
    return base64.b64encode(f"{short_code}{passkey}{timestamp}".encode()).decode()


def push_request(
    credentials: Credentials,
    *,
    phone: Phone,
    amount: Money,
    account_reference: str,
    description: str,
    callback_url: str,
    at: datetime,
) -> bytes:
    """The body of POST /mpesa/stkpush/v1/processrequest (daraja.md §3), everything as strings, which Daraja accepts.

    Raises a subclass of ``InvalidArgument`` where Daraja would refuse or silently fail: only letters, digits, spaces
    and hyphens reach the prompt, since other characters are reported to break it. An empty ``description`` is left out.
    """
    if not _PHONE.fullmatch(phone):
        raise phones.InvalidPhone("phone is not of the form 2547XXXXXXXX or 2541XXXXXXXX.", argument="phone")
    if amount.cents % 100:
        raise InvalidAmount(f"{amount} is not a whole number of shillings.", argument="amount")
    stk_amount(amount.shillings)  # raises InvalidAmount outside 1 to 250,000
    if not _ACCOUNT_REFERENCE.fullmatch(account_reference):
        raise InvalidAccountReference(
            f"The account reference must be 1 to {MAX_ACCOUNT_REFERENCE} letters, digits, spaces or hyphens.",
            argument="account_reference",
        )
    if not _DESCRIPTION.fullmatch(description):
        raise InvalidDescription(
            f"The description must be at most {MAX_DESCRIPTION} letters, digits, spaces or hyphens.",
            argument="description",
        )
    problems = check_callback_url(callback_url, environment=credentials.environment)
    if problems:
        raise InvalidCallbackUrl(
            "The callback address cannot be used: " + "; ".join(problems) + ".",
            argument="callback_url",
            problems=problems,
        )
    fields = {
        **_authenticated(credentials, at=at),
        "TransactionType": credentials.transaction_type,
        "Amount": str(amount.shillings),
        "PartyA": phone,
        "PartyB": credentials.party_b,
        "PhoneNumber": phone,
        "CallBackURL": callback_url,
        "AccountReference": account_reference,
    }
    if description:
        fields["TransactionDesc"] = description
    return encoded(fields)


def query_request(credentials: Credentials, *, checkout_request_id: str, at: datetime) -> bytes:
    """The body of POST /mpesa/stkpushquery/v1/query (daraja.md §5). Raises ``InvalidArgument``."""
    if identifier_of(checkout_request_id) is None:
        raise InvalidArgument("checkout_request_id is not an id.", argument="checkout_request_id")
    return encoded({**_authenticated(credentials, at=at), "CheckoutRequestID": checkout_request_id})


def _authenticated(credentials: Credentials, *, at: datetime) -> dict[str, str]:
    if at.tzinfo is None:
        raise InvalidArgument("at must be an aware datetime.", argument="at")
    timestamp = clock.daraja_timestamp(at)
    return {
        "BusinessShortCode": credentials.short_code,
        "Password": stk_password(short_code=credentials.short_code, passkey=credentials.passkey, timestamp=timestamp),
        "Timestamp": timestamp,
    }


def encoded(fields: dict[str, str]) -> bytes:
    """A request body."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


# ---------------------------------------------------------------- what comes in


@dataclass(frozen=True, slots=True)
class StkCallback:
    """The result of one push as Safaricom posts it (daraja.md §4). A field that is absent or doubtful is None.

    ``result_code`` is canonical text: "0", "1032", "SFC_IC0003". ``has_metadata`` says whether any named item came
    with it. ``phone_shown`` may be whole, masked or absent; compare it with ``rufaa.phone.agrees``. The repr leaves
    out what holds a phone number, the CheckoutRequestID included.
    """

    merchant_request_id: str | None
    checkout_request_id: str = field(repr=False)
    result_code: str
    result_desc: str
    amount: Money | None
    receipt_number: str | None
    transaction_at: datetime | None
    phone_shown: str | None = field(repr=False)
    has_metadata: bool


def parse_stk_callback(raw: bytes) -> StkCallback | Malformed:
    """Read the body of a callback; at most 64 KiB are considered. Never raises.

    Malformed is what cannot be tied to a push or says no result: not an object of the documented shape, no usable
    CheckoutRequestID, no usable ResultCode. All else is read leniently, field by field: items by name (daraja.md §4),
    numbers as numbers or strings, both spellings of the date. An item repeated with another value is doubtful.
    """
    envelope = read_object(raw)
    if isinstance(envelope, Malformed):
        return envelope
    body = envelope.get("Body")
    callback = body.get("stkCallback") if isinstance(body, dict) else None
    if not isinstance(callback, dict):
        return Malformed("no Body.stkCallback")
    checkout_request_id = identifier_of(callback.get("CheckoutRequestID"))
    if checkout_request_id is None:
        return Malformed("no usable CheckoutRequestID")
    result_code = code_of(callback.get("ResultCode"))
    if result_code is None:
        return Malformed("no usable ResultCode")
    items = _items(callback.get("CallbackMetadata"))
    return StkCallback(
        merchant_request_id=identifier_of(callback.get("MerchantRequestID")),
        checkout_request_id=checkout_request_id,
        result_code=result_code,
        result_desc=text_of(callback.get("ResultDesc")),
        amount=amount_of(items.get("Amount")),
        receipt_number=receipt_of(items.get("MpesaReceiptNumber")),
        transaction_at=instant_of(items.get("TransactionDate")),
        phone_shown=phone_shown_of(items.get("PhoneNumber")),
        has_metadata=bool(items),
    )


def _items(metadata: object) -> dict[str, object]:
    listed = metadata.get("Item") if isinstance(metadata, dict) else None
    items: dict[str, object] = {}
    if isinstance(listed, list):
        for item in listed:
            if isinstance(item, dict) and isinstance(name := item.get("Name"), str):
                value = item.get("Value")  # Balance comes without one (daraja.md §4)
                if items.setdefault(name, value) != value:
                    items[name] = DOUBTFUL
    return items


def amount_of(value: object) -> Money | None:
    """A paid amount, from a number or a string, exactly; None for what is none, zero included."""
    text = value.text if isinstance(value, Number) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):  # no signs, exponents, separators, NaN
        return None
    amount = reported_amount(text)
    return amount if amount is not None and amount.cents > 0 else None


def receipt_of(value: object) -> str | None:
    """An M-Pesa receipt number, or None."""
    # Upper case in every real payload. A lower-case one is not from M-Pesa, and folding it could make of one
    # receipt two, or of two one; so it is doubtful.
    return value if isinstance(value, str) and _RECEIPT.fullmatch(value) else None


def receipt_day(number: str) -> date | None:
    """The day in EAT that a receipt number says in its first three characters, or None if they say none.

    Year (B is 2007, when M-Pesa opened; A comes round in 2032), month (A is January), day (1-9, then A-V). Nobody
    documents it; it is read off the receipts and their dates in real payloads. Near midnight a report's own date may
    be the neighbouring one.
    """
    if _RECEIPT.fullmatch(number) is None:
        return None
    year, month, day = number[0], number[1], number[2]
    if not year.isalpha() or day not in _RECEIPT_DAYS:
        return None
    try:
        return date(2007 + (ord(year) - ord("B")) % 26, ord(month) - ord("A") + 1, _RECEIPT_DAYS.index(day))
    except ValueError:
        return None


def instant_of(value: object) -> datetime | None:
    """The instant behind ``YYYYMMDDHHmmss`` or ``YYYY-MM-DD HH:MM:SS`` in EAT, or None."""
    text = value.text if isinstance(value, Number) else value
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    if match is None or len(match[0]) not in {14, 19}:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    if year not in _YEARS:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=EAT).astimezone(UTC)
    except ValueError:
        return None


def phone_shown_of(value: object) -> str | None:
    """A phone as M-Pesa shows it, whole or masked, for ``rufaa.phone.agrees``; None if it shows next to nothing."""
    text = digits_of(value) if isinstance(value, Number) else value
    return text if isinstance(text, str) and _PHONE_SHOWN.fullmatch(text) else None
