"""A facility's name, and how it works: prompts by themselves or by hand, and what is asked of who signs in."""

from __future__ import annotations

from django.utils.translation import gettext as _

from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.facilities import operations
from rufaa.facilities.rights import Right


def _shown(acting: Acting, facility: str) -> Screen:
    here = house.own(acting, facility, Right.SET_DETAILS)
    given = acting.request.POST if acting.problem is not None else None
    return house.drawn(
        acting,
        here,
        "details",
        "rufaa/settings_details.html",
        name=here.name if given is None else given.get("name", ""),
        at_once=here.prompts_at_once if given is None else "prompts_at_once" in given,
        factor=here.second_factor_required if given is None else "second_factor" in given,
    )


@screen
def details(acting: Acting, facility: str) -> Screen:
    return _shown(acting, facility)


@act(back=_shown)
def save(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_DETAILS)
    operations.set_details(
        acting.tx,
        here,
        name=house.given(acting, "name"),
        prompts_at_once="prompts_at_once" in acting.request.POST,
        second_factor_required="second_factor" in acting.request.POST,
    )
    return Done(f"{house.base(here)}details/", _("Saved."))
