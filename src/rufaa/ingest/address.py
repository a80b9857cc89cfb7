"""The addresses that Safaricom posts to, and from where it is believed. Pure.

Each path is ``/<letter>/<id>-<secret>``: Safaricom keeps it as it is and puts nothing of ours in the body (daraja.md
§4), so the letter says what kind of report it is, the id what it is about, and the secret that Safaricom was told by
us. Hex digits spell no word that Safaricom forbids in URLs (daraja.md §13).

A secret is signed under the label of its kind: who knows one address of an account or an order opens no other with it.
Any key of the ring opens an address, so that one which was registered once for ever (C2B, daraja.md §6) lives as long
as the key that was first then stays in ``RUFAA_SECRET_KEYS``.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from rufaa import secret
from rufaa.config import Callbacks, Config, Network
from rufaa.daraja.settings import CALLBACK_ADDRESSES
from rufaa.source import within


class Kind(StrEnum):
    """What an address is for. The inbox, metrics and logs have these words."""

    STK = "stk"  # a prompt's callback; the subject is the prompt
    C2B = "c2b"  # a payment that was made; the account
    C2B_VALIDATION = "c2b-validation"  # a payment that is about to be made; the account
    RESULT = "result"  # what an order came to; the order
    TIMEOUT = "timeout"  # an order that was not processed in time; the order


_LETTERS: Final = MappingProxyType(
    {Kind.STK: "h", Kind.C2B: "c", Kind.C2B_VALIDATION: "v", Kind.RESULT: "o", Kind.TIMEOUT: "t"}
)
_LABELS: Final = MappingProxyType(
    {
        Kind.STK: "callback",
        Kind.C2B: "c2b-confirmation",
        Kind.C2B_VALIDATION: "c2b-validation",
        Kind.RESULT: "order-result",
        Kind.TIMEOUT: "order-timeout",
    }
)
PREFIXES: Final[Mapping[str, Kind]] = MappingProxyType({f"/{letter}/": kind for kind, letter in _LETTERS.items()})
"""How the path of a report begins, by its kind. All are as long: ``path[:PREFIX_LENGTH]`` may be looked up."""
PREFIX_LENGTH: Final = 3
NOWHERE: Final = "http://no-callbacks.example.com/"
"""The callback address of prompts whose results are only asked for (``MPESA_CALLBACKS=none``). It keeps Safaricom's
rules for the sandbox, holds no secret, and its name is reserved for examples and leads nowhere. It is http, so that
the client refuses to send it to production (daraja.md §13)."""
_PATH: Final = re.compile(r"(/[a-z]/)([0-9a-f]{32})-([0-9a-f]{32})", re.ASCII)


def _url(kind: Kind, public_url: str, subject: uuid.UUID, keys: Sequence[str]) -> str:
    return f"{public_url}/{_LETTERS[kind]}/{subject.hex}-{secret.signature(keys, _LABELS[kind], subject.hex)}"


def callback_url(public_url: str, prompt: uuid.UUID, *, keys: Sequence[str]) -> str:
    """Where Safaricom tells what became of a push."""
    return _url(Kind.STK, public_url, prompt, keys)


def confirmation_url(public_url: str, account: uuid.UUID, *, keys: Sequence[str]) -> str:
    """Where Safaricom tells of each payment to an account."""
    return _url(Kind.C2B, public_url, account, keys)


def validation_url(public_url: str, account: uuid.UUID, *, keys: Sequence[str]) -> str:
    """Where Safaricom asks, if that is switched on, whether to take a payment to an account."""
    return _url(Kind.C2B_VALIDATION, public_url, account, keys)


def result_url(public_url: str, order: uuid.UUID, *, keys: Sequence[str]) -> str:
    """Where Safaricom tells what an order came to: a status question, a reversal, a B2C payment."""
    return _url(Kind.RESULT, public_url, order, keys)


def timeout_url(public_url: str, order: uuid.UUID, *, keys: Sequence[str]) -> str:
    """Where Safaricom tells that an order was not processed in time."""
    return _url(Kind.TIMEOUT, public_url, order, keys)


def callback_urls(config: Config) -> Callable[[uuid.UUID], str]:
    """The callback address of each prompt, as the operator's settings want it."""
    if config.callbacks is Callbacks.NONE:
        return lambda _prompt: NOWHERE
    return partial(callback_url, config.public_url, keys=config.secret_keys)


@dataclass(frozen=True, slots=True)
class AccountUrls:
    """What is registered for an account, once for ever in production (daraja.md §6)."""

    confirmation: str
    validation: str


def account_urls(config: Config) -> Callable[[uuid.UUID], AccountUrls] | None:
    """The C2B addresses of each account. None where ``MPESA_CALLBACKS=none``: there is nothing to register, and an
    address that leads nowhere must never stand for one that is registered once."""
    if config.callbacks is Callbacks.NONE:
        return None
    return lambda account: AccountUrls(
        confirmation_url(config.public_url, account, keys=config.secret_keys),
        validation_url(config.public_url, account, keys=config.secret_keys),
    )


@dataclass(frozen=True, slots=True)
class OrderUrls:
    """What goes with an order."""

    result: str
    timeout: str


def order_urls(config: Config) -> Callable[[uuid.UUID], OrderUrls] | None:
    """The addresses of each order. None where ``MPESA_CALLBACKS=none``: what an order came to is told there and nowhere
    else, so none can be given."""
    if config.callbacks is Callbacks.NONE:
        return None
    return lambda order: OrderUrls(
        result_url(config.public_url, order, keys=config.secret_keys),
        timeout_url(config.public_url, order, keys=config.secret_keys),
    )


def report_at(path: str, *, keys: Sequence[str]) -> tuple[Kind, uuid.UUID] | None:
    """What is reported at ``path``, and what about; None where it is no such path, or its secret is not ours."""
    match = _PATH.fullmatch(path)
    kind = PREFIXES.get(match[1]) if match is not None else None
    if match is None or kind is None or not secret.is_signature(keys, _LABELS[kind], match[2], match[3]):
        return None
    return kind, uuid.UUID(hex=match[2])


def callback_networks(config: Config) -> Sequence[Network] | None:
    """From where callbacks are believed: what the operator says, else Safaricom's published list in production."""
    if config.callbacks_from_safaricom_only:
        return [ipaddress.ip_network(address) for address in CALLBACK_ADDRESSES]
    return config.callback_networks


def may_speak_for_safaricom(source: str, networks: Sequence[Network] | None) -> bool:
    """Whether ``source`` is on the operator's list; every address is where there is no list."""
    return networks is None or within(source, networks)
