"""The results of orders, as inconsistent as Safaricom writes them (daraja.md §7, §8, §10). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from rufaa.clock import EAT, daraja_timestamp
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import codes
from rufaa.simulator.c2b import name_of
from rufaa.simulator.callbacks import Raw, Value, write
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.order_law import Fails, Tells
from rufaa.simulator.orders import Order, OrderKind

_SUBMIT: Final[Mapping[OrderKind, str]] = {
    OrderKind.STATUS: "transactionstatusresults",
    OrderKind.REVERSAL: "reversalresults",
    OrderKind.B2C: "b2cresults",
}
_REASONS: Final[Mapping[Way, str]] = {
    Way.STK: "Pay Utility",
    Way.BY_HAND: "Pay Bill Online",
    Way.SIMULATED: "Pay Bill Online",
    Way.REVERSAL: "Transaction Reversal",
    Way.PAYOUT: "Business Payment to Customer via API",
}


class StatusForm(Enum):
    """How a status is spelled; each is seen."""

    PLAIN = "plain"
    SPACED = "spaced"  # "Conversation ID", "FinalizedTime"
    TWICE = "twice"  # DebitPartyName stands twice, and CreditPartyName not at all


@dataclass(frozen=True, slots=True)
class Told:
    """What every result says: of which order of whom, under which number of its own, and when."""

    order: Order
    business: str  # "174379 - NAME"
    transaction_id: str
    at: datetime


def failed(told: Told, fails: Fails) -> str:
    return _envelope(told, code=fails.code, parameters=None)


def moved(told: Told, movement: Movement) -> str:
    """``movement`` is as the books have it afterwards, or as a forger makes it up."""
    if movement.way is Way.REVERSAL:
        return _envelope(told, code=codes.PAID, parameters=_reversal(told, movement))
    return _envelope(told, code=codes.PAID, parameters=_payout(told, movement))


def status(told: Told, tells: Tells, *, form: StatusForm) -> str:
    return _envelope(told, code=codes.PAID, parameters=_status(told, tells, form=form))


def timed_out(told: Told) -> str:
    """What comes to the QueueTimeOutURL. Its form is not documented; it says nothing but which order is meant."""
    return write(
        {
            "Result": {
                "ResultType": 1,
                "ResultDesc": "The service request was not processed in time.",
                "OriginatorConversationID": told.order.originator_id,
                "ConversationID": told.order.conversation_id,
            }
        }
    )


def failed_number(receipt: str) -> str:
    """The number of an order that moved nothing: its day, and zeros."""
    return receipt[:3] + "0000000"


def _envelope(told: Told, *, code: str, parameters: list[Value] | None) -> str:
    order = told.order
    listed: dict[str, Value] = {} if parameters is None else {"ResultParameters": {"ResultParameter": parameters}}
    if order.kind is OrderKind.STATUS:
        item: dict[str, Value] = {"Key": "Occasion", **({"Value": order.occasion} if order.occasion else {})}
    else:
        submit = f"https://internalapi.safaricom.co.ke/mpesa/{_SUBMIT[order.kind]}/v1/submit"
        item = {"Key": "QueueTimeoutURL", "Value": submit}
    return write(
        {
            "Result": {
                "ResultType": 0,
                "ResultCode": codes.on_the_wire(code),
                "ResultDesc": codes.result_words(code),
                "OriginatorConversationID": order.originator_id,
                "ConversationID": order.conversation_id,
                "TransactionID": told.transaction_id,
                **listed,
                "ReferenceData": {"ReferenceItem": item},
            }
        }
    )


def _reversal(told: Told, movement: Movement) -> list[Value]:
    balance = _shillings(movement.till_after)
    return [
        _item("DebitAccountBalance", f"Utility Account|KES|{balance}|{balance}|0.00|0.00"),
        _item("Amount", Raw(_shillings(movement.amount))),
        _item("TransCompletedTime", Raw(daraja_timestamp(told.at))),
        _item("OriginalTransactionID", movement.undoes or ""),
        _item("Charge", Raw("0.00")),
        _item("CreditPartyPublicName", _person(movement, local=True)),
        _item("DebitPartyPublicName", told.business),
    ]


def _payout(told: Told, movement: Movement) -> list[Value]:
    return [
        _item("TransactionAmount", movement.amount.shillings),
        _item("TransactionReceipt", movement.receipt),
        _item("ReceiverPartyPublicName", _person(movement)),
        _item("TransactionCompletedDateTime", f"{told.at.astimezone(EAT):%d.%m.%Y %H:%M:%S}"),
        _item("B2CUtilityAccountAvailableFunds", Raw(_shillings(movement.till_after))),
        _item("B2CWorkingAccountAvailableFunds", Raw("0.00")),
        _item("B2CRecipientIsRegisteredCustomer", "Y"),
        _item("B2CChargesPaidAccountAvailableFunds", Raw("0.00")),
    ]


def _status(told: Told, tells: Tells, *, form: StatusForm) -> list[Value]:
    about = _about(told, tells)
    debit, credit = about.debit, about.credit
    spaced = form is StatusForm.SPACED
    parties = [_item("DebitPartyName", debit), _item("CreditPartyName", credit)]
    if form is StatusForm.TWICE:
        parties = [_item("DebitPartyName", credit), _item("DebitPartyName", debit)]
    final = [] if about.ended_at is None else [_time("FinalizedTime" if spaced else "FinalisedTime", about.ended_at)]
    return [
        *parties,
        _item("Originator Conversation ID" if spaced else "OriginatorConversationID", about.originator_id),
        _time("InitiatedTime", about.began_at),
        _item("DebitAccountType", "MMF Account" if about.from_phone else "Utility Account"),
        _item("DebitPartyCharges", ""),
        {"Key": "TransactionReason"},
        _item("ReasonType", about.reason),
        _item("TransactionStatus", tells.status),
        *final,
        _item("Amount", Raw(_shillings(about.amount))),
        _item("Conversation ID" if spaced else "ConversationID", about.conversation_id),
        _item("ReceiptNo", about.receipt),
    ]


@dataclass(frozen=True, slots=True)
class _About:
    """What a status tells of, whichever kind it is."""

    receipt: str
    amount: Money
    debit: str
    credit: str
    from_phone: bool
    began_at: datetime
    ended_at: datetime | None
    reason: str
    originator_id: str
    conversation_id: str


def _about(told: Told, tells: Tells) -> _About:
    business = told.business
    if tells.movement is not None:
        moved_ = tells.movement
        person = _person(moved_)
        return _About(
            receipt=moved_.receipt,
            amount=moved_.amount,
            debit=person if moved_.is_payment else business,
            credit=business if moved_.is_payment else person,
            from_phone=moved_.is_payment,
            began_at=moved_.at,
            ended_at=moved_.at,
            reason=_REASONS[moved_.way],
            originator_id=moved_.originator_id,
            conversation_id=moved_.conversation_id,
        )
    if tells.prompt is not None:
        prompt = tells.prompt
        return _About(
            receipt="",
            amount=prompt.amount,
            debit=_named(prompt.payer),
            credit=business,
            from_phone=True,
            began_at=prompt.created_at,
            ended_at=prompt.ended_at,
            reason=_REASONS[Way.STK],
            originator_id=prompt.merchant_request_id,
            conversation_id="",
        )
    order = tells.order
    assert order is not None
    return _About(
        receipt=order.transaction_id or "",
        amount=order.amount or Money(0),
        debit=business,
        credit="" if order.phone is None else _named(order.phone),
        from_phone=False,
        began_at=order.taken_at,
        ended_at=order.ended_at,
        reason=_REASONS[Way.PAYOUT if order.kind is OrderKind.B2C else Way.REVERSAL],
        originator_id=order.originator_id,
        conversation_id=order.conversation_id,
    )


def _item(key: str, value: Value) -> dict[str, Value]:
    return {"Key": key, "Value": value}


def _time(key: str, instant: datetime) -> dict[str, Value]:
    return _item(key, Raw(daraja_timestamp(instant)))


def _shillings(amount: Money | None) -> str:
    return f"{(amount or Money(0)).decimal:.2f}"


def _person(movement: Movement, *, local: bool = False) -> str:
    """``254708374149 - BRIAN ODHIAMBO``; a reversal writes 0708374149."""
    return _named(movement.phone, local=local)


def _named(phone: Phone, *, local: bool = False) -> str:
    first, last = name_of(phone)
    return f"{'0' + phone[3:] if local else phone} - {first} {last}"
