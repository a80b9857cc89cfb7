"""Reading referrals. Nobody sees what no membership lets them see.

One referral is shown by ``_visible`` alone, lists come through ``_gates`` alone, and a test holds the two together.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from django.db.models import Q
from django.db.models.expressions import RawSQL

from rufaa import ids, reads, trail
from rufaa.db.atomic import Tx
from rufaa.db.joined import Joined
from rufaa.errors import Kind, RufaaError
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Side
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.models import Referral

FORMER_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""The form of the ids that other apps gave their referrals. Those of 32 hex digits are ours."""


class ReferralNotFound(RufaaError):
    """There is no such referral, or it is not yours to see; which of the two is not said."""

    kind = Kind.NOT_FOUND
    code = "referral-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such referral, or you may not see it.")


@dataclass(frozen=True, slots=True)
class Seen:
    """A referral as one person may see it: with the rights that this person has on it."""

    referral: Referral
    rights: frozenset[Right]

    @property
    def medical(self) -> bool:
        """Whether the clinical part may be shown; finance people see name, code and money only."""
        return bool(self.rights & {Right.SEE, Right.SEE_OWN})


def _gates(actor: Actor) -> list[Q]:
    """The ways in which ``actor`` may see referrals: one for each side and facility, each with an index of its own."""
    gates = [
        Q(physician_id=actor.user, referring_id=facility)
        for facility in actor.facilities_with(Right.SEE_OWN, Side.REFERRING)
    ]
    gates += [Q(referring_id=facility) for facility in actor.facilities_with(Right.SEE, Side.REFERRING)]
    gates += [
        Q(receiving_id=facility, released_at__isnull=False)
        for facility in actor.facilities_with(Right.SEE, Side.RECEIVING)
    ]
    gates += [Q(payee_id=facility) for facility in actor.facilities_with(Right.SEE_MONEY, Side.PAYEE)]
    return gates


_WHOLE: Final = Joined(Referral, "particulars", "fee", "referring", "receiving", "physician")
_SEES: Final = frozenset({Right.SEE, Right.SEE_OWN, Right.SEE_MONEY})


def whole(tx: Tx, referral: uuid.UUID) -> Referral | None:
    """A referral as it is now, with all that it refers to; whether anybody may see it is not asked here."""
    rows = _WHOLE.rows(tx, "WHERE referral.id = %(id)s", {"id": referral})
    return rows[0] if rows else None


def _visible(tx: Tx, actor: Actor, referral: uuid.UUID | None) -> Seen | None:
    """One referral, if ``actor`` may see it."""
    reads.note(reads.topic("referral", referral) if referral else reads.NOTHING)
    row = whole(tx, referral) if referral else None
    return _seen(actor, row, listed=False) if row is not None and rights_on(actor, row) & _SEES else None


def see(tx: Tx, actor: Actor, referral: object) -> Seen:
    """One referral by its id as written outside, or by the one that it had in the app that it was brought from.

    Raises ``ReferralNotFound``.
    """
    by_id = ids.from_wire(referral)
    if by_id is None and isinstance(referral, str) and FORMER_ID.fullmatch(referral):
        by_id = Referral.objects.filter(former_id=referral).values_list("pk", flat=True).first()
    seen = _visible(tx, actor, by_id)
    if seen is None:
        raise ReferralNotFound
    return seen


def see_by_token(tx: Tx, actor: Actor, token: str) -> Seen | None:
    """One referral by the token of the patient's link."""
    return _visible(tx, actor, Referral.objects.filter(token=token).values_list("pk", flat=True).first())


def _seen(actor: Actor, row: Referral, *, listed: bool) -> Seen:
    """``row`` with the rights on it. Notes what it is shown with, and for the audit that it is shown."""
    reads.note(
        reads.topic("referral", row.pk),
        reads.topic("facility", row.referring_id),
        reads.topic("facility", row.receiving_id),
        reads.topic("person", row.physician_id),
    )
    if row.fee_id is not None:
        reads.note(reads.topic("fee", row.fee_id))
    seen = Seen(row, rights_on(actor, row))
    trail.show(row.pk, medical=seen.medical, listed=listed)
    return seen


def visible(tx: Tx, actor: Actor, referrals: Sequence[uuid.UUID]) -> list[Seen]:
    """Of these referrals those that ``actor`` may see, newest first."""
    return [_seen(actor, row, listed=True) for row in wholes(tx, referrals) if rights_on(actor, row) & _SEES]


def see_by_prompt(tx: Tx, actor: Actor, prompt: object) -> Seen:
    """The referral whose fee a prompt asks for, by the prompt's id as written outside. Raises ``ReferralNotFound``."""
    by_id = ids.from_wire(prompt)
    hidden = Referral.objects.filter(fee__prompt=by_id).values_list("pk", flat=True).first() if by_id else None
    if hidden is None:
        reads.note(reads.NOTHING)
        raise ReferralNotFound
    return see(tx, actor, hidden.hex)


def of_fees(fees: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The referral of each fee, by the fee's id. Who may know the fee may know which referral it is of."""
    return dict(Referral.objects.filter(fee__in=fees).values_list("fee_id", "pk"))


def rights_on(actor: Actor, referral: Referral) -> frozenset[Right]:
    """What ``actor`` may do with ``referral``, before its status is asked."""
    sides: dict[Side, uuid.UUID] = {Side.REFERRING: referral.referring_id}
    fee = referral.fee
    if referral.released_at is not None:
        sides[Side.RECEIVING] = referral.receiving_id
    if fee is not None:
        sides[Side.PAYEE] = fee.payee_id
    given = actor.rights_in(sides)
    if referral.physician_id != actor.user:  # rights of a physician are about own referrals
        given -= {Right.SEE_OWN, Right.CANCEL_OWN_EARLY, Right.SEE_AUDIT_OWN}
    return given


class Box(StrEnum):
    """The lists that people work from."""

    ALL = "all"
    PENDING = "pending"  # to be approved
    INCOMING = "incoming"  # to a facility of mine
    OUTGOING = "outgoing"  # from a facility of mine
    COMPLETED = "completed"


_EMERGENCY: Final = RawSQL(f"'{Priority.EMERGENCY}'", ())  # noqa: S611 - a word of ours
"""Written into the statement: a plan for any priority could not use the indexes of emergencies."""
_STATES: Final = {Box.PENDING: [Status.PENDING_ADMIN], Box.COMPLETED: [Status.COMPLETED]}


def listed(
    tx: Tx,
    actor: Actor,
    box: Box = Box.ALL,
    *,
    status: Status | None = None,
    physician: uuid.UUID | None = None,
    emergency: bool | None = None,
    oldest_first: bool = False,
    after: str | None = None,
    until: str | None = None,
    limit: int,
) -> Sequence[Seen]:
    """The first ``limit`` referrals of one box, newest first: ids sort by the time they were made.

    Of a page they are those that come after the one with the id ``after``, up to and with ``until``. ``emergency``:
    just those that are one, or are none.
    """
    wanted = _box(actor, box)
    if status is not None:
        wanted &= Q(state=status)
    if physician is not None:
        wanted &= Q(physician_id=physician)
    if emergency is not None:
        wanted &= Q(priority=_EMERGENCY) if emergency else ~Q(priority=Priority.EMERGENCY)
    beyond, within = ("pk__gt", "pk__lte") if oldest_first else ("pk__lt", "pk__gte")
    if after is not None:
        wanted &= Q(**{beyond: ids.from_wire(after) or uuid.UUID(int=0)})
    if until is not None:
        wanted &= Q(**{within: ids.from_wire(until) or uuid.UUID(int=0)})
    note_lists(actor, [status] if status is not None else _STATES.get(box, list(Status)))
    rows = _first(tx, actor, wanted, limit, oldest=oldest_first)
    return [_seen(actor, referral, listed=True) for referral in rows]


def _box(actor: Actor, box: Box) -> Q:
    mine = {facility for facility, _ in actor.memberships}
    match box:
        case Box.PENDING:
            return Q(state=Status.PENDING_ADMIN)
        case Box.INCOMING:
            return Q(receiving__in=mine)
        case Box.OUTGOING:
            return Q(referring__in=mine)
        case Box.COMPLETED:
            return Q(state=Status.COMPLETED)
        case Box.ALL:
            return Q()


COUNTED_TO: Final = 1000
"""So far referrals are counted: a badge says "1000 or more", and a count costs the same however many there are."""
_ANY_STATUS: Final = "any status"
"""Stands for each in a statement that is made once."""
_VALUES: Final = 10_000
"""Of one statement; PostgreSQL takes 65,535, and who works for many facilities has many."""


def count_by_status(tx: Tx, actor: Actor, box: Box = Box.ALL) -> dict[Status, int]:
    """How many referrals of a box ``actor`` sees in each status, up to ``COUNTED_TO`` each."""
    note_lists(actor, list(Status))
    mine = _box(actor, box)
    of_gates = [
        Referral.objects.filter(gate & mine & Q(state=_ANY_STATUS)).order_by("-pk").values("pk")[:COUNTED_TO]
        for gate in _gates(actor)
    ]
    if not of_gates:
        return dict.fromkeys(Status, 0)
    # a union, since one referral may be seen in several ways
    found, values = of_gates[0].union(*of_gates[1:]).query.sql_with_params()
    counts: dict[Status, int] = {}
    for some in _batches(Status, max(1, _VALUES // max(1, len(values)))):
        ((*told,),) = tx.tuples(
            "SELECT " + ", ".join(f"(SELECT count(*) FROM ({found}) AS found)" for _ in some),  # noqa: S608 - Django's
            [status if value == _ANY_STATUS else value for status in some for value in values],
        )
        counts |= {status: min(COUNTED_TO, count) for status, count in zip(some, told, strict=True)}
    return counts


def _batches(statuses: Iterable[Status], size: int) -> Iterator[tuple[Status, ...]]:
    each = iter(statuses)
    while some := tuple(islice(each, size)):
        yield some


def note_lists(actor: Actor, states: Sequence[Status]) -> None:
    """The lists whose rows ``actor`` may see: what enters or leaves one of these states there changes an answer."""
    facilities = {facility for facility, _ in actor.memberships}
    for state in states:
        reads.note(f"{reads.topic('own', actor.user)}:{state}")
        reads.note(*(f"{reads.topic('list', facility)}:{state}" for facility in facilities))


def _first(tx: Tx, actor: Actor, wanted: Q, limit: int, *, oldest: bool) -> list[Referral]:
    """The first of what each gate shows, so that each is read from its index and never more than ``limit`` of it."""
    keys: set[uuid.UUID] = set()
    for gate in _gates(actor):
        shown = Referral.objects.filter(gate & wanted).order_by("pk" if oldest else "-pk")
        keys.update(shown.values_list("pk", flat=True)[:limit])
    found = wholes(tx, sorted(keys, reverse=not oldest)[:limit])
    return found[::-1] if oldest else found


def wholes(tx: Tx, referrals: Sequence[uuid.UUID]) -> list[Referral]:
    """Referrals with all that they refer to, newest first; whether anybody may see them is not asked here."""
    if not referrals:
        return []
    return _WHOLE.rows(
        tx, "WHERE referral.id = ANY(%(ids)s::uuid[]) ORDER BY referral.id DESC", {"ids": sorted(referrals)}
    )
