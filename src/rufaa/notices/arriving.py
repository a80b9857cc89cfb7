"""What Africa's Talking tells us: that a message arrived or did not, that a phone wrote STOP, that one opted out.

The addresses hold a secret that only the gateway was told (``addresses``); nothing else says that a report is true. A
report of a message that we do not know changes nothing, but for one whose answer was lost: if the phone has exactly one
such message of the last day, it is that one's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from rufaa import phone as phones
from rufaa import secret
from rufaa.config import config
from rufaa.db import sql
from rufaa.db.atomic import Tx, unit
from rufaa.errors import InvalidArgument
from rufaa.law import Moved
from rufaa.notices.machine import MACHINE, Event, State
from rufaa.notices.wishes import Said, wish
from rufaa.phone import InvalidPhone, Phone

_SQL: Final = sql.load(__file__, "arriving.sql")
_LABEL: Final = "sms-gateway"
_LONGEST: Final = 10_000
_DELIVERED: Final = frozenset({"Success"})
_LOST: Final = frozenset({"Failed", "Rejected", "AbsentSubscriber", "Expired"})
_UNDER_WAY: Final = frozenset({"Sent", "Submitted", "Buffered"})
_STOP: Final = re.compile(r"(stop|stopall|unsubscribe|acha|komesha|sitaki)\b", re.IGNORECASE)
_START: Final = re.compile(r"(start|unstop|anza|nataka)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Addresses:
    """What an operator enters as callback URLs with Africa's Talking."""

    reports: str
    incoming: str
    opt_out: str


def addresses(public_url: str, keys: Sequence[str]) -> Addresses:
    base = f"{public_url}/sms/{secret.signature(keys, _LABEL, 'reports')}"
    return Addresses(f"{base}/reports", f"{base}/incoming", f"{base}/opt-out")


def report(tx: Tx, form: Mapping[str, str]) -> bool:
    """A delivery report. Returns whether it changed something. Raises ``InvalidArgument`` on what is none."""
    message_id, status = form.get("id", ""), form.get("status", "")
    if not 1 <= len(message_id) <= 120:
        raise InvalidArgument("id is the message's, of 1 to 120 characters.", argument="id")
    if status not in _DELIVERED | _LOST | _UNDER_WAY:
        known = ", ".join(sorted(_DELIVERED | _LOST | _UNDER_WAY))
        raise InvalidArgument(f"status is one of {known}.", argument="status")
    phone = _phone(form.get("phoneNumber"), argument="phoneNumber")
    about = {"id": message_id, "phone": phone}
    row = tx.row(_SQL["of_id"], about)
    if row is None:
        row = tx.row(_SQL["of_phone"], about)
        if row is not None:
            tx.execute(_SQL["bind"], {"notice": row["id"], "id": message_id})
        else:  # its answer may have been committed between the two looks
            row = tx.row(_SQL["of_id"], about)
    if row is None:
        return False
    event = Event.REPORTED if status in _DELIVERED else Event.REPORTED_LOST if status in _LOST else Event.TAKEN
    decided = MACHINE.decide(State(row["state"]), event)
    if not isinstance(decided, Moved):
        return False  # it said so already, or more
    reason = form.get("failureReason", "")[:80] if status in _LOST else ""
    tx.execute(
        _SQL["move"], {"notice": row["id"], "state": decided.state.value, "event": event.value, "reason": reason}
    )
    return True


def incoming(tx: Tx, form: Mapping[str, str]) -> bool:
    """What a phone wrote to us. Only STOP and START mean something. Raises ``InvalidArgument``."""
    phone = _phone(form.get("from"), argument="from")
    text = form.get("text", "").strip()
    wants = False if _STOP.match(text) else True if _START.match(text) else None
    if wants is None:
        return False
    return wish(tx, phone, wants=wants, said=Said.SMS)


def opt_out(tx: Tx, form: Mapping[str, str]) -> bool:
    """The gateway lets nothing from us through to a phone any more. Raises ``InvalidArgument``."""
    return wish(tx, _phone(form.get("phoneNumber"), argument="phoneNumber"), wants=False, said=Said.GATEWAY)


def _phone(text: str | None, *, argument: str) -> Phone:
    try:
        return phones.parse(text, argument=argument)
    except InvalidPhone as error:
        raise InvalidArgument(f"{argument} is a Kenyan mobile number.", argument=argument) from error


_TAKES: Final = {"reports": report, "incoming": incoming, "opt-out": opt_out}


@csrf_exempt
@require_POST
def arrive(request: HttpRequest, token: str, what: str) -> HttpResponse:
    """``POST /sms/<secret>/<what>``, form-encoded, as the gateway does it. 404 to whoever has not the secret."""
    if what not in _TAKES or not secret.is_signature(config().secret_keys, _LABEL, "reports", token):
        raise Http404
    if len(request.body) > _LONGEST:
        return HttpResponse("too long", status=413, content_type="text/plain")
    form = {name: str(value) for name, value in request.POST.items()}
    try:
        unit(lambda tx: _TAKES[what](tx, form))
    except InvalidArgument as error:
        return HttpResponse(error.message, status=400, content_type="text/plain")
    return HttpResponse("", content_type="text/plain")
