"""Who works at a facility: the list, one person, and what an administrator may do to them."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from rufaa.console import words
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.errors import InvalidArgument
from rufaa.facilities import logbook
from rufaa.facilities.rights import Right, Role
from rufaa.signin import happenings, members, post
from rufaa.signin.members import Invited, Member

_MOST: Final = 100
_MOST_PAGES: Final = 100
_LATEST: Final = 20


def _listed(acting: Acting, facility: str) -> Screen:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    page = _page(acting)
    found = members.listed(acting.tx, acting.actor, here, limit=_MOST + 1, skip=_MOST * (page - 1))
    more, found = len(found) > _MOST, found[:_MOST]
    return house.drawn(
        acting,
        here,
        "people",
        "rufaa/settings_people.html",
        members=[_row(each) for each in found if each.roles],
        former=[_row(each) for each in found if not each.roles],
        before=page - 1,
        after=page + 1 if more else None,
        roles=_choices(acting.request.POST.getlist("roles") if acting.problem else []),
        mail_goes_out=post.goes_out(),
    )


def _page(acting: Acting) -> int:
    given = acting.request.GET.get("page", "1")
    return min(max(int(given), 1), _MOST_PAGES) if given.isascii() and given.isdigit() and len(given) < 4 else 1


def _row(found: Member) -> dict[str, Any]:
    return {"member": found, "roles": ", ".join(str(words.ROLE[role]) for role in found.roles)}


def _choices(chosen: list[str]) -> list[tuple[str, object, bool]]:
    return [(role.value, words.ROLE[role], role.value in chosen) for role in Role]


@screen
def people(acting: Acting, facility: str) -> Screen:
    return _listed(acting, facility)


@act(back=_listed)
def invite(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    invited = members.invite(
        acting.tx,
        acting.actor,
        here,
        full_name=house.given(acting, "full_name"),
        username=house.given(acting, "username"),
        email=house.given(acting, "email"),
        roles=_roles(acting),
    )
    return _done(invited, f"{house.base(here)}people/{invited.user.hex}/")


def _done(invited: Invited, to: str) -> Done:
    if invited.send is None:
        return Done(to, _("The invitation is ready: hand the link over."))
    return Done(to, _("The invitation is on its way."), then=invited.send)


def _roles(acting: Acting) -> list[Role]:
    chosen = acting.request.POST.getlist("roles")
    if not set(chosen) <= {role.value for role in Role}:
        raise InvalidArgument("There is no such role.", argument="roles")
    return [Role(each) for each in dict.fromkeys(chosen)]


# --- one person ------------------------------------------------------------------------------------------------------


def _shown(acting: Acting, facility: str, person: str) -> Screen:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    found = members.member(acting.tx, acting.actor, here, person)
    chosen = acting.request.POST.getlist("roles") if acting.problem else [role.value for role in found.roles]
    latest = logbook.of_person(acting.tx, found.id, at=here.pk, limit=_LATEST) if found.roles else []
    return house.drawn(
        acting,
        here,
        "people",
        "rufaa/settings_person.html",
        member=found,
        may={deed.value for deed in found.may},
        here=f"{house.base(here)}people/{found.id.hex}/",
        roles=_choices(chosen),
        link=members.link_to_hand_over(acting.tx, found),
        latest=happenings.told(latest),
    )


@screen
def person(acting: Acting, facility: str, person: str) -> Screen:
    return _shown(acting, facility, person)


_act: Final = act(back=_shown)


def _here(acting: Acting) -> str:
    """The page of the person, above the address of the form."""
    return acting.request.path.rstrip("/").rpartition("/")[0] + "/"


@_act
def roles(acting: Acting, facility: str, person: str) -> Done:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    wanted = _roles(acting)
    found = members.set_roles(acting.tx, acting.actor, here, person, wanted)
    still = not found.me or Role.ADMINISTRATOR in wanted
    return Done(_here(acting) if still else "/settings/", _("The roles are as you said."))


@_act
def again(acting: Acting, facility: str, person: str) -> Done:
    """Another invitation."""
    here = house.own(acting, facility, Right.SET_MEMBERS)
    return _done(members.invite_again(acting.tx, acting.actor, here, person), _here(acting))


@_act
def off(acting: Acting, facility: str, person: str) -> Done:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    members.switch_off(acting.tx, acting.actor, here, person)
    return Done(_here(acting), _("This person may no longer sign in."))


@_act
def on(acting: Acting, facility: str, person: str) -> Done:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    members.switch_on(acting.tx, acting.actor, here, person)
    return Done(_here(acting), _("This person may sign in again."))


@_act
def forget(acting: Acting, facility: str, person: str) -> Done:
    here = house.own(acting, facility, Right.SET_MEMBERS)
    members.forget_factors(acting.tx, acting.actor, here, person)
    return Done(_here(acting), _("The second factors are taken away: the password alone lets them in now."))
