"""C2B on the wire (daraja.md §6): the checks of its two requests, and the text of its two notices. Pure.

Which of the two notices a body is, only the address says; and that of an all-null one says nothing at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa.clock import daraja_timestamp
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import answers, checks
from rufaa.simulator.answers import Answer
from rufaa.simulator.config import C2bVersion, Merchant, SimulatorSettings
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.plans import C2bPhone
from rufaa.simulator.registrations import ResponseType, Urls

LONGEST_REFERENCE: Final = 20
ACCEPTS: Final = "0"
OTHER_ERROR: Final = "C2B00016"  # what a rejection counts as whose code is none of C2B's

_NAMES: Final = (  # pretend people, by the last digit of their number
    *(("JOHN", "DOE"), ("MARY", "OTIENO"), ("PETER", "KAMAU"), ("GRACE", "MUTUA"), ("AMINA", "ALI")),
    *(("DAVID", "KIPTOO"), ("RUTH", "WAMBUI"), ("HASSAN", "OMAR"), ("JOYCE", "NJERI"), ("BRIAN", "ODHIAMBO")),
)


# ---------------------------------------------------------------- what a merchant asks


@dataclass(frozen=True, slots=True)
class Simulated:
    """A payment by hand that a merchant wants to be made."""

    merchant: Merchant
    phone: Phone
    amount: Money
    reference: str


def need_product(settings: SimulatorSettings, *, app: str, version: C2bVersion) -> None:
    """An app has one version of C2B; the other is answered as if the token were wrong (daraja.md §6)."""
    if version not in {each.c2b_version for each in settings.merchants if each.consumer_key == app}:
        raise answers.no_product()


def register(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str, version: C2bVersion) -> Urls:
    merchant = own_merchant(body, "ShortCode", settings=settings, app=app)
    response_type = body.get("ResponseType")
    if response_type not in set(ResponseType):  # the casing counts
        raise answers.invalid("ResponseType")
    return Urls(
        short_code=merchant.short_code,
        version=version,
        confirmation_url=checks.address(body, "ConfirmationURL"),
        validation_url=checks.address(body, "ValidationURL"),
        response_type=ResponseType(str(response_type)),
    )


def simulate(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str) -> Simulated:
    merchant = own_merchant(body, "ShortCode", settings=settings, app=app)
    if body.get("CommandID") != (checks.PAYBILL if merchant.till_number is None else checks.BUY_GOODS):
        raise answers.invalid("CommandID")
    amount = checks.amount(body)
    phone = Phone(checks.matching(body, "Msisdn", checks.PHONE))
    reference = ""
    if merchant.till_number is None:
        reference = checks.text(body, "BillRefNumber", longest=LONGEST_REFERENCE)
    elif body.get("BillRefNumber") not in (None, ""):
        raise answers.invalid("BillRefNumber")
    return Simulated(merchant, phone, amount, reference)


def own_merchant(body: Mapping[str, Any], field: str, *, settings: SimulatorSettings, app: str) -> Merchant:
    """The merchant whose short code it is, if it belongs to the app that asks."""
    merchant = settings.merchant(checks.matching(body, field, checks.SHORT_CODE))
    if merchant is None or merchant.consumer_key != app:
        raise answers.invalid(field)
    return merchant


def registered(*, originator_id: str) -> Answer:
    return Answer(
        200,
        json.dumps({"OriginatorCoversationID": originator_id, "ResponseCode": "0", "ResponseDescription": "Success"}),
    )


def simulating(*, version: C2bVersion, originator_id: str, conversation_id: str) -> Answer:
    """v1 says no ResponseCode."""
    words = "Accept the service request successfully."
    said = {"OriginatorCoversationID": originator_id, "ResponseCode": "0", "ResponseDescription": words}
    if version is C2bVersion.V1:
        said = {
            "ConversationID": conversation_id,
            "OriginatorCoversationID": originator_id,
            "ResponseDescription": words,
        }
    return Answer(200, json.dumps(said))


# ---------------------------------------------------------------- what a merchant is told


def notice(
    payment: Movement, *, merchant: Merchant, version: str, phone_as: C2bPhone | None = None, balance: Money | None
) -> str:
    """The body of a confirmation or, with no ``balance`` of the till, of a validation. All fields are strings."""
    first, last = name_of(payment.phone)
    names = {"FirstName": first, "MiddleName": "", "LastName": last}
    if version != C2bVersion.V1:
        names = {"FirstName": first}
    usual = C2bPhone.HASHED if version == C2bVersion.V1 else C2bPhone.MASKED
    return json.dumps(
        {
            "TransactionType": _transaction_type(payment.way, merchant),
            "TransID": payment.receipt,
            "TransTime": daraja_timestamp(payment.at),
            "TransAmount": f"{payment.amount.decimal:.2f}",
            "BusinessShortCode": payment.short_code,
            "BillRefNumber": payment.reference,
            "InvoiceNumber": "",
            "OrgAccountBalance": "" if balance is None else f"{balance.decimal:.2f}",
            "ThirdPartyTransID": payment.third_party_id,
            "MSISDN": shown_phone(payment.phone, phone_as or usual),
            **names,
        }
    )


def nulled(body: str) -> str:
    """The same fields, each null: such bodies reach listeners (daraja.md §6)."""
    return json.dumps(dict.fromkeys(json.loads(body)))


def shown_phone(phone: Phone, form: C2bPhone) -> str:
    match form:
        case C2bPhone.HASHED:
            return hashlib.sha256(phone.encode()).hexdigest()
        case C2bPhone.MASKED:
            return f"{phone[:4]} ***** {phone[-3:]}"
        case C2bPhone.STARRED:
            return f"{phone[0]}******{phone[-1]}"
        case C2bPhone.WHOLE:
            return phone
        case C2bPhone.EMPTY:
            return ""


def name_of(phone: Phone) -> tuple[str, str]:
    return _NAMES[int(phone[-1])]


def _transaction_type(way: Way, merchant: Merchant) -> str:
    if way is Way.SIMULATED:
        return ""  # so in the sandbox
    return "Pay Bill" if merchant.till_number is None else "Buy Goods"


# ---------------------------------------------------------------- what a merchant's validation says


@dataclass(frozen=True, slots=True)
class Verdict:
    """``code`` is ``ACCEPTS``, or why the payment is turned away."""

    code: str
    third_party_id: str = ""

    @property
    def accepted(self) -> bool:
        return self.code == ACCEPTS


def verdict(status: int | None, text: str, *, default: ResponseType) -> Verdict:
    """What an answer to a validation means; where there is none to read, what was registered for that."""
    try:
        said = json.loads(text) if status == 200 else None
    except (ValueError, RecursionError):
        said = None
    code = said.get("ResultCode") if isinstance(said, dict) else None
    if isinstance(code, bool) or not isinstance(code, int | str) or code == "":
        return Verdict(ACCEPTS if default is ResponseType.COMPLETED else OTHER_ERROR)
    assert isinstance(said, dict)
    third_party_id = said.get("ThirdPartyTransID")
    if str(code) == ACCEPTS:
        return Verdict(ACCEPTS, third_party_id[:100] if isinstance(third_party_id, str) else "")
    return Verdict(str(code) if str(code).startswith("C2B000") else OTHER_ERROR)
