"""Daraja's own checks of the three orders, pure: a body in, what is ordered out, or ``Refused`` (daraja.md §7-§10).

What is wrong with the operator is told only by the result, and so is what is wrong with the receipt or the amount.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import answers, c2b, checks, codes
from rufaa.simulator.answers import Answer
from rufaa.simulator.config import Merchant, SimulatorSettings
from rufaa.simulator.initiator import Key
from rufaa.simulator.orders import OrderKind

_RECEIPT: Final = re.compile(r"[A-Z0-9]{6,20}")
_ID: Final = re.compile(r"[!-~]{1,100}")
_LONGEST: Final = 100  # characters of Remarks and Occasion
_B2C_COMMANDS: Final = ("BusinessPayment", "SalaryPayment", "PromotionPayment")


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an acknowledged request orders, before it has ids of ours."""

    kind: OrderKind
    merchant: Merchant
    result_url: str
    timeout_url: str
    refused_code: str | None
    receipt: str | None = None
    about_id: str | None = None
    amount: Money | None = None
    phone: Phone | None = None
    originator_id: str | None = None
    occasion: str = ""


def status(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str, key: Key) -> Ordered:
    name, credential = _operator(body, "Initiator")
    _exactly(body, "CommandID", "TransactionStatusQuery")
    receipt, about_id = _asked_about(body)
    merchant = c2b.own_merchant(body, "PartyA", settings=settings, app=app)
    _exactly(body, "IdentifierType", "4")
    result_url, timeout_url = _addresses(body)
    _remarks(body, shortest=1)
    return Ordered(
        OrderKind.STATUS,
        merchant,
        result_url,
        timeout_url,
        _refused(merchant, name, credential, key=key),
        receipt=receipt,
        about_id=about_id,
        occasion=_occasion(body, "Occasion"),
    )


def reversal(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str, key: Key) -> Ordered:
    name, credential = _operator(body, "Initiator")
    _exactly(body, "CommandID", "TransactionReversal")
    receipt = checks.matching(body, "TransactionID", _RECEIPT)
    amount = checks.amount(body)
    merchant = c2b.own_merchant(body, "ReceiverParty", settings=settings, app=app)
    _exactly(body, "RecieverIdentifierType", "11")  # so spelled
    result_url, timeout_url = _addresses(body)
    _remarks(body, shortest=2)
    return Ordered(
        OrderKind.REVERSAL,
        merchant,
        result_url,
        timeout_url,
        _refused(merchant, name, credential, key=key),
        receipt=receipt,
        amount=amount,
        occasion=_occasion(body, "Occasion"),
    )


def b2c(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str, key: Key) -> Ordered:
    originator_id = checks.matching(body, "OriginatorConversationID", _ID)
    name, credential = _operator(body, "InitiatorName")  # not Initiator
    if body.get("CommandID") not in _B2C_COMMANDS:
        raise answers.invalid("CommandID")
    amount = checks.amount(body)
    merchant = c2b.own_merchant(body, "PartyA", settings=settings, app=app)
    phone = Phone(checks.matching(body, "PartyB", checks.PHONE))
    _remarks(body, shortest=2)
    result_url, timeout_url = _addresses(body)
    return Ordered(
        OrderKind.B2C,
        merchant,
        result_url,
        timeout_url,
        _refused(merchant, name, credential, key=key),
        amount=amount,
        phone=phone,
        originator_id=originator_id,
        occasion=_occasion(body, "Occassion"),  # so spelled
    )


def acknowledged(*, conversation_id: str, originator_id: str) -> Answer:
    return Answer(
        200,
        json.dumps(
            {
                "ConversationID": conversation_id,
                "OriginatorConversationID": originator_id,
                "ResponseCode": "0",
                "ResponseDescription": "Accept the service request successfully.",
            }
        ),
    )


def _operator(body: Mapping[str, Any], field: str) -> tuple[str, str]:
    name = checks.text(body, field, longest=_LONGEST)
    credential = body.get("SecurityCredential")
    if not isinstance(credential, str) or not credential:
        raise answers.invalid("SecurityCredential")
    try:
        base64.b64decode(credential, validate=True)
    except (binascii.Error, ValueError) as error:
        raise answers.invalid("SecurityCredential") from error
    return name, credential


def _refused(merchant: Merchant, name: str, credential: str, *, key: Key) -> str | None:
    """The code with which an order of a wrong operator ends (daraja.md §8)."""
    operator = merchant.initiator
    password = key.opens(credential)
    if operator is None or password is None or operator.name != name:
        return codes.WRONG_PIN
    return None if hmac.compare_digest(operator.password.encode(), password.encode()) else codes.WRONG_PIN


def _exactly(body: Mapping[str, Any], field: str, value: str) -> None:
    said = body.get(field)
    if isinstance(said, bool) or str(said) != value:
        raise answers.invalid(field)


def _asked_about(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The receipt, or else the id of an order."""
    if body.get("TransactionID") not in (None, ""):
        return checks.matching(body, "TransactionID", _RECEIPT), None
    if body.get("OriginalConversationID") not in (None, ""):
        return None, checks.matching(body, "OriginalConversationID", _ID)
    raise answers.invalid("TransactionID")


def _addresses(body: Mapping[str, Any]) -> tuple[str, str]:
    return checks.address(body, "ResultURL"), checks.address(body, "QueueTimeOutURL")


def _remarks(body: Mapping[str, Any], *, shortest: int) -> None:
    if len(checks.text(body, "Remarks", longest=_LONGEST)) < shortest:
        raise answers.invalid("Remarks")


def _occasion(body: Mapping[str, Any], field: str) -> str:
    return "" if body.get(field) in (None, "") else checks.text(body, field, longest=_LONGEST)
