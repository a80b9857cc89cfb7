"""Who is asking, and which facility is meant."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rufaa import ids, reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility, MpesaAccount
from rufaa.facilities.rights import RIGHTS, Right, Role, Side, rights
from rufaa.money import Money

_SQL: Final = sql.load(__file__, "queries.sql")
_NOBODY: Final = sentence("There is nobody of this name here, or the person may no longer sign in.")


class UnknownUser(RufaaError):
    """Nobody of this name, or the person was switched off."""

    kind = Kind.UNAUTHENTICATED
    code = "unknown-user"


class UnknownFacility(InvalidArgument):
    """No facility has this name or id."""

    code = "unknown-facility"


class FacilityNotFound(RufaaError):
    """There is no facility of this id in which the person has a role."""

    kind = Kind.NOT_FOUND
    code = "facility-not-found"


class UnknownAccount(InvalidArgument):
    """No M-Pesa account has this short code, or several have."""

    code = "unknown-account"


class Forbidden(RufaaError):
    """The person is known, and has not the right."""

    kind = Kind.FORBIDDEN
    code = "forbidden"


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person with the roles that they have now."""

    user: uuid.UUID
    name: str
    memberships: frozenset[tuple[uuid.UUID, Role]]
    is_operator: bool
    needs_second_factor: bool = False
    """Whether a facility in which they have a role asks for more than a password."""

    def facilities_with(self, right: Right, side: Side) -> list[uuid.UUID]:
        """The facilities in which a role of this person gives ``right`` when they stand on ``side``; sorted."""
        return sorted({facility for facility, role in self.memberships if right in rights(role, side)})

    def rights_in(self, sides: dict[Side, uuid.UUID]) -> frozenset[Right]:
        """All rights that this person's roles give on something whose sides are these facilities."""
        return frozenset(
            right
            for (role, side), given in RIGHTS.items()
            if side in sides and (sides[side], role) in self.memberships
            for right in given
        )


def actor(tx: Tx, user: uuid.UUID) -> Actor:
    """The person and their present roles. Raises ``UnknownUser``."""
    reads.note(reads.topic("person", user))
    return _actor(tx.rows(_SQL["actor"], {"user": user}))


def actor_named(tx: Tx, name: str) -> Actor:
    """As ``actor``, by sign-in name or by id."""
    if "\x00" in name:
        reads.note(reads.NOTHING)
        raise UnknownUser(_NOBODY)
    by_id = ids.from_wire(name)
    if by_id:
        return actor(tx, by_id)
    rows = tx.rows(_SQL["actor_named"], {"name": name})
    reads.note(reads.topic("person", rows[0]["id"]) if rows else "people")
    return _actor(rows)


def _actor(rows: Sequence[Mapping[str, Any]]) -> Actor:
    """A row for each role; one without where there is none."""
    if not rows:
        raise UnknownUser(_NOBODY)
    return Actor(
        user=rows[0]["id"],
        name=rows[0]["name"],
        memberships=frozenset((row["facility_id"], Role(row["role"])) for row in rows if row["role"] is not None),
        is_operator=rows[0]["is_superuser"],
        needs_second_factor=any(row["second_factor_required"] for row in rows),
    )


def facility_named(text: str, *, argument: str) -> Facility:
    """A facility by id or by exact name. Raises ``UnknownFacility``, which names ``argument``."""
    by_id = ids.from_wire(text)
    found = Facility.objects.filter(pk=by_id) if by_id else Facility.objects.filter(name=text.strip())
    facility = None if "\x00" in text else found.first()
    if facility is None:
        raise UnknownFacility(
            sentence(
                "%(argument)s: there is no facility of this name or id. Ask an operator to add it.", argument=argument
            ),
            argument=argument,
        )
    return facility


def home(actor: Actor, named: str | None, *, argument: str) -> Facility | None:
    """Where a referral of ``actor`` comes from: the facility named, or the only one in which they may create one; None
    where that is open. Raises ``UnknownFacility``, and ``Forbidden`` for somebody else's.
    """
    mine = actor.facilities_with(Right.CREATE, Side.REFERRING)
    if named is None:
        return Facility.objects.get(pk=mine[0]) if len(mine) == 1 else None
    facility = facility_named(named, argument=argument)
    if facility.pk not in mine:
        raise Forbidden("You may not create referrals for this facility.", right=Right.CREATE)
    return facility


@dataclass(frozen=True, slots=True)
class Other:
    """A facility that somebody may refer to. ``price`` None: none is known."""

    id: uuid.UUID
    created_at: datetime
    name: str
    price: Money | None


def others(
    tx: Tx, actor: Actor, home: Facility | None, *, search: str, after: str | None, until: str | None, limit: int
) -> list[Other]:
    """The first ``limit`` facilities, by name, to which ``actor`` may refer from ``home``, whose name has ``search``.

    Of a page they are those after the name ``after``, up to and with ``until``. Nobody may refer who creates nowhere.
    """
    reads.note("facilities", "prices")
    if not actor.facilities_with(Right.CREATE, Side.REFERRING):
        return []
    values = {"home": None if home is None else home.pk, "search": search, "after": after, "until": until}
    return [
        Other(
            row["id"],
            row["created_at"],
            row["name"],
            None if row["amount_cents"] is None else Money(row["amount_cents"]),
        )
        for row in tx.rows(_SQL["others"], {**values, "limit": limit})
    ]


def own(_tx: Tx, actor: Actor, facility: object, right: Right) -> Facility:
    """A facility of ``actor``'s that they may set up in the way of ``right``.

    Raises ``FacilityNotFound``, and ``Forbidden`` for who works there and has not this right.
    """
    there = ids.from_wire(facility)
    found = None
    if there is not None and any(there == mine for mine, _role in actor.memberships):
        reads.note(reads.topic("facility", there))
        found = Facility.objects.filter(pk=there).first()
    if found is None:
        reads.note(reads.NOTHING)
        raise FacilityNotFound("There is no such facility among those that you work for.")
    if found.pk not in actor.facilities_with(right, Side.ITSELF):
        raise Forbidden("An administrator of the facility does this.", right=right)
    return found


def mine(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """The facilities in which ``actor`` has a role, by name."""
    facilities = sorted({facility for facility, _ in actor.memberships})
    reads.note(reads.NOTHING, *(reads.topic("facility", facility) for facility in facilities))
    return tx.rows(_SQL["mine"], {"facilities": facilities})


def colleagues(tx: Tx, actor: Actor, *, limit: int) -> list[dict[str, Any]]:
    """The first ``limit`` people, by name, with a role in a facility in which ``actor`` has one, and their roles."""
    facilities = sorted({facility for facility, _ in actor.memberships})
    rows = tx.rows(_SQL["colleagues"], {"facilities": facilities, "limit": limit})
    reads.note("people", *(reads.topic("person", row["id"]) for row in rows))
    return rows


def prices(tx: Tx, actor: Actor, *, after: str | None, until: str | None, limit: int) -> list[dict[str, Any]]:
    """The first ``limit`` prices that ``actor`` may see, in the order in which they were set: of referrals from a
    facility that they administer, and of those that pay one whose finance they do.
    """
    reads.note("facilities", "prices")
    values = {
        "referring": actor.facilities_with(Right.SEE_PRICES, Side.REFERRING),
        "paid": actor.facilities_with(Right.SEE_PRICES, Side.PAYEE),
        "after": None if after is None else ids.from_wire(after),
        "until": None if until is None else ids.from_wire(until),
    }
    rows = tx.rows(_SQL["prices"], {**values, "limit": limit})
    reads.note(*(reads.topic("account", row["account_id"]) for row in rows))
    return rows


def account_named(short_code: str, *, till: str | None = None, environment: str | None = None) -> MpesaAccount:
    """The one account of this short code; ``till`` and ``environment`` tell several apart. Raises ``UnknownAccount``,
    which says which ones there are."""
    there = list(MpesaAccount.objects.order_by("environment", "short_code", "till_number"))
    found = [
        account
        for account in there
        if account.short_code == short_code.strip()
        and till in {None, account.till_number}
        and environment in {None, account.environment}
    ]
    if len(found) != 1:
        listed = ", ".join(
            f"{each.short_code}{f' till {each.till_number}' if each.till_number else ''} ({each.environment})"
            for each in found or there
        )
        raise UnknownAccount(
            f"Several accounts have this short code; say which by --till or --environment: {listed}."
            if found
            else f"There is no such M-Pesa account. There are: {listed or 'none'}.",
            argument="short_code",
        )
    return found[0]
