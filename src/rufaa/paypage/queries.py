"""What the page shows, read in one transaction. Whoever has the link may see it (``referrals.bearer``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rufaa import reads, tickets
from rufaa.audit import operations as audit
from rufaa.db.atomic import Tx, look
from rufaa.money import Money
from rufaa.payments import passage
from rufaa.payments import queries as payments
from rufaa.payments.queries import Summary
from rufaa.paypage import proofs, story, telling
from rufaa.paypage.receipt import Receipt
from rufaa.paypage.story import Line
from rufaa.paypage.telling import Telling
from rufaa.phone import Phone
from rufaa.referrals import bearer
from rufaa.referrals.bearer import Linked, Whereabouts
from rufaa.trail import Reading


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the database found."""

    linked: Linked
    money: Summary | None
    told: Telling
    story: list[Line]
    waits: Money | None  # it came, and is not counted yet
    whereabouts: Whereabouts | None
    ticket: str | None  # to hear with that something has changed

    @property
    def known_phone(self) -> Phone | None:
        return known_phone(self.linked, self.money)

    @property
    def prompts(self) -> int:
        """How many there were."""
        return self.money.last.attempt if self.money is not None and self.money.last is not None else 0


def look_at(token: str, keys: Sequence[str], *, proof: str, now: datetime) -> Seen:
    """Everything that the page shows to who has ``proof`` (``proofs.pass_for``) or none. Raises ``UnknownLink``."""
    with reads.recording() as noted:
        seen = look(lambda tx: _seen(tx, token, keys, proof, now))
    if not telling.may_change(seen.money, seen.told):
        return seen
    return replace(seen, ticket=tickets.issue(keys, noted.topics or {reads.EVERYTHING}))


def _seen(tx: Tx, token: str, keys: Sequence[str], proof: str, now: datetime) -> Seen:
    linked = bearer.find(tx, token)
    audit.note_shown(tx, None, {(linked.id, Reading.MONEY_READ)})
    fee, summary = linked.fee, money(tx, linked)
    opened = proofs.is_pass(keys, linked, proof, now=now)
    return Seen(
        linked=linked,
        money=summary,
        told=telling.tell(linked, summary, now=now),
        story=story.lines(passage.moves(tx, fee)) if fee is not None else [],
        waits=passage.waiting(tx, fee) if fee is not None else None,
        whereabouts=bearer.whereabouts(tx, linked) if opened else None,
        ticket=None,
    )


def money(tx: Tx, linked: Linked) -> Summary | None:
    return payments.summaries(tx, [linked.fee])[linked.fee] if linked.fee is not None else None


def known_phone(linked: Linked, summary: Summary | None) -> Phone | None:
    """The phone that is asked where none is typed: the last one that was, else the one that the facility has."""
    if summary is not None and summary.last is not None:
        return summary.last.phone
    return linked.payer_phone


def receipt(tx: Tx, token: str) -> Receipt | None:
    """None until the fee is paid and M-Pesa has told its number. Raises ``UnknownLink``."""
    linked = bearer.find(tx, token)
    summary = money(tx, linked)
    if summary is None or not telling.offers_receipt(summary):
        return None
    return Receipt(
        payee=passage.payee(tx, summary.fee),
        name=linked.name,
        account_code=summary.paybill.account_code,
        amount=summary.amount,
        paid=passage.paid_by(tx, summary.fee),
    )
