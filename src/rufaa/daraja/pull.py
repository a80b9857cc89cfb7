"""Pull: all C2B payments of the last 48 hours, to find those whose notices were lost (daraja.md §10). Pure.

A short code is registered for it once (``registration``), then asked window by window.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rufaa.clock import EAT
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.messages import amount_of, encoded, instant_of, phone_shown_of, receipt_of
from rufaa.daraja.orders import check_address
from rufaa.daraja.outcomes import (
    THROTTLE_S,
    Exchange,
    NoNews,
    error_of,
    gateway_words,
    refuses_token,
    retry_after,
    throttled,
)
from rufaa.daraja.reading import DOUBTFUL, Malformed, Number, code_of, digits_of, read_object, text_of
from rufaa.errors import InvalidArgument
from rufaa.money import Money

REGISTER_PATH: Final = "/pulltransactions/v1/register"
QUERY_PATH: Final = "/pulltransactions/v1/query"
LONGEST_WINDOW: Final = timedelta(hours=48)
MAX_BYTES: Final = 4 * 1024 * 1024  # a row is some 250 bytes; how many come at once is not documented
ZONE_DOUBT: Final = timedelta(hours=3)
"""How far ``PulledRow.paid_at`` may be off: a Z is read as UTC, as it is written, but no source shows a payment with
its known time, and M-Pesa's other clocks are all EAT. Never decide anything by it that three hours would change."""

_ZULU: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,6})?(Z?)")
_NESTED: Final = 4  # a list in a list is usual


def register_request(credentials: Credentials, *, callback_url: str) -> bytes:
    """The body of POST /pulltransactions/v1/register (daraja.md §10). Raises ``InvalidArgument``."""
    if credentials.nominated_number is None:
        raise InvalidArgument(
            "Pull needs the nominated number: the phone that the organisation registered with M-Pesa.",
            argument="credentials",
        )
    return encoded(
        {
            "ShortCode": credentials.short_code,
            "RequestType": "Pull",
            "NominatedNumber": credentials.nominated_number,
            "CallBackURL": check_address(credentials, callback_url, argument="callback_url"),
        }
    )


def query_request(credentials: Credentials, *, start: datetime, end: datetime, offset: int = 0) -> bytes:
    """The body of a query at /pulltransactions/v1/query (daraja.md §10). Raises ``InvalidArgument``.

    The window is sent in EAT; that this is the zone meant is taken from M-Pesa's other interfaces, so ask for
    ``ZONE_DOUBT`` more at both ends. ``offset`` counts rows, not pages.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidArgument("start and end must be aware datetimes.", argument="start")
    if not timedelta(0) < end - start <= LONGEST_WINDOW:
        raise InvalidArgument("The window must end after it starts and be 48 hours long at most.", argument="end")
    if offset < 0:
        raise InvalidArgument("offset must be 0 or more rows.", argument="offset")
    return encoded(
        {
            "ShortCode": credentials.short_code,
            "StartDate": _eat(start),
            "EndDate": _eat(end),
            "OffSetValue": str(offset),
        }
    )


def _eat(instant: datetime) -> str:
    return instant.astimezone(EAT).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class PulledRow:
    """One C2B payment. ``paid_at`` is less sure than elsewhere, see ``ZONE_DOUBT``. A field that is absent or doubtful
    is None, or "" if it is prose. Compare ``phone_shown`` with ``rufaa.phone.agrees``: it comes without its 254 too.
    """

    receipt_number: str
    amount: Money | None
    paid_at: datetime | None
    account_reference: str
    transaction_type: str
    organisation: str
    phone_shown: str | None = field(repr=False)
    sender: str = field(repr=False)
    told: bytes = field(default=b"", repr=False)
    """The whole row as JSON, each number as the text that it was written as."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The payments of the window from the offset on, none included. ``unreadable`` counts entries without a usable
    receipt number; where it is not 0, a person should look at the exchange.

    ``message`` matters where nothing came: "no transactions" is also said of a short code that is not registered.
    """

    rows: tuple[PulledRow, ...]
    unreadable: int
    message: str
    exchange: Exchange


PullOutcome = Pulled | NoNews


def classify_pull(exchange: Exchange, *, headers: Mapping[str, str]) -> PullOutcome:
    """The one outcome of a complete answer to a query: 1000 is a list, 1001 none (daraja.md §10).

    The list comes as ``[[…]]``, flat, or as the text ``[[]]``; keys come with spaces and in other cases. A row that is
    told twice in different words is told twice here: the receipt number decides, not we. NoNews is everything else: an
    empty answer must never pass for an empty window.
    """
    status, answer = exchange.status or 0, read_object(exchange.body, max_bytes=MAX_BYTES)
    code, message = error_of(answer)
    wait_s = throttled(code or "", message, status, headers)
    if wait_s is None and status == 429:
        wait_s = retry_after(headers, default=THROTTLE_S)
    if code is not None:
        return NoNews(code, message, wait_s, exchange)
    if isinstance(answer, Malformed) or not 200 <= status < 300:
        return NoNews(*gateway_words(answer, exchange), wait_s, exchange)
    said = _plain_keys(answer)
    response_code, words = code_of(said.get("responsecode")), text_of(said.get("responsemessage"))
    if response_code not in {"0", "1000", "1001"}:
        return NoNews(f"response-{response_code}" if response_code else "no-response-code", words, None, exchange)
    listed = said.get("response", said.get("transactions", said.get("transaction")))
    if isinstance(listed, str):
        listed = [] if listed.strip() in {"", "[]", "[[]]"} else None
    if listed is None and response_code == "1001":
        listed = []
    if not isinstance(listed, list):
        return NoNews("no-list", "The answer has no list of transactions.", None, exchange)
    entries = list(_entries(listed, _NESTED))
    rows = [row for entry in entries if (row := _row(entry)) is not None]
    return Pulled(tuple(rows), len(entries) - len(rows), words, exchange)


def refuses_pull_token(exchange: Exchange) -> bool:
    """As ``refuses_token``; Pull has a code of its own for it, and asking twice changes nothing (daraja.md §10)."""
    code, _ = error_of(read_object(exchange.body, max_bytes=MAX_BYTES))
    return code == "401.001" or refuses_token(exchange)


def _entries(listed: list[object], depth: int) -> Iterator[object]:
    for entry in listed:
        if isinstance(entry, list) and depth:
            yield from _entries(entry, depth - 1)
        else:
            yield entry


def _row(entry: object) -> PulledRow | None:
    if not isinstance(entry, dict):
        return None
    said = _plain_keys(entry)
    receipt_number = receipt_of(said.get("transactionid"))
    if receipt_number is None:
        return None
    return PulledRow(
        receipt_number=receipt_number,
        amount=amount_of(said.get("amount")),
        paid_at=_paid_at(said.get("trxdate")),
        account_reference=_words(said.get("billreference")),
        transaction_type=_words(said.get("transactiontype")),
        organisation=_words(said.get("organizationname")),
        phone_shown=_phone_shown(said.get("msisdn")),
        sender=_words(said.get("sender")),
        told=json.dumps(entry, default=_written).encode(),
    )


def _written(value: object) -> str:
    return value.text if isinstance(value, Number) else str(value)


def _plain_keys(entry: Mapping[str, object]) -> dict[str, object]:
    """Keys without spaces and in lower case; what two spellings say in two ways is doubtful."""
    plain: dict[str, object] = {}
    for key, value in entry.items():
        name = key.replace(" ", "").lower()
        if plain.setdefault(name, value) != value:
            plain[name] = DOUBTFUL
    return plain


def _words(value: object) -> str:
    return text_of(value.text if isinstance(value, Number) else value, limit=100)


def _phone_shown(value: object) -> str | None:
    return phone_shown_of(value if digits_of(value) is None else digits_of(value))


def _paid_at(value: object) -> datetime | None:
    """UTC with a Z, EAT without (daraja.md §15)."""
    match = _ZULU.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return instant_of(value)
    as_eat = instant_of(f"{match[1]} {match[2]}")
    return as_eat + timedelta(hours=3) if as_eat is not None and match[3] else as_eat
