"""What the pages of one facility share: whose it is, and where one can go from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa.console.acting import Acting, Screen
from rufaa.facilities import queries
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Side

_PARTS: Final = (
    ("people", Right.SET_MEMBERS, _("People")),
    ("prices", Right.SET_PRICES, _("Prices")),
    ("clinics", Right.SET_CLINICS, _("Clinics")),
    ("messages", Right.SET_DETAILS, _("Messages")),
    ("account", Right.SET_ACCOUNT, _("M-Pesa")),
    ("details", Right.SET_DETAILS, _("Details")),
)


@dataclass(frozen=True, slots=True)
class Tab:
    href: str
    name: str | Promise
    here: bool


def own(acting: Acting, facility: str, right: Right) -> Facility:
    """The facility of the address. Raises ``FacilityNotFound`` and ``Forbidden``."""
    return queries.own(acting.tx, acting.actor, facility, right)


def tabs(actor: Actor, facility: Facility, here: str = "") -> list[Tab]:
    """Only what opens to ``actor``; nothing for who sets up nothing."""
    return [
        Tab(f"{base(facility)}{part}/", name, part == here)
        for part, right, name in _PARTS
        if facility.pk in actor.facilities_with(right, Side.ITSELF)
    ]


def base(facility: Facility) -> str:
    return f"/settings/{facility.pk.hex}/"


def drawn(acting: Acting, facility: Facility, part: str, template: str, **context: Any) -> Screen:
    """The page ``part`` of a facility. ``doing``: the form that was refused, by the last word of its address."""
    refused = acting.problem is not None
    return Screen(
        template,
        {
            "facility": facility,
            "base": base(facility),
            "tabs": tabs(acting.actor, facility, part),
            "doing": acting.request.path.rstrip("/").rpartition("/")[2] if refused else "",
            **context,
        },
    )


def given(acting: Acting, name: str) -> str:
    return acting.request.POST.get(name, "").strip()
