"""What Daraja's answers mean to an order: a question for a transaction's status, a reversal, a B2C payment. Pure.

These are asynchronous (daraja.md §7): the answer only says whether the order was taken; what became of it comes later
as a result (``results``). The rule is closed as a push's is: only what says for certain that nothing was done is
``Declined`` or ``NotSent``; everything else that is not a clean acknowledgement is ``Unknown``.

After Unknown, a status may be asked again: it moves no money. A reversal must not be sent again before the receipt's
own status was asked, since it carries no id of ours. A B2C payment may be sent again only under the same
OriginatorConversationID, which Safaricom takes once (daraja.md §10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rufaa.daraja.outcomes import (
    Because,
    Declined,
    Exchange,
    NotSent,
    Unknown,
    common_reason,
    error_of,
    gateway_words,
    refusal,
)
from rufaa.daraja.reading import code_of, identifier_of, read_object, text_of

_NOT_FOUND: Final = frozenset({"404.002.01", "404.003.01"})  # per product: no such address (daraja.md §11b)
_DUPLICATE: Final = "duplicate originatorconversationid"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The order was taken; nothing is done yet. At least one id is there, and the result will carry them.

    For B2C ``originator_conversation_id`` is ours; elsewhere Safaricom makes it.
    """

    conversation_id: str | None
    originator_conversation_id: str | None
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class AlreadyTaken:
    """An earlier B2C order under this OriginatorConversationID was taken; this one was not. What became of the earlier
    one is not said: wait for its result or ask for its status. Never choose another id because of this.
    """

    code: str
    message: str
    exchange: Exchange


OrderOutcome = Acknowledged | Declined | NotSent | Unknown
B2cOutcome = OrderOutcome | AlreadyTaken


def classify_order(exchange: Exchange, *, headers: Mapping[str, str], simulated: bool = False) -> OrderOutcome:
    """The one outcome of a complete answer to a status question or a reversal, or to a ``simulated`` C2B payment.

    An acknowledgement is HTTP 2xx with ResponseCode 0, no errorCode and a usable id (daraja.md §7); the simulated one
    of C2B v1 comes without a ResponseCode.
    """
    answer = read_object(exchange.body)
    turned_away = refusal(answer, exchange, headers=headers, because=_because)
    if turned_away is not None:
        return turned_away
    code, _ = error_of(answer)
    if code is not None or not isinstance(answer, dict) or not 200 <= (exchange.status or 0) < 300:
        return Unknown(*gateway_words(answer, exchange), exchange)
    said = answer.get("ResponseCode")
    response_code = "0" if said is None and simulated else code_of(said)
    if response_code != "0":
        return Unknown(
            f"response-{response_code}" if response_code else "no-response-code",
            text_of(answer.get("ResponseDescription")),
            exchange,
        )
    conversation_id = identifier_of(answer.get("ConversationID"))
    originator = answer.get("OriginatorConversationID")
    if originator is None:
        originator = answer.get("OriginatorCoversationID")  # C2B spells it so (daraja.md §6)
    originator_id = identifier_of(originator)
    if conversation_id is None and originator_id is None:
        return Unknown("no-conversation-id", "Daraja took the order but gave no usable id.", exchange)
    return Acknowledged(conversation_id, originator_id, exchange)


def classify_b2c(exchange: Exchange, *, headers: Mapping[str, str]) -> B2cOutcome:
    """The one outcome of a complete answer to a B2C order (daraja.md §10).

    The duplicate is told as errorCode 500.002.1001 or in the words of a ResponseCode that is not 0. With any sign that
    this order was taken as well, it is Unknown.
    """
    outcome = classify_order(exchange, headers=headers)
    if not isinstance(outcome, Unknown) or 300 <= (exchange.status or 0) < 400:
        return outcome
    answer = read_object(exchange.body)
    if not isinstance(answer, dict) or identifier_of(answer.get("ConversationID")) is not None:
        return outcome
    code, message = error_of(answer)
    if code == "500.002.1001" and answer.get("ResponseCode") is None and _DUPLICATE in message.lower():
        return AlreadyTaken(code, message, exchange)
    response_code, words = code_of(answer.get("ResponseCode")), text_of(answer.get("ResponseDescription"))
    if code is None and response_code not in {None, "0"} and _DUPLICATE in words.lower():
        return AlreadyTaken(f"response-{response_code}", words, exchange)
    return outcome


def _because(code: str, said: str) -> Because | None:
    return Because.BAD_REQUEST if code in _NOT_FOUND else common_reason(code, said)
