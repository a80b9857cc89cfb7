"""Where somebody can go: the entries of the bar, by the rights that they have anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Side


@dataclass(frozen=True, slots=True)
class Entry:
    href: str
    name: str
    here: bool


def entries(actor: Actor, *, here: str) -> list[Entry]:
    """Only what leads somewhere: nobody is shown a door that is closed to them."""
    found = [("/work/", _("Work"))]
    if actor.facilities_with(Right.CREATE, Side.REFERRING):
        found.append(("/referrals/new/", _("New referral")))
    if actor.facilities_with(Right.RECEIVE, Side.RECEIVING):
        found.append(("/clinics/", _("Clinics")))
    if actor.facilities_with(Right.UNAPPLIED, Side.PAYEE):
        found.append(("/money/", _("Money")))
    if actor.memberships:
        found.append(("/settings/", _("Facility")))
    best = max((href for href, _name in found if here.startswith(href)), key=len, default="")
    return [Entry(href, name, href == best) for href, name in found]
