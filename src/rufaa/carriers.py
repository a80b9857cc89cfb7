"""What carries mail and SMS, as an operator writes it: an address with a name and a key in it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from rufaa.errors import InvalidSetting

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SENDER: Final = re.compile(r"[0-9]{3,15}|[A-Za-z0-9][A-Za-z0-9 ._-]{1,10}", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")


@dataclass(frozen=True, slots=True)
class Email:
    """The mail server, and who its e-mails come from. Neither flag: in the clear, to this machine only."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool
    starttls: bool
    sender: str


class SmsKind(StrEnum):
    AFRICAS_TALKING = "africastalking"
    HANDSET = "handset"


@dataclass(frozen=True, slots=True)
class Sms:
    """What sends SMS: where it is, as whom, and what stands as the sender ("": the gateway's own)."""

    kind: SmsKind
    url: str
    user: str
    key: str = field(repr=False)
    sender: str


def mail_server(text: str | None, *, sender: str) -> Email | None:
    """``RUFAA_EMAIL_URL``. Raises ``InvalidSetting``."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is no number, a bracket that is not closed
        host, port = "", None
    if not host or parts.scheme not in {"smtp", "smtps"} or parts.path not in {"", "/"} or parts.query or port == 0:
        # not shown: there may be a password
        raise InvalidSetting("RUFAA_EMAIL_URL: use smtp://name:password@host:587 or smtps://name:password@host:465.")
    if not _ADDRESS.fullmatch(sender):
        raise InvalidSetting("RUFAA_EMAIL_FROM: RUFAA_EMAIL_URL needs the address that e-mails come from.")
    tls = parts.scheme == "smtps"
    return Email(
        host=host,
        port=port or (465 if tls else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        starttls=not tls and host not in LOOPBACK,
        sender=sender,
    )


def sms_gateway(text: str | None, *, sender: str) -> Sms | None:
    """``RUFAA_SMS_URL``. Raises ``InvalidSetting``."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        kind, host, port = SmsKind(parts.scheme), parts.hostname or "", parts.port
    except ValueError:  # another scheme, a port that is no number, a bracket that is not closed
        host, port, kind = "", None, SmsKind.HANDSET
    named = bool(parts.username and parts.password) if host else False
    if not host or parts.path not in {"", "/"} or parts.query or (kind is SmsKind.AFRICAS_TALKING) != named:
        # not shown: there may be a key
        raise InvalidSetting(
            "RUFAA_SMS_URL: use africastalking://name:key@api.africastalking.com or handset://127.0.0.1:8001."
        )
    if kind is SmsKind.HANDSET and host not in LOOPBACK:
        raise InvalidSetting("RUFAA_SMS_URL: the virtual handset is on this machine: handset://127.0.0.1:8001.")
    if sender and not _SENDER.fullmatch(sender):
        raise InvalidSetting("RUFAA_SMS_FROM: use a short code, or 2 to 11 letters, digits, blanks, dots or hyphens.")
    where = f"{host}:{port}" if port else host
    return Sms(
        kind=kind,
        url=f"{'http' if host in LOOPBACK else 'https'}://{where}",
        user=unquote(parts.username or ""),
        key=unquote(parts.password or ""),
        sender=sender,
    )
