"""The bodies of what an API operator orders: a transaction's status, a reversal, a B2C payment (daraja.md §7, §8, §10).

Built here, answered in ``outcomes_orders``, and their results read in ``results``. Pure: the credential, whose padding
is random, is an argument. Field names are Safaricom's, its misspellings included.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from rufaa import phone as phones
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.messages import InvalidCallbackUrl, encoded, receipt_of
from rufaa.daraja.reading import identifier_of
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money, stk_amount
from rufaa.phone import Phone

MIN_B2C_SHILLINGS: Final = 10  # daraja.md §10
MAX_REMARKS: Final = 100

_REMARKS: Final = re.compile(r"[A-Za-z0-9 -]{2,100}")
_OCCASION: Final = re.compile(r"[A-Za-z0-9 -]{0,100}")
_OUR_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_PHONE: Final = re.compile(r"254[17][0-9]{8}")
_SHORT_CODE_TYPE: Final = "4"  # IdentifierType of an organisation's short code (daraja.md §7)
_REVERSAL_TYPE: Final = "11"  # daraja.md §8


class NoInitiator(InvalidArgument):
    """The M-Pesa account has no API operator."""

    code = "no-mpesa-initiator"

    def __init__(self) -> None:
        super().__init__(
            "This M-Pesa account has no initiator: give its name, its password and Safaricom's certificate.",
            argument="credentials",
        )


class InvalidRemarks(InvalidArgument):
    """Not 2 to 100 letters, digits, spaces or hyphens."""

    code = "invalid-remarks"


class B2cCommand(StrEnum):
    """Why a business pays a person; a refund is a BusinessPayment."""

    BUSINESS = "BusinessPayment"
    SALARY = "SalaryPayment"
    PROMOTION = "PromotionPayment"


def status_request(
    credentials: Credentials,
    *,
    security_credential: str,
    receipt_number: str | None = None,
    original_conversation_id: str | None = None,
    result_url: str,
    timeout_url: str,
    remarks: str = "Status",
    occasion: str = "",
) -> bytes:
    """The body of POST /mpesa/transactionstatus/v1/query (daraja.md §7). Raises ``InvalidArgument``.

    Ask by receipt, or by the conversation id of the original request; exactly one of the two. Whether a push's
    MerchantRequestID is taken as such an id is not known.
    """
    if (receipt_number is None) == (original_conversation_id is None):
        raise InvalidArgument(
            "Give receipt_number or original_conversation_id, and not both.", argument="receipt_number"
        )
    fields = {
        "Initiator": _initiator(credentials),
        "SecurityCredential": security_credential,
        "CommandID": "TransactionStatusQuery",
        "PartyA": credentials.short_code,
        "IdentifierType": _SHORT_CODE_TYPE,
        **_tail(credentials, result_url=result_url, timeout_url=timeout_url, remarks=remarks),
        **_occasion("Occasion", occasion),
    }
    if receipt_number is not None:
        fields["TransactionID"] = _receipt(receipt_number)
    if original_conversation_id is not None:
        if identifier_of(original_conversation_id) is None:
            raise InvalidArgument("original_conversation_id is not an id.", argument="original_conversation_id")
        fields["OriginalConversationID"] = original_conversation_id
    return encoded(fields)


def reversal_request(
    credentials: Credentials,
    *,
    security_credential: str,
    receipt_number: str,
    amount: Money,
    result_url: str,
    timeout_url: str,
    remarks: str,
    occasion: str = "",
) -> bytes:
    """The body of POST /mpesa/reversal/v1/request (daraja.md §8). Raises ``InvalidArgument``.

    ``amount`` should be the whole payment: that a part can be reversed is said by one source only, and a second
    reversal is refused (R000001) only because the first one took all.
    """
    _check_amount(amount, minimum=1)
    return encoded(
        {
            "Initiator": _initiator(credentials),
            "SecurityCredential": security_credential,
            "CommandID": "TransactionReversal",
            "TransactionID": _receipt(receipt_number),
            "Amount": str(amount.shillings),
            "ReceiverParty": credentials.short_code,
            "RecieverIdentifierType": _REVERSAL_TYPE,
            **_tail(credentials, result_url=result_url, timeout_url=timeout_url, remarks=remarks),
            **_occasion("Occasion", occasion),
        }
    )


def b2c_request(
    credentials: Credentials,
    *,
    security_credential: str,
    originator_conversation_id: str,
    phone: Phone,
    amount: Money,
    command: B2cCommand = B2cCommand.BUSINESS,
    result_url: str,
    timeout_url: str,
    remarks: str,
    occasion: str = "",
) -> bytes:
    """The body of POST /mpesa/b2c/v3/paymentrequest (daraja.md §10). Raises ``InvalidArgument``.

    ``originator_conversation_id`` is ours, one for one debt to one person and for ever: Safaricom pays it once.
    """
    if not _OUR_ID.fullmatch(originator_conversation_id):
        raise InvalidArgument(
            "originator_conversation_id must be 1 to 50 letters, digits, hyphens or underscores.",
            argument="originator_conversation_id",
        )
    if not _PHONE.fullmatch(phone):
        raise phones.InvalidPhone("phone is not of the form 2547XXXXXXXX or 2541XXXXXXXX.", argument="phone")
    _check_amount(amount, minimum=MIN_B2C_SHILLINGS)
    return encoded(
        {
            "OriginatorConversationID": originator_conversation_id,
            "InitiatorName": _initiator(credentials),
            "SecurityCredential": security_credential,
            "CommandID": command.value,
            "Amount": str(amount.shillings),
            "PartyA": credentials.short_code,
            "PartyB": phone,
            **_tail(credentials, result_url=result_url, timeout_url=timeout_url, remarks=remarks),
            **_occasion("Occassion", occasion),
        }
    )


def check_address(credentials: Credentials, url: str, *, argument: str) -> str:
    """``url``, if Safaricom can post to it; else raises ``InvalidCallbackUrl`` naming ``argument``."""
    problems = check_callback_url(url, environment=credentials.environment)
    if problems:
        raise InvalidCallbackUrl(
            f"The address {argument} cannot be used: " + "; ".join(problems) + ".", argument=argument, problems=problems
        )
    return url


def _tail(credentials: Credentials, *, result_url: str, timeout_url: str, remarks: str) -> dict[str, str]:
    if not _REMARKS.fullmatch(remarks):
        raise InvalidRemarks(
            f"The remarks must be 2 to {MAX_REMARKS} letters, digits, spaces or hyphens.", argument="remarks"
        )
    return {
        "Remarks": remarks,
        "QueueTimeOutURL": check_address(credentials, timeout_url, argument="timeout_url"),
        "ResultURL": check_address(credentials, result_url, argument="result_url"),
    }


def _occasion(name: str, occasion: str) -> dict[str, str]:
    if not _OCCASION.fullmatch(occasion):
        raise InvalidRemarks(
            f"The occasion must be at most {MAX_REMARKS} letters, digits, spaces or hyphens.", argument="occasion"
        )
    return {name: occasion} if occasion else {}


def _initiator(credentials: Credentials) -> str:
    if credentials.initiator_name is None:
        raise NoInitiator
    return credentials.initiator_name


def _receipt(receipt_number: str) -> str:
    if receipt_of(receipt_number) is None:
        raise InvalidArgument(
            "receipt_number must be 6 to 20 upper-case letters and digits.", argument="receipt_number"
        )
    return receipt_number


def _check_amount(amount: Money, *, minimum: int) -> None:
    if amount.cents % 100:
        raise InvalidAmount(f"{amount} is not a whole number of shillings.", argument="amount")
    stk_amount(amount.shillings)  # raises InvalidAmount outside 1 to 250,000
    if amount.shillings < minimum:
        raise InvalidAmount(f"{amount} is too little: M-Pesa pays out {minimum} shillings or more.", argument="amount")
