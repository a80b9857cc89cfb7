"""What is done about a notice whose time has come: sent, put off, or dropped. Pure: no Django, no I/O.

It is asked at the moment of sending, of what is so then: a prompt that has ended rings no more, a fee that was paid
meanwhile is not called unpaid, and who said STOP a minute ago is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from rufaa.clock import EAT
from rufaa.money import Money
from rufaa.notices import gsm, texts
from rufaa.notices.machine import MANNERS, Channel, Kind

NUMBER_WAIT: Final = timedelta(minutes=3)
"""So long a message of payment waits for the number of M-Pesa's receipt."""
_NUMBER_AGAIN: Final = timedelta(seconds=20)


class Why(StrEnum):
    """Why a notice is not sent. ``words`` says each to people."""

    STALE = "stale"  # too late to be worth telling
    NOT_SO = "not-so"  # no longer true
    SWITCHED_OFF = "switched-off"  # by the facility
    UNWANTED = "unwanted"  # its phone said no
    NO_CONSENT = "no-consent"  # the facility asks for a yes, and there was none
    NO_GATEWAY = "no-gateway"  # this server sends none
    NO_ADDRESS = "no-address"  # of the doctor, who may get one, but then reads of it elsewhere


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known at the moment of sending. ``phone``: whom an SMS goes to; "": nobody yet."""

    kind: Kind
    due_at: datetime
    code: str
    token: str
    referral: str  # its id, as addresses write it
    facility: str  # the receiving one, where the patient goes
    payee: str
    phone: str
    email: str
    mode: str
    language: str
    quiet_from: time
    quiet_until: time
    template: str | None
    wants: bool | None  # what the owner of the phone said; None: nothing
    silent: bool  # the facility no longer sends this kind
    referral_is_over: bool
    fee_is_settled: bool
    prompt_is_live: bool
    amount: Money | None
    receipt_number: str | None
    short_code: str
    till: str
    appointment: str  # its state; "": the notice is of none
    starts_at: datetime | None


@dataclass(frozen=True, slots=True)
class Send:
    to: str
    text: str
    parts: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Until then; None: until there is somebody to tell."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Drop:
    why: Why


Step: TypeAlias = Send | Wait | Drop


def step(facts: Facts, *, now: datetime, public_url: str, channels: frozenset[Channel]) -> Step:
    """What is to be done about a notice that is due."""
    manner = MANNERS[facts.kind]
    if facts.mode == "off" or facts.silent:
        return Drop(Why.SWITCHED_OFF)
    if manner.channel not in channels:
        return Drop(Why.NO_GATEWAY)
    if now > facts.due_at + manner.good_for:
        return Drop(Why.STALE)
    if not _is_so(facts, now):
        return Drop(Why.NOT_SO)
    to = facts.phone if manner.channel is Channel.SMS else facts.email
    if not to:
        return Wait(None) if manner.channel is Channel.SMS else Drop(Why.NO_ADDRESS)
    if manner.channel is Channel.SMS:
        if facts.wants is False:
            return Drop(Why.UNWANTED)
        if facts.mode == "with-consent" and facts.wants is None:
            return Drop(Why.NO_CONSENT)
        if manner.waits and (ends := quiet_until(now, facts.quiet_from, facts.quiet_until)) is not None:
            return Wait(ends)
    if facts.kind is Kind.PAID and facts.receipt_number is None and now < facts.due_at + NUMBER_WAIT:
        return Wait(now + _NUMBER_AGAIN)
    text = texts.fill(_template(facts), _values(facts, public_url))
    if manner.channel is Channel.EMAIL:
        return Send(to, text, 1, texts.subject(facts.language, code=facts.code))
    return Send(to, text, gsm.length(text).parts)


def _is_so(facts: Facts, now: datetime) -> bool:
    match facts.kind:
        case Kind.RECEIVED:
            return not facts.referral_is_over
        case Kind.RINGING:
            return facts.prompt_is_live and not facts.fee_is_settled
        case Kind.NOT_PAID:
            return not facts.prompt_is_live and not facts.fee_is_settled and not facts.referral_is_over
        case Kind.BOOKED | Kind.MOVED | Kind.REMINDER:
            return facts.appointment == "booked" and facts.starts_at is not None and facts.starts_at > now
        case Kind.CHOOSE:
            return facts.appointment == "lapsed" and not facts.referral_is_over
        case Kind.CANCELLED:
            return facts.starts_at is not None and facts.starts_at > now
        case Kind.PAID | Kind.OUTCOME:
            return True


def quiet_until(now: datetime, begins: time, ends: time) -> datetime | None:
    """When the quiet hours that ``now`` is in are over; None where it is in none. Times are Kenya's."""
    here = now.astimezone(EAT)
    at = here.timetz().replace(tzinfo=None)
    if begins == ends:
        return None
    if begins < ends:
        return (
            here.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0) if begins <= at < ends else None
        )
    if ends <= at < begins:
        return None
    morning = here if at < ends else here + timedelta(days=1)
    return morning.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)


def _template(facts: Facts) -> str:
    return facts.template or texts.DEFAULTS[facts.language][facts.kind]


def _values(facts: Facts, public_url: str) -> Mapping[str, str]:
    link = (
        f"{public_url}/referrals/{facts.referral}/" if facts.kind is Kind.OUTCOME else f"{public_url}/r/{facts.token}"
    )
    return {
        "facility": facts.facility,
        "payee": facts.payee,
        "code": facts.code,
        "link": link,
        "amount": "" if facts.amount is None else f"{facts.amount.cents // 100:,}",
        "receipt": facts.receipt_number or texts.UNNUMBERED[facts.language],
        "by_hand": texts.by_hand(short_code=facts.short_code, till=facts.till, code=facts.code),
        "when": "" if facts.starts_at is None else texts.when(facts.starts_at, facts.language),
    }
