"""What whoever has a patient's link may see and do. They need not sign in: the link's token is their whole proof.

They see what the fee is and what became of it, the patient's short name, and nothing medical: no column with anything
clinical is read here. Where the patient is expected, and when, is for who also knows the date of birth; asking for that
is the page's part (``rufaa.paypage``). They may ask a phone for the fee, and nothing else.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Final

from rufaa import phone as phones
from rufaa import reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.payments import operations as payments
from rufaa.payments.operations import FeeNotOpen, PaidAlready, Requested
from rufaa.phone import Phone
from rufaa.referrals.machine import Status
from rufaa.referrals.models import Referral

_SQL: Final = sql.load(__file__, "bearer.sql")
_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]{20,128}")
_LONGEST_NAME: Final = 24

ACTOR: Final = uuid.UUID(bytes=b"patient page\0\0\0\0")
"""Who made a move, as the history has it, where it was the bearer of a link. No person's id looks like this one: it is
of no version that is ever given out."""
NAME: Final = "the patient page"
"""What ``ACTOR`` is called."""


class UnknownLink(RufaaError):
    """No referral has this token."""

    kind = Kind.NOT_FOUND
    code = "unknown-link"

    def __init__(self) -> None:
        super().__init__("There is no page with this address.")


class Overtaken(RufaaError):
    """The fee was asked for since whoever asks now has looked."""

    kind = Kind.CONFLICT
    code = "overtaken"


@dataclass(frozen=True, slots=True)
class Linked:
    """A referral as its patient's link shows it."""

    id: uuid.UUID
    token: str
    status: Status
    fee: uuid.UUID | None
    name: str  # as far as a stranger may read it, see ``short_name``
    payer_phone: Phone | None
    born_on: str  # YYYY-MM-DD, or empty where it is not known; to compare with, never to show
    released: bool  # the receiving facility knows of it


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """For who knows the date of birth as well: where the patient goes, and when."""

    referring: str
    receiving: str
    booked_date: str  # YYYY-MM-DD, or empty
    booked_time: str  # as it was typed, or empty


def find(tx: Tx, token: str) -> Linked:
    """The referral of a link. Raises ``UnknownLink``; whatever ``token`` is, the database is asked once."""
    row = tx.row(_SQL["find"], {"token": token if _TOKEN.fullmatch(token) else ""})
    if row is None:
        reads.note(reads.NOTHING)
        raise UnknownLink
    reads.note(reads.topic("referral", row["id"]))
    return Linked(
        id=row["id"],
        token=row["token"],
        status=Status(row["state"]),
        fee=row["fee_id"],
        name=short_name(row["name"]),
        payer_phone=Phone(row["payer_phone"]) if row["payer_phone"] else None,
        born_on=row["date_of_birth"],
        released=row["released"],
    )


def locked(tx: Tx, token: str) -> Referral:
    """The referral of a link with its fee, both locked in the order of all operations. Raises ``UnknownLink``."""
    linked = find(tx, token)
    if linked.fee is not None:
        payments.lock_fee(tx, linked.fee)
    return Referral.objects.select_for_update(of=("self",)).get(pk=linked.id)


def receiving(tx: Tx, linked: Linked) -> uuid.UUID:
    """The facility that it goes to."""
    row = tx.row(_SQL["receiving"], {"referral": linked.id})
    assert row is not None  # referrals are kept
    return uuid.UUID(str(row["receiving_id"]))


def whereabouts(tx: Tx, linked: Linked) -> Whereabouts:
    """What the page tells only after the date of birth."""
    row = tx.row(_SQL["whereabouts"], {"referral": linked.id})
    assert row is not None  # referrals are kept
    return Whereabouts(**row)


def short_name(name: str) -> str:
    """``Jane W.`` of "Jane Akinyi Wafula": enough to know whose page it is, too little to know who that is."""
    first, *others = name.split() or [""]
    short = first if len(first) <= _LONGEST_NAME else f"{first[:_LONGEST_NAME]}…"
    return f"{short} {others[-1][0]}." if others else short


def ask(tx: Tx, token: str, *, phone: str, after: int | None = None) -> Requested | PaidAlready:
    """Ask ``phone`` for the fee, as ``payments.request_prompt`` does; run it as ``ACTOR``.

    ``after``: how many prompts of the fee there were when whoever asks looked. If one has failed since, ``Overtaken``,
    so that one look at the page rings at most once; one that still rings is joined, or refuses another phone. The phone
    is not stored as the payer's: the particulars are the facility's to change.
    """
    payer = phones.parse(phone)
    linked = find(tx, token)
    if linked.fee is None:
        raise FeeNotOpen("This referral has no fee: there is nothing to pay.", status=linked.status)
    payments.lock_fee(tx, linked.fee)
    last = tx.row(_SQL["last_prompt"], {"fee": linked.fee})
    if after is not None and last is not None and last["attempt"] > after and last["failed"]:
        raise Overtaken("The fee was asked for since this page was made. Look again before you ask.")
    return payments.request_prompt(tx, linked.fee, phone=payer, amount=None)
