"""Who is asking, and which facility is meant."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from rufaa import ids
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.facilities.models import Facility, Membership, MpesaAccount, User
from rufaa.facilities.rights import RIGHTS, Right, Role, Side, rights

_NOBODY: Final = "There is nobody of this name here, or the person may no longer sign in."


class UnknownUser(RufaaError):
    """Nobody of this name, or the person was switched off."""

    kind = Kind.UNAUTHENTICATED
    code = "unknown-user"


class UnknownFacility(InvalidArgument):
    """No facility has this name or id."""

    code = "unknown-facility"


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


def actor(user: uuid.UUID) -> Actor:
    """The person and their present roles. Raises ``UnknownUser``."""
    return _actor(User.objects.filter(pk=user, is_active=True).first())


def actor_named(name: str) -> Actor:
    """As ``actor``, by sign-in name or by id."""
    if "\x00" in name:
        raise UnknownUser(_NOBODY)
    by_id = ids.from_wire(name)
    people = User.objects.filter(is_active=True)
    return _actor((people.filter(pk=by_id) if by_id else people.filter(username=name)).first())


def _actor(user: User | None) -> Actor:
    if user is None:
        raise UnknownUser(_NOBODY)
    rows = Membership.objects.filter(user=user, revoked_at=None).values_list("facility_id", "role")
    return Actor(
        user=user.pk,
        name=user.full_name or user.username,
        memberships=frozenset((facility, Role(role)) for facility, role in rows),
        is_operator=user.is_superuser,
    )


def facility_named(text: str, *, argument: str) -> Facility:
    """A facility by id or by exact name. Raises ``UnknownFacility``, which names ``argument``."""
    by_id = ids.from_wire(text)
    found = Facility.objects.filter(pk=by_id) if by_id else Facility.objects.filter(name=text.strip())
    facility = None if "\x00" in text else found.first()
    if facility is None:
        raise UnknownFacility(
            f"{argument}: there is no facility of this name or id. Ask an operator to add it.", argument=argument
        )
    return facility


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
