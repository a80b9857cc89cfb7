"""Who works at a facility, as its own administrators say: invite, give and take roles, switch off, forget a factor.

What an administrator may do to somebody is in ``may``, once; pages draw just that. An account is one for all
facilities: who works elsewhere too, or runs the server, is switched off and helped in again by an operator alone.
Nobody lifts themselves, and a facility keeps an administrator.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from rufaa import ids, reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities import logbook, operations
from rufaa.facilities.models import Facility, User
from rufaa.facilities.operations import NameTaken
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Role, Side
from rufaa.signin import people, post, second_factor

_SQL: Final = sql.load(__file__, "members.sql")


class Deed(StrEnum):
    """What an administrator may do to a member."""

    ROLES = "roles"
    INVITE = "invite"  # let them choose a password, the first or another
    SWITCH_OFF = "off"
    SWITCH_ON = "on"
    FORGET = "forget"  # a second factor that was lost


class NotAMember(RufaaError):
    """Nobody of this id has or had a role in the facility."""

    kind = Kind.NOT_FOUND
    code = "not-a-member"


class NotForYou(Forbidden):
    """An administrator may not do this to this person, or to themselves; the message says who may."""

    code = "not-for-you"


class LastAdministrator(RufaaError):
    """The facility would be left without an administrator who may sign in."""

    kind = Kind.CONFLICT
    code = "last-administrator"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role in a facility, or who had one. ``has_come``: they proved once, by whatever means, who they
    are. ``may``: what the one who asks may do to them."""

    id: uuid.UUID
    username: str
    name: str
    email: str
    active: bool
    last_in_at: datetime | None
    has_password: bool
    has_come: bool
    factors: int
    roles: tuple[Role, ...]
    elsewhere: bool
    me: bool
    may: frozenset[Deed]


@dataclass(frozen=True, slots=True)
class Invited:
    """``send`` tells them by e-mail, after the commit; None: the one who invited hands ``address`` over."""

    user: uuid.UUID
    address: str
    send: Callable[[], None] | None


def listed(tx: Tx, actor: Actor, facility: Facility, *, limit: int, skip: int = 0) -> list[Member]:
    """``limit`` people who have or had a role in ``facility``, after ``skip`` others: first those who do, by name."""
    reads.note("people")
    found = _members(tx, actor, facility, None, limit=limit, skip=skip)
    reads.note(*(reads.topic("person", each.id) for each in found))
    return found


def member(tx: Tx, actor: Actor, facility: Facility, person: object) -> Member:
    """Raises ``NotAMember``."""
    user = ids.from_wire(person)
    found = [] if user is None else _members(tx, actor, facility, user, limit=1)
    if not found:
        raise NotAMember("There is nobody of this id at this facility.")
    reads.note("people", reads.topic("person", found[0].id))
    return found[0]


def _members(
    tx: Tx, actor: Actor, facility: Facility, person: uuid.UUID | None, *, limit: int, skip: int = 0
) -> list[Member]:
    mine = actor.facilities_with(Right.SET_MEMBERS, Side.ITSELF)
    values = {"facility": facility.pk, "person": person, "mine": mine, "limit": limit, "skip": skip}
    rows = tx.rows(_SQL["members"], values)
    found = [
        Member(
            **{**row, "roles": tuple(Role(each) for each in row["roles"])}, me=row["id"] == actor.user, may=frozenset()
        )
        for row in rows
    ]
    return [replace(each, may=may(each)) for each in found]


def may(found: Member) -> frozenset[Deed]:
    """What an administrator of the facility may do to this member of it."""
    deeds = {Deed.ROLES}
    if not found.me and not found.elsewhere:
        deeds.add(Deed.SWITCH_OFF if found.active else Deed.SWITCH_ON)
        if found.factors:
            deeds.add(Deed.FORGET)
        # a link of somebody who was here goes to their own mailbox: whoever read it could be them
        if found.active and (not found.has_come or (found.email and post.goes_out())):
            deeds.add(Deed.INVITE)
    return frozenset(deeds)


# --- what changes something ------------------------------------------------------------------------------------------


def invite(
    tx: Tx,
    actor: Actor,
    facility: Facility,
    *,
    full_name: str,
    username: str,
    email: str,
    roles: Collection[Role],
) -> Invited:
    """Somebody new, who chooses a password by a link. Raises ``NameTaken``, ``InvalidName`` and ``InvalidArgument``."""
    name, wanted = operations.name_of_person(full_name), username.strip()
    if not roles:
        raise InvalidArgument("Say what they are here.", argument="roles")
    if "\x00" not in wanted and User.objects.filter(username__iexact=wanted).exists():
        raise NameTaken(
            "Somebody has this sign-in name already. Choose another; a person who works here again stands in the list"
            " below, and one who works elsewhere gets a role here from an operator.",
            argument="username",
        )
    user = operations.add_user(tx, wanted, full_name=name, email=email.strip())
    _give(tx, user.pk, facility, roles)
    logbook.note(tx, "invitation.made", person=user.pk, facility=facility.pk, actor=actor.user)
    address, send = people.invitation(tx, user)
    return Invited(user.pk, address, send)


def invite_again(tx: Tx, actor: Actor, facility: Facility, person: object) -> Invited:
    """Another link for who lost the first, or their password. Raises ``NotAMember`` and ``NotForYou``."""
    found = _may(tx, actor, facility, person, Deed.INVITE)
    logbook.note(tx, "invitation.made", person=found.id, facility=facility.pk, actor=actor.user)
    address, send = people.invitation(tx, User.objects.get(pk=found.id))
    return Invited(found.id, address, send)


def link_to_hand_over(tx: Tx, found: Member) -> str | None:
    """The link of who never came, where this server sends no e-mail to them: for the one who invited to hand
    over. None: it is not for this person's eyes, or goes by e-mail."""
    if Deed.INVITE not in found.may or found.has_come:
        return None
    address, send = people.invitation(tx, User.objects.get(pk=found.id))
    return address if send is None else None


def set_roles(tx: Tx, actor: Actor, facility: Facility, person: object, roles: Collection[Role]) -> Member:
    """From the commit on ``person`` has exactly ``roles`` in ``facility``; without any they do not work there.

    One's own can be given up alone. Raises ``NotAMember``, ``NotForYou`` and ``LastAdministrator``.
    """
    found = _may(tx, actor, facility, person, Deed.ROLES)
    given, taken = set(roles) - set(found.roles), set(found.roles) - set(roles)
    if found.me and given:
        raise NotForYou(
            "Nobody gives themselves a role. Another administrator, or an operator, does.", argument="roles"
        )
    tx.execute(_SQL["take"], {"person": found.id, "facility": facility.pk, "roles": sorted(taken)})
    _give(tx, found.id, facility, given)
    if Role.ADMINISTRATOR in taken:
        _need_administrator(tx, facility)
    return found


def switch_off(tx: Tx, actor: Actor, facility: Facility, person: object) -> None:
    """Keep ``person`` out of the server: sessions end, tokens, keys and links count no more.

    Raises as ``set_roles``.
    """
    found = _may(tx, actor, facility, person, Deed.SWITCH_OFF)
    people.switch_off(tx, User.objects.get(pk=found.id))
    _need_administrator(tx, facility)


def switch_on(tx: Tx, actor: Actor, facility: Facility, person: object) -> None:
    """Let ``person`` in again. Raises ``NotAMember`` and ``NotForYou``."""
    found = _may(tx, actor, facility, person, Deed.SWITCH_ON)
    people.switch_on(tx, User.objects.get(pk=found.id))


def forget_factors(tx: Tx, actor: Actor, facility: Facility, person: object) -> None:
    """Take away app, passkeys and recovery codes of who lost them; whoever is signed in as them is not any more.

    Raises ``NotAMember`` and ``NotForYou``.
    """
    found = _may(tx, actor, facility, person, Deed.FORGET)
    second_factor.forget(tx, found.id)
    people.end_sessions(tx, found.id)


def _may(tx: Tx, actor: Actor, facility: Facility, person: object, deed: Deed) -> Member:
    """The member, while nobody else changes the people of the facility. Raises ``NotAMember`` and ``NotForYou``."""
    tx.execute(_SQL["facility"], {"facility": facility.pk})
    found = member(tx, actor, facility, person)
    if deed not in found.may:
        raise NotForYou(_WHY[deed] if not found.me else _NOT_YOURSELF, deed=deed.value)
    return found


_NOT_YOURSELF: Final = sentence("Another administrator does this for you. Nothing was changed.")
_OPERATOR: Final = sentence(
    "This person works elsewhere too, or was changed meanwhile: an operator does this. Nothing was changed."
)
_WHY: Final = {
    Deed.ROLES: _OPERATOR,
    Deed.INVITE: sentence(
        "A link goes only to who may sign in, by their own e-mail once they were here. An operator can do more."
        " Nothing was changed."
    ),
    Deed.SWITCH_OFF: _OPERATOR,
    Deed.SWITCH_ON: _OPERATOR,
    Deed.FORGET: _OPERATOR,
}


def _give(tx: Tx, person: uuid.UUID, facility: Facility, roles: Collection[Role]) -> None:
    given = sorted(roles)
    values = {"ids": [ids.new_id() for _ in given], "roles": given}
    tx.execute(_SQL["give"], {**values, "person": person, "facility": facility.pk})


def _need_administrator(tx: Tx, facility: Facility) -> None:
    row = tx.row(_SQL["administrators"], {"facility": facility.pk})
    if row is None or not row["some"]:
        raise LastAdministrator(
            "Then nobody could set up this facility any more. Make somebody else an administrator first. Nothing was"
            " changed.",
            argument="roles",
        )
