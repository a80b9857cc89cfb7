"""A referral onward: the facility that has the patient cannot help, and sends them on to another one.

It is a referral like any other, with a fee of its own, that knows by which one the patient came. PostgreSQL holds that
it comes from where that one went (``migrations/0011_onward.sql``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor, Forbidden, facility_named
from rufaa.facilities.rights import Right
from rufaa.referrals import queries, shown
from rufaa.referrals.machine import ONWARD_FROM, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import Seen, rights_on

_SQL: Final = sql.load(__file__, "onward.sql")


class NotOnwardNow(RufaaError):
    """The receiving facility has not confirmed the referral, or it ended without an outcome: nobody can be sent on."""

    kind = Kind.CONFLICT
    code = "not-onward-now"


def may(seen: Seen) -> bool:
    """Whether this person may send the patient on now."""
    return _has_right(seen) and Status(seen.referral.state) in ONWARD_FROM


def source(tx: Tx, actor: Actor, referral: str) -> Seen:
    """The referral by which the patient came, for who may send them on; whether they may now is not asked.

    Raises ``ReferralNotFound``, ``Forbidden``.
    """
    return _sent_on_by(queries.see(tx, actor, referral))


def held(tx: Tx, actor: Actor, referral: str) -> Referral:
    """As ``source``, held as it is. Raises ``NotOnwardNow`` as well."""
    row = shown.locked(tx, actor, referral)
    _sent_on_by(Seen(row, rights_on(actor, row)))
    require_now(row)
    return row


def require_now(row: Referral) -> None:
    """Raises ``NotOnwardNow``."""
    if Status(row.state) not in ONWARD_FROM:
        raise NotOnwardNow(
            sentence(
                "A patient is referred onward from a referral that is confirmed or completed; this one is %(status)s.",
                status=Status(row.state),
            ),
            status=row.state,
        )


def _sent_on_by(seen: Seen) -> Seen:
    if not _has_right(seen):
        raise Forbidden(
            "A physician or an administrator of the receiving facility refers this patient onward.",
            right=Right.REFER_ONWARD,
        )
    return seen


def _has_right(seen: Seen) -> bool:
    """Who sees its money alone would read the rest of it in the new one."""
    return seen.medical and Right.REFER_ONWARD in seen.rights


def origin(first: Referral, named: str | None) -> Facility:
    """Where a referral onward of ``first`` comes from. ``named`` may say so, too."""
    here = first.receiving
    if named is not None and facility_named(named, argument="referringHospital").pk != here.pk:
        raise InvalidArgument(
            sentence("A referral onward comes from where the patient is: %(facility)s.", facility=here.name),
            argument="referringHospital",
        )
    return here


@dataclass(frozen=True, slots=True)
class Chain:
    """What one person may know of the referrals before and after one. ``hidden_first`` and ``hidden_next``: there is
    one that they may not see."""

    first: Seen | None
    hidden_first: bool
    next: Sequence[Seen]
    hidden_next: bool


def chain(tx: Tx, actor: Actor, seen: Seen) -> Chain | None:
    """None where there is none, and for who sees the money alone: that a patient was sent on is medical."""
    if not seen.medical:
        return None
    first = seen.referral.onward_of_id
    onward = {row["id"] for row in tx.rows(_SQL["of_referral"], {"referral": seen.referral.pk})}
    if first is None and not onward:
        return None
    visible = queries.visible(tx, actor, sorted(onward | ({first} if first else set())))
    found = {each.referral.pk: each for each in visible}
    return Chain(
        first=found.get(first) if first is not None else None,
        hidden_first=first is not None and first not in found,
        next=[each for each in visible if each.referral.pk in onward],
        hidden_next=bool(onward - set(found)),
    )
