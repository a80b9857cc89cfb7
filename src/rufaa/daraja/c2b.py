"""C2B: money that came to the paybill or till without a push of ours, or in another notice of one (daraja.md §6). Pure.

Requests that are built here, and the two notices that are read here: validation asks whether to take a payment,
confirmation tells that it was made. They have one shape; which one it is, is told by the address that it came to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from rufaa import phone as phones
from rufaa.daraja.credentials import AccountKind, C2bVersion, Credentials, Environment
from rufaa.daraja.messages import amount_of, encoded, instant_of, phone_shown_of, receipt_of
from rufaa.daraja.orders import check_address
from rufaa.daraja.reading import Malformed, Number, digits_of, read_object, text_of
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money, reported_amount, stk_amount
from rufaa.phone import Phone

MAX_BILL_REFERENCE: Final = 20

_BILL_REFERENCE: Final = re.compile(r"[A-Za-z0-9 -]{1,20}")
_PHONE: Final = re.compile(r"254[17][0-9]{8}")
_SHORT_CODE: Final = re.compile(r"[0-9]{5,7}")
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}")


class ResponseType(StrEnum):
    """What Safaricom does with a payment when our validation does not answer. The casing is part of the API."""

    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


class Refusal(StrEnum):
    """Why our validation turns a payment away, in Safaricom's codes."""

    PHONE = "C2B00011"
    ACCOUNT = "C2B00012"
    AMOUNT = "C2B00013"
    KYC = "C2B00014"
    SHORT_CODE = "C2B00015"
    OTHER = "C2B00016"


# ---------------------------------------------------------------- what we send


def register_path(credentials: Credentials) -> str:
    return f"/mpesa/c2b/{credentials.c2b_version}/registerurl"


def simulate_path(credentials: Credentials) -> str:
    return f"/mpesa/c2b/{credentials.c2b_version}/simulate"


def register_request(
    credentials: Credentials, *, confirmation_url: str, validation_url: str, response_type: ResponseType
) -> bytes:
    """The body of POST /mpesa/c2b/v2/registerurl, or v1 (daraja.md §6). Raises ``InvalidCallbackUrl``.

    Choose ``COMPLETED``: with validation on, a lost answer of ours must not turn a patient's payment away.
    """
    return encoded(
        {
            "ShortCode": credentials.short_code,
            "ResponseType": response_type.value,
            "ConfirmationURL": check_address(credentials, confirmation_url, argument="confirmation_url"),
            "ValidationURL": check_address(credentials, validation_url, argument="validation_url"),
        }
    )


def simulate_request(credentials: Credentials, *, phone: Phone, amount: Money, account_reference: str) -> bytes:
    """The body of POST /mpesa/c2b/v2/simulate, or v1: a payment by hand, which only the sandbox makes (daraja.md §6).

    Raises ``InvalidArgument``, in production always. A till takes no ``account_reference``: it must be "" there.
    """
    if credentials.environment is Environment.PRODUCTION:
        raise InvalidArgument("A C2B payment can be simulated in the sandbox or on the simulator only.")
    if not _PHONE.fullmatch(phone):
        raise phones.InvalidPhone("phone is not of the form 2547XXXXXXXX or 2541XXXXXXXX.", argument="phone")
    if amount.cents % 100:
        raise InvalidAmount(f"{amount} is not a whole number of shillings.", argument="amount")
    stk_amount(amount.shillings)
    paybill = credentials.kind is AccountKind.PAYBILL
    if not (_BILL_REFERENCE.fullmatch(account_reference) if paybill else account_reference == ""):
        raise InvalidArgument(
            f"account_reference must be 1 to {MAX_BILL_REFERENCE} letters, digits, spaces or hyphens for a paybill,"
            " and empty for a till.",
            argument="account_reference",
        )
    fields = {
        "ShortCode": credentials.short_code,
        "CommandID": credentials.transaction_type,
        "Amount": str(amount.shillings),
        "Msisdn": phone,
    }
    if paybill:
        fields["BillRefNumber"] = account_reference
    return encoded(fields)


def validation_answer(refusal: Refusal | None, *, third_party_id: str = "") -> bytes:
    """What our validation says: None takes the payment. ``third_party_id`` comes back in the confirmation.

    It can turn away a push of our own too (daraja.md §6): answer fast, and accept.
    """
    if refusal is not None:
        return encoded({"ResultCode": refusal.value, "ResultDesc": "Rejected"})
    fields = {"ResultCode": "0", "ResultDesc": "Accepted"}
    if third_party_id:
        fields["ThirdPartyTransID"] = third_party_id
    return encoded(fields)


# ---------------------------------------------------------------- what comes in


@dataclass(frozen=True, slots=True)
class C2bNotice:
    """One payment as C2B tells it; its receipt is the one that an STK callback may have told already (daraja.md §6).

    A field that is absent or doubtful is None, or "" if it is prose. ``phone_shown`` is whole, masked (v2) or a SHA-256
    in hex (v1): compare it with ``rufaa.phone.agrees``. ``balance`` is blank on validation. The repr leaves out what
    names a person.
    """

    receipt_number: str
    amount: Money | None
    paid_at: datetime | None
    short_code: str | None
    account_reference: str
    transaction_type: str
    invoice_number: str
    third_party_id: str
    balance: Money | None
    phone_shown: str | None = field(repr=False)
    first_name: str = field(repr=False)
    middle_name: str = field(repr=False)
    last_name: str = field(repr=False)

    @property
    def version(self) -> C2bVersion | None:
        """Which product sent it, as far as the phone shows; None where it stands whole or not at all."""
        if self.phone_shown is None:
            return None
        if _HASH.fullmatch(self.phone_shown):
            return C2bVersion.V1
        return C2bVersion.V2 if "*" in self.phone_shown else None


def parse_c2b(raw: bytes) -> C2bNotice | Malformed:
    """Read a validation or a confirmation; at most 64 KiB are considered. Never raises.

    Malformed is what has no usable TransID, since nothing could be keyed on it: bodies with every field null reach
    listeners too (daraja.md §6). All else is read field by field; fields are documented as strings, and numbers are
    taken as well.
    """
    said = read_object(raw)
    if isinstance(said, Malformed):
        return said
    if not said or all(value is None for value in said.values()):
        return Malformed("every field is null")
    receipt_number = receipt_of(said.get("TransID"))
    if receipt_number is None:
        return Malformed("no usable TransID")
    return C2bNotice(
        receipt_number=receipt_number,
        amount=amount_of(said.get("TransAmount")),
        paid_at=instant_of(said.get("TransTime")),
        short_code=_short_code(said.get("BusinessShortCode")),
        account_reference=_words(said.get("BillRefNumber")),
        transaction_type=_words(said.get("TransactionType")),
        invoice_number=_words(said.get("InvoiceNumber")),
        third_party_id=_words(said.get("ThirdPartyTransID")),
        balance=_balance(said.get("OrgAccountBalance")),
        phone_shown=_phone_shown(said.get("MSISDN")),
        first_name=_words(said.get("FirstName")),
        middle_name=_words(said.get("MiddleName")),
        last_name=_words(said.get("LastName")),
    )


def _words(value: object) -> str:
    return text_of(value.text if isinstance(value, Number) else value, limit=100)


def _short_code(value: object) -> str | None:
    text = digits_of(value)
    return text if text is not None and _SHORT_CODE.fullmatch(text) else None


def _balance(value: object) -> Money | None:
    text = value.text if isinstance(value, Number) else value
    return reported_amount(text) if isinstance(text, str) else None


def _phone_shown(value: object) -> str | None:
    return value if isinstance(value, str) and _HASH.fullmatch(value) else phone_shown_of(value)
