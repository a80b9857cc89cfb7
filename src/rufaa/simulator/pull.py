"""Pull on the wire (daraja.md §10): the checks of its two requests, and the text of their answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from rufaa.clock import EAT
from rufaa.phone import Phone
from rufaa.simulator import answers, c2b, checks
from rufaa.simulator.answers import Answer
from rufaa.simulator.config import Merchant, PullZone, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.movements import Movement
from rufaa.simulator.registrations import PullRegistration

LONGEST_WINDOW: Final = timedelta(hours=48)  # and nothing older is told

_WRITTEN: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Window:
    merchant: Merchant
    start: datetime
    end: datetime
    offset: int  # rows


# ---------------------------------------------------------------- what a merchant asks


def register(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str) -> PullRegistration:
    merchant = c2b.own_merchant(body, "ShortCode", settings=settings, app=app)
    if body.get("RequestType") != "Pull":
        raise answers.invalid("RequestType")
    number = Phone(checks.matching(body, "NominatedNumber", checks.PHONE))
    return PullRegistration(merchant.short_code, number, checks.address(body, "CallBackURL"))


def query(body: Mapping[str, Any], *, settings: SimulatorSettings, app: str) -> Window:
    merchant = c2b.own_merchant(body, "ShortCode", settings=settings, app=app)
    zone = window_zone(settings.pull_zone)
    window = Window(
        merchant,
        start=_instant(body.get("StartDate"), zone),
        end=_instant(body.get("EndDate"), zone),
        offset=_offset(body.get("OffSetValue")),
    )
    if not timedelta(0) <= window.end - window.start <= LONGEST_WINDOW:
        raise answers.pull_refused()
    return window


def _instant(value: object, zone: tzinfo) -> datetime:
    if not isinstance(value, str):
        raise answers.pull_refused()
    try:
        return datetime.strptime(value, _WRITTEN).replace(tzinfo=zone)
    except ValueError as error:
        raise answers.pull_refused() from error


def _offset(value: object) -> int:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise answers.pull_refused()
    return int(text)


def window_zone(zone: PullZone) -> tzinfo:
    """How StartDate and EndDate are understood."""
    return UTC if zone is PullZone.UTC else EAT


def row_zone(zone: PullZone) -> tzinfo:
    """What the Z of trxDate really is."""
    return EAT if zone is PullZone.EAT else UTC


# ---------------------------------------------------------------- what a merchant is told


def registered(*, short_code: str, again: bool, reference: str, spaced: bool) -> Answer:
    """With ``spaced``, keys have a space; both are seen."""
    space = " " if spaced else ""
    words = "ShortCode already Registered" if again else "ShortCode Registered Successfully"
    return Answer(
        200,
        json.dumps(
            {
                "ResponseRefID": reference,
                f"Response{space}Status": "1001" if again else "1000",
                "ShortCode": short_code,
                f"Response{space}Description": words,
            }
        ),
    )


def seen(payments: Iterable[Movement], window: Window, *, now: datetime, fault: Fault | None) -> list[Movement]:
    """The payments that a query shows, oldest first, as ``fault`` spoils it."""
    since = max(window.start, now - LONGEST_WINDOW)
    shown = [
        each
        for each in payments
        if each.is_payment and each.short_code == window.merchant.short_code and since <= each.at <= window.end
    ]
    match None if fault is None else fault.kind:
        case FaultKind.PULL_NONE:
            shown = []
        case FaultKind.PULL_LATE:
            assert fault is not None
            shown = [each for each in shown if each.at <= now - timedelta(seconds=fault["delay_s"])]
        case FaultKind.PULL_DOUBLED:
            shown = [each for each in shown for _ in range(2)]
        case _:
            pass
    return shown


def answer(payments: Sequence[Movement], *, merchant: Merchant, zone: PullZone, reference: str) -> Answer:
    """A list in a list, which is also there when it is empty."""
    said = {
        "ResponseRefID": reference,
        "ResponseCode": "1000" if payments else "1001",
        "ResponseMessage": "Success" if payments else "No transactions available",
        "Response": [[_row(each, merchant=merchant, zone=row_zone(zone)) for each in payments]],
    }
    return Answer(200, json.dumps(said))


def _row(payment: Movement, *, merchant: Merchant, zone: tzinfo) -> dict[str, object]:
    return {
        "transactionId": payment.receipt,
        "trxDate": f"{payment.at.astimezone(zone):%Y-%m-%dT%H:%M:%S}Z",
        "msisdn": int(payment.phone.removeprefix("254")),
        "sender": "MPESA",
        "transactiontype": "c2b-pay-bill-debit" if merchant.till_number is None else "c2b-buy-goods-debit",
        "billreference": payment.reference,
        "amount": f"{payment.amount.decimal:.2f}",
        "organizationname": merchant.name,
    }
