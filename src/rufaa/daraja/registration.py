"""What Daraja's answers mean to a registration: of C2B addresses (daraja.md §6), of a short code for Pull (§10). Pure.

A registration moves no money; after Unknown it may be sent again. In production it is made once: the second try is told
that it is there already, and only Safaricom's portal takes one away.
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
from rufaa.daraja.reading import Malformed, code_of, read_object, text_of

_URLS_THERE: Final = "urls are already registered"
_HELD_ELSEWHERE: Final = "duplicate notification info"
_NOT_FOUND: Final = frozenset({"404.002.01", "404.003.01"})


@dataclass(frozen=True, slots=True)
class Registered:
    """The registration was made."""

    message: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class AlreadyRegistered:
    """Something is registered there already; whether these addresses or others is not said.

    ``perhaps_by_another``: Safaricom names a service provider, who may be an aggregator that holds the short code; then
    the notices go there, and the operator must have it removed.
    """

    code: str
    message: str
    perhaps_by_another: bool
    exchange: Exchange


RegistrationOutcome = Registered | AlreadyRegistered | Declined | NotSent | Unknown


def classify_c2b_registration(exchange: Exchange, *, headers: Mapping[str, str]) -> RegistrationOutcome:
    """The one outcome of a complete answer to C2B's registerurl. Done is said as ResponseCode "0", as "00000000", or by
    a bare ``{"ResponseDescription": "Success"}`` (daraja.md §6).
    """
    answer = read_object(exchange.body)
    code, message = error_of(answer)
    if code is not None:
        said = message.lower()
        if code == "500.003.1001" and (_URLS_THERE in said or _HELD_ELSEWHERE in said):
            return AlreadyRegistered(code, message, _HELD_ELSEWHERE in said, exchange)
        return _turned_away(answer, exchange, headers)
    if isinstance(answer, Malformed) or not 200 <= (exchange.status or 0) < 300:
        return _turned_away(answer, exchange, headers)
    response, words = answer.get("ResponseCode"), text_of(answer.get("ResponseDescription"))
    if response is None:
        done = "success" in words.lower()
    else:  # "00000000" is no canonical code, and so read here
        done = code_of(response) == "0" or (isinstance(response, str) and bool(response) and not response.strip("0"))
    return Registered(words, exchange) if done else _turned_away(answer, exchange, headers)


def classify_pull_registration(exchange: Exchange, *, headers: Mapping[str, str]) -> RegistrationOutcome:
    """The one outcome of a complete answer to Pull's register: 1000 is done, 1001 is there already (daraja.md §10).

    Keys come with and without a space.
    """
    answer = read_object(exchange.body)
    code, _ = error_of(answer)
    if code is None and isinstance(answer, dict) and 200 <= (exchange.status or 0) < 300:
        spaceless = {name.replace(" ", ""): value for name, value in answer.items()}
        status = code_of(spaceless.get("ResponseStatus"))
        words = text_of(spaceless.get("ResponseDescription")) or text_of(answer.get("errorMessage"))
        if status == "1000":
            return Registered(words, exchange)
        if status == "1001":
            return AlreadyRegistered(status, words, perhaps_by_another=False, exchange=exchange)
    return _turned_away(answer, exchange, headers)


def _turned_away(
    answer: dict[str, object] | Malformed, exchange: Exchange, headers: Mapping[str, str]
) -> Declined | NotSent | Unknown:
    known = refusal(answer, exchange, headers=headers, because=_because)
    return known if known is not None else Unknown(*gateway_words(answer, exchange), exchange)


def _because(code: str, said: str) -> Because | None:
    return Because.BAD_REQUEST if code in _NOT_FOUND else common_reason(code, said)
