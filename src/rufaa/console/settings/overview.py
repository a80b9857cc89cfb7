"""The facilities that somebody works for: who else does, what referrals cost, and where the money goes."""

from __future__ import annotations

from typing import Final

from rufaa.console import words
from rufaa.console.acting import Acting, Screen, screen
from rufaa.console.settings import house
from rufaa.facilities import queries
from rufaa.facilities.models import Facility
from rufaa.money import Money

_MOST: Final = 200


@screen
def settings(acting: Acting) -> Screen:
    people = queries.colleagues(acting.tx, acting.actor, limit=_MOST)
    prices = queries.prices(acting.tx, acting.actor, after=None, until=None, limit=_MOST)
    return Screen(
        "console/settings.html",
        {
            "facilities": [
                {
                    **row,
                    "tabs": house.tabs(acting.actor, Facility(pk=row["id"])),
                    "mine": _roles(
                        sorted(role for facility, role in acting.actor.memberships if facility == row["id"])
                    ),
                    "people": [
                        (each["name"], _roles(each["roles"]), each["id"] == acting.actor.user)
                        for each in people
                        if each["facility_id"] == row["id"]
                    ],
                    "prices": [
                        {**each, "amount": Money(each["amount_cents"])}
                        for each in prices
                        if row["id"] in {each["facility_id"], each["payee_id"]}
                    ],
                }
                for row in queries.mine(acting.tx, acting.actor)
            ],
            "cut": len(people) == _MOST or len(prices) == _MOST,
        },
    )


def _roles(roles: list[str]) -> str:
    return ", ".join(str(words.ROLE[role]) for role in roles)
