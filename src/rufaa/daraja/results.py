"""The results of orders, as Safaricom posts them to our addresses: of a status question, a reversal, a B2C payment.

One envelope for all (daraja.md §7); which order it is about is told by the address and the ids. A result says what
became of the order by its code alone. A post to the time-out address is no result: the order was not processed in time,
which is not "failed". Pure; reading never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from rufaa.clock import EAT
from rufaa.daraja.messages import amount_of, instant_of, receipt_of
from rufaa.daraja.reading import DOUBTFUL, Malformed, Number, code_of, identifier_of, read_object, text_of
from rufaa.money import Money, reported_amount

CONFIG_CODES: Final = frozenset({"11", "18", "20", "21", "22", "24", "25", "29", "2001", "2006", "2028", "8006"})
"""Codes about our own operator, their role, their password, our account or our fields: nothing was done, and nothing
will be until a person corrects it. 2001 and 8006 are also how an expired password shows (90 days, daraja.md §7)."""

_DAY_FIRST: Final = re.compile(r"([0-9]{2})[.-]([0-9]{2})[.-]([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_YEARS: Final = range(2007, 2100)


# ---------------------------------------------------------------- the envelope


@dataclass(frozen=True, slots=True)
class AsyncResult:
    """The envelope of a result. ``result_code`` is canonical text: "0", "2001", "R000001".

    ``transaction_id`` is the receipt of the order itself, and is made for failed ones too. ``parameters`` are read by
    their names without spaces; one that is said in two ways is ``DOUBTFUL``, one without a value None.
    """

    result_code: str
    result_desc: str
    conversation_id: str | None
    originator_conversation_id: str | None
    transaction_id: str | None
    parameters: Mapping[str, object] = field(repr=False)

    @property
    def needs_operator(self) -> bool:
        """Whether our own account or operator is at fault: an alarm, whatever was ordered."""
        return self.result_code in CONFIG_CODES

    def amount(self, name: str) -> Money | None:
        return amount_of(self.parameters.get(name))

    def instant(self, *names: str) -> datetime | None:
        """The first of ``names`` that is there, in one of M-Pesa's two forms, both EAT."""
        value = self._first(names)
        return instant_of(value) or _day_first(value)

    def receipt(self, *names: str) -> str | None:
        return receipt_of(self._first(names))

    def words(self, *names: str) -> str:
        return text_of(self._first(names))

    def _first(self, names: tuple[str, ...]) -> object:
        return next((value for name in names if (value := self.parameters.get(name)) is not None), None)


def parse_result(raw: bytes) -> AsyncResult | Malformed:
    """Read a result; at most 64 KiB are considered. Never raises.

    Malformed is what says no result or can be tied to no order: no Result object, no usable ResultCode, none of the two
    conversation ids. Parameters are a list of Key and Value, or one bare object (daraja.md §7).
    """
    envelope = read_object(raw)
    if isinstance(envelope, Malformed):
        return envelope
    result = envelope.get("Result")
    if not isinstance(result, dict):
        return Malformed("no Result")
    result_code = code_of(result.get("ResultCode"))
    if result_code is None:
        return Malformed("no usable ResultCode")
    conversation_id = identifier_of(result.get("ConversationID"))
    originator_conversation_id = identifier_of(result.get("OriginatorConversationID"))
    if conversation_id is None and originator_conversation_id is None:
        return Malformed("no usable conversation id")
    listed = result.get("ResultParameters")
    return AsyncResult(
        result_code=result_code,
        result_desc=text_of(result.get("ResultDesc")),
        conversation_id=conversation_id,
        originator_conversation_id=originator_conversation_id,
        transaction_id=receipt_of(result.get("TransactionID")),
        parameters=_parameters(listed.get("ResultParameter") if isinstance(listed, dict) else None),
    )


def _parameters(listed: object) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for item in listed if isinstance(listed, list) else [listed]:
        if isinstance(item, dict) and isinstance(key := item.get("Key"), str):
            name, value = key.replace(" ", ""), item.get("Value")
            if found.setdefault(name, value) != value:
                found[name] = DOUBTFUL
    return MappingProxyType(found)


def _day_first(value: object) -> datetime | None:
    """``06.07.2024 22:48:52``, as B2C writes it (daraja.md §10)."""
    match = _DAY_FIRST.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part) for part in match.groups())
    if year not in _YEARS:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=EAT).astimezone(UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class QueueTimeout:
    """A post to our time-out address: the order was not processed in time. It says nothing about money, and the order
    may still be processed: ask for its status (daraja.md §10). The body's form is not documented; a whole result in it
    is ``result``, and counts as one.
    """

    conversation_id: str | None
    originator_conversation_id: str | None
    result: AsyncResult | None


def parse_queue_timeout(raw: bytes) -> QueueTimeout:
    """Read whatever came to the time-out address. Never raises: that it came is the news."""
    result = parse_result(raw)
    if isinstance(result, AsyncResult):
        return QueueTimeout(result.conversation_id, result.originator_conversation_id, result)
    envelope = read_object(raw)
    said: dict[str, object] = {} if isinstance(envelope, Malformed) else envelope
    inner = said.get("Result")
    if isinstance(inner, dict):
        said = inner
    return QueueTimeout(
        identifier_of(said.get("ConversationID")), identifier_of(said.get("OriginatorConversationID")), None
    )


# ---------------------------------------------------------------- a status question


class StatusVerdict(StrEnum):
    """What a transaction came to. Only the first and the third are its end."""

    COMPLETED = "completed"
    PENDING = "pending"
    FAILED = "failed"  # cancelled, declined or expired: it took nothing
    UNKNOWN = "unknown"  # the question itself failed, or the answer is not understood


_STATUSES: Final[Mapping[str, StatusVerdict]] = MappingProxyType(  # daraja.md §7
    {
        "completed": StatusVerdict.COMPLETED,
        "initiated": StatusVerdict.PENDING,
        "authorized": StatusVerdict.PENDING,
        "pendingauthorized": StatusVerdict.PENDING,
        "cancelled": StatusVerdict.FAILED,
        "declined": StatusVerdict.FAILED,
        "expired": StatusVerdict.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What a status question learned. ``receipt_number`` is the transaction's that was asked for; compare it, and the
    amount, with what is expected before believing anything. ``answer`` has the question's own ids.
    """

    verdict: StatusVerdict
    status: str
    receipt_number: str | None
    amount: Money | None
    initiated_at: datetime | None
    finalised_at: datetime | None
    reason_type: str
    conversation_id: str | None  # the original transaction's, as the two ids of an order
    originator_conversation_id: str | None
    debit_party: str = field(repr=False)  # "2547… - NAME" or "600100 - NAME"; "" where it is said in two ways
    credit_party: str = field(repr=False)
    answer: AsyncResult


def status_result(answer: AsyncResult) -> StatusResult:
    """Read a result as that of a status question (daraja.md §7). A code other than 0 is about the question only."""
    status = answer.words("TransactionStatus")
    verdict = StatusVerdict.UNKNOWN
    if answer.result_code == "0":
        verdict = _STATUSES.get(status.replace(" ", "").lower(), StatusVerdict.UNKNOWN)
    parameters = answer.parameters
    return StatusResult(
        verdict=verdict,
        status=status,
        receipt_number=answer.receipt("ReceiptNo"),
        amount=answer.amount("Amount"),
        initiated_at=answer.instant("InitiatedTime"),
        finalised_at=answer.instant("FinalisedTime", "FinalizedTime"),
        reason_type=answer.words("ReasonType"),
        conversation_id=identifier_of(parameters.get("ConversationID")),
        originator_conversation_id=identifier_of(parameters.get("OriginatorConversationID")),
        debit_party=answer.words("DebitPartyName"),
        credit_party=answer.words("CreditPartyName"),
        answer=answer,
    )


# ---------------------------------------------------------------- a reversal


class ReversalVerdict(StrEnum):
    """What a reversal came to, by its code (daraja.md §8)."""

    REVERSED = "reversed"
    ALREADY_REVERSED = "already-reversed"  # once, by us or by somebody: see that it was ours, and pay nothing on top
    NOT_REVERSED_FINAL = "not-reversed-final"  # not done, and never will be
    NOT_REVERSED_RETRY = "not-reversed-retry"  # not done; may be ordered again when its cause is gone
    CONFIG = "config"  # not done; a person must correct our side first
    UNKNOWN = "unknown"  # ask for the status of the payment before anything else


_REVERSALS: Final[Mapping[str, ReversalVerdict]] = MappingProxyType(
    {
        "0": ReversalVerdict.REVERSED,
        "R000001": ReversalVerdict.ALREADY_REVERSED,
        "R000002": ReversalVerdict.NOT_REVERSED_FINAL,
        "1": ReversalVerdict.NOT_REVERSED_RETRY,  # our balance is too low
        **dict.fromkeys(CONFIG_CODES, ReversalVerdict.CONFIG),
    }
)


@dataclass(frozen=True, slots=True)
class ReversalResult:
    """What a reversal came to. ``receipt_number`` is the reversal's own, ``original_receipt`` the payment's."""

    verdict: ReversalVerdict
    receipt_number: str | None
    original_receipt: str | None
    amount: Money | None
    completed_at: datetime | None
    credit_party: str = field(repr=False)  # the person, "07… - NAME"
    debit_party: str = field(repr=False)
    answer: AsyncResult


def reversal_result(answer: AsyncResult) -> ReversalResult:
    """Read a result as that of a reversal (daraja.md §8)."""
    return ReversalResult(
        verdict=_REVERSALS.get(answer.result_code, ReversalVerdict.UNKNOWN),
        receipt_number=answer.transaction_id,
        original_receipt=answer.receipt("OriginalTransactionID"),
        amount=answer.amount("Amount"),
        completed_at=answer.instant("TransCompletedTime"),
        credit_party=answer.words("CreditPartyPublicName"),
        debit_party=answer.words("DebitPartyPublicName"),
        answer=answer,
    )


# ---------------------------------------------------------------- a B2C payment


class B2cVerdict(StrEnum):
    """What a B2C payment came to, by its code (daraja.md §10)."""

    PAID = "paid"
    ALREADY_TAKEN = "already-taken"  # an earlier order under our id was taken; its own result says what became of it
    NOT_PAID_FINAL = "not-paid-final"  # not done, and never will be as it was ordered
    NOT_PAID_RETRY = "not-paid-retry"  # not done; may be ordered again, under a new id, when its cause is gone
    CONFIG = "config"  # not done; a person must correct our side first
    UNKNOWN = "unknown"  # ask for its status; never order it again under another id


_B2C: Final[Mapping[str, B2cVerdict]] = MappingProxyType(
    {
        "0": B2cVerdict.PAID,
        "1": B2cVerdict.NOT_PAID_RETRY,  # our utility account is too low
        "2": B2cVerdict.NOT_PAID_FINAL,  # below the least amount
        "3": B2cVerdict.NOT_PAID_FINAL,  # above the largest amount
        "4": B2cVerdict.NOT_PAID_RETRY,  # over the day's limit
        "8": B2cVerdict.NOT_PAID_RETRY,  # over what the receiver's wallet may hold
        "15": B2cVerdict.ALREADY_TAKEN,
        "2040": B2cVerdict.NOT_PAID_FINAL,  # the receiver is not registered
        "SFC_IC0003": B2cVerdict.NOT_PAID_FINAL,  # no such number
        **dict.fromkeys(CONFIG_CODES, B2cVerdict.CONFIG),
    }
)


@dataclass(frozen=True, slots=True)
class B2cResult:
    """What a B2C payment came to; ``answer.originator_conversation_id`` is ours.

    ``receipt_number`` is None where the result gives two different ones. The funds are of our own accounts.
    """

    verdict: B2cVerdict
    receipt_number: str | None
    amount: Money | None
    completed_at: datetime | None
    utility_funds: Money | None
    receiver_registered: bool | None
    receiver: str = field(repr=False)  # "2547… - NAME"
    answer: AsyncResult


def b2c_result(answer: AsyncResult) -> B2cResult:
    """Read a result as that of a B2C payment (daraja.md §10)."""
    return B2cResult(
        verdict=_B2C.get(answer.result_code, B2cVerdict.UNKNOWN),
        receipt_number=_b2c_receipt(answer),
        amount=answer.amount("TransactionAmount"),
        completed_at=answer.instant("TransactionCompletedDateTime"),
        utility_funds=_funds(answer.parameters.get("B2CUtilityAccountAvailableFunds")),
        receiver_registered={"Y": True, "N": False}.get(answer.words("B2CRecipientIsRegisteredCustomer")),
        receiver=answer.words("ReceiverPartyPublicName"),
        answer=answer,
    )


def _funds(value: object) -> Money | None:
    text = value.text if isinstance(value, Number) else value
    return reported_amount(text) if isinstance(text, str) else None


def _b2c_receipt(answer: AsyncResult) -> str | None:
    said = answer.parameters.get("TransactionReceipt")
    if said is None:
        return answer.transaction_id
    receipt_number = receipt_of(said)
    return receipt_number if answer.transaction_id in {None, receipt_number} else None
