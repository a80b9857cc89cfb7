"""What carries messages: Africa's Talking, the virtual handset of the simulator, and the mail server.

A gateway turns whatever the network does into an ``Outcome``, once. Facts of Africa's Talking: its own documentation,
pages "SMS, sending" and "Delivery reports". It has no idempotency key, so that what may have been taken is never given
to it again by itself.
"""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import urlencode

import aiohttp
from django.core.mail import EmailMessage

from rufaa import clock
from rufaa.carriers import Sms, SmsKind
from rufaa.daraja.wire import Failure, Timeouts, Wire
from rufaa.db.aside import Aside
from rufaa.notices import gsm
from rufaa.notices.machine import Channel

BROKE_AGAIN_S: Final = 600.0
"""When something is tried again that a person has to mend first: a key that is refused, an account without credit."""


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out. ``key`` names it, the same one each time that the same thing is sent."""

    key: str
    channel: Channel
    to: str  # a phone as 254…, or an e-mail address
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """``delivered``: it is where it should be, and no report will come."""

    gateway_id: str | None
    parts: int
    cost: str = ""
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Certainly not; it may be tried again."""

    why: str
    after_s: float | None = None  # None: as the waits of our own have it


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be taken, however often. ``unwanted``: because its phone wants nothing from us."""

    why: str
    unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """It may have been taken."""

    why: str


Outcome: TypeAlias = Taken | NotTaken | Refused | Lost


class Gateway(Protocol):
    """``knows_again``: the same key twice is one message."""

    @property
    def knows_again(self) -> bool: ...

    async def send(self, message: Message) -> Outcome: ...


class AfricasTalking:
    """Bulk SMS of Africa's Talking, or of its sandbox, by ``Sms.url``."""

    knows_again = False

    def __init__(self, wire: Wire, sms: Sms) -> None:
        self._wire = wire
        self._sms = sms

    async def send(self, message: Message) -> Outcome:
        form = {"username": self._sms.user, "to": f"+{message.to}", "message": message.text}
        if self._sms.sender:
            form["from"] = self._sms.sender
        came = await self._wire.request(
            "POST",
            f"{self._sms.url}/version1/messaging",
            headers={"apiKey": self._sms.key, "Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            until=self._wire.deadline(),
            secrets=(self._sms.key,),
        )
        if isinstance(came, Failure):
            return _without_answer(came)
        return classify(came.exchange.status or 0, came.exchange.body)


def _without_answer(came: Failure) -> NotTaken | Lost:
    """Only what was certainly not written may be tried again."""
    return NotTaken(came.code) if came.nothing_written else Lost(came.code)


_TAKEN: Final = frozenset({100, 101, 102})  # processed, sent, queued
_UNWANTED: Final = frozenset({406, 409})  # on their list of people who said STOP
_NO_CREDIT: Final = 405
_NOT_NOW: Final = frozenset({500, 501})  # their own trouble, told for this message: it was not sent


def classify(status: int, body: bytes) -> Outcome:
    """What Africa's Talking answered."""
    if status == 401:
        return NotTaken("key-refused", BROKE_AGAIN_S)
    if status == 429:
        return NotTaken("throttled", 60.0)
    if 400 <= status < 500:
        return Refused(f"http-{status}")
    recipient = _recipient(body)
    if status not in {200, 201} or recipient is None:
        return Lost(f"http-{status}" if status not in {200, 201} else "unreadable-answer")
    if isinstance(recipient, str):
        return Refused(recipient)
    code, said = recipient.get("statusCode"), str(recipient.get("status", ""))[:80]
    if code in _TAKEN:
        told = recipient.get("messageId")
        parts = recipient.get("messageParts")
        return Taken(
            told[:120] if isinstance(told, str) and told not in {"", "None"} else None,
            parts if isinstance(parts, int) and 0 < parts < 100 else 0,
            str(recipient.get("cost", ""))[:40],
        )
    if code == _NO_CREDIT:
        return NotTaken("no-credit", BROKE_AGAIN_S)
    if code in _NOT_NOW:
        return NotTaken(said or f"status-{code}")
    return Refused(said or f"status-{code}", unwanted=code in _UNWANTED)


def _recipient(body: bytes) -> Mapping[str, Any] | str | None:
    """What is said of the one recipient; a sentence where it says that there is none; None if nothing can be read."""
    try:
        data = json.loads(body)["SMSMessageData"]
        recipients = data["Recipients"]
        if not recipients:
            return str(data["Message"])[:80] or "no-recipient"
        return recipients[0] if isinstance(recipients[0], dict) else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None


class Handset:
    """The simulator's virtual handset: it knows a message again by its key, and shows it at once."""

    knows_again = True

    def __init__(self, wire: Wire, sms: Sms) -> None:
        self._wire = wire
        self._sms = sms

    async def send(self, message: Message) -> Outcome:
        body = {"from": self._sms.sender or "RUFAA", "text": message.text, "key": message.key}
        came = await self._wire.request(
            "POST",
            f"{self._sms.url}/control/phones/{message.to}/messages",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
            until=self._wire.deadline(),
            secrets=(),
        )
        if isinstance(came, Failure):
            return _without_answer(came)
        if came.exchange.status == 201:
            return Taken(message.key, gsm.length(message.text).parts, "", delivered=True)
        return Refused(f"http-{came.exchange.status}")


class Mail:
    """The mail server of ``RUFAA_EMAIL_URL``. A message has one Message-ID each time, by which mailboxes know it."""

    knows_again = True

    def __init__(self, aside: Aside, *, host: str) -> None:
        self._aside = aside
        self._host = host

    async def send(self, message: Message) -> Outcome:
        return await self._aside.run(lambda: self._send(message))

    def _send(self, message: Message) -> Outcome:
        letter = EmailMessage(
            message.subject, message.text, None, [message.to], headers={"Message-ID": f"<{message.key}@{self._host}>"}
        )
        try:
            letter.send()
        except smtplib.SMTPRecipientsRefused as error:
            return _by_code(min(code for code, _said in error.recipients.values()), "recipient-refused")
        except smtplib.SMTPResponseException as error:
            return _by_code(error.smtp_code, type(error).__name__)
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            return Lost(type(error).__name__)
        except (OSError, smtplib.SMTPException) as error:
            return NotTaken(type(error).__name__)
        return Taken(None, 1)


def _by_code(code: int, why: str) -> Outcome:
    """A mail server's no: 4xx not now, greylisting say; 5xx never (RFC 5321 §4.2.1)."""
    return NotTaken(why) if 400 <= code < 500 else Refused(why)


def gateways(
    session: aiohttp.ClientSession,
    aside: Aside,
    *,
    sms: Sms | None,
    mail_host: str | None,
    now: Callable[[], datetime] = clock.now,
) -> Mapping[Channel, Gateway]:
    """Those that are set up."""
    found: dict[Channel, Gateway] = {}
    if sms is not None:
        wire = Wire(session, timeouts=Timeouts(), now=now)
        found[Channel.SMS] = Handset(wire, sms) if sms.kind is SmsKind.HANDSET else AfricasTalking(wire, sms)
    if mail_host is not None:
        found[Channel.EMAIL] = Mail(aside, host=mail_host)
    return found
