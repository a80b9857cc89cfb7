"""What referrals from a facility cost: each price, a change with a look before it is made, and the last changes."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from rufaa import ids, reads
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.errors import InvalidArgument, RufaaError
from rufaa.facilities import logbook, pricing, queries
from rufaa.facilities.models import Facility
from rufaa.facilities.pricing import Change
from rufaa.facilities.rights import Right
from rufaa.money import Money, stk_amount

_MOST_DIGITS: Final = 9
_LATEST: Final = 10


def _shown(acting: Acting, facility: str) -> Screen:
    """With ``?price=…&shillings=…``, and ``to`` for another facility: what would change, to be confirmed. What was
    refused is looked at anew."""
    here = house.own(acting, facility, Right.SET_PRICES)
    reads.note("prices", "facilities")
    asked = acting.request.GET if acting.problem is None else acting.request.POST
    plan, wrong = None, None
    if "price" in asked:
        try:
            plan = pricing.planned(
                acting.tx,
                here,
                asked.get("price"),
                receiving=_receiving(asked.get("to", "")),
                amount=_amount(asked.get("shillings", "")),
            )
        except RufaaError as error:
            wrong = error
    return house.drawn(
        acting,
        here,
        "prices",
        "rufaa/settings_prices.html",
        prices=pricing.own(acting.tx, here),
        plan=plan,
        wrong=wrong,
        asked={name: asked.get(name, "") for name in ("price", "to", "shillings")},
        was="" if plan is None or plan.before is None else plan.before.cents,
        latest=_latest(acting, here),
    )


def _latest(acting: Acting, here: Facility) -> list[dict[str, Any]]:
    entries = logbook.of_facility(acting.tx, here.pk, kinds="^price[.]", limit=_LATEST)
    named = {str(each.about["receiving"]) for each in entries if each.about.get("receiving")}
    names = {str(row.pk): row.name for row in Facility.objects.filter(pk__in=named)}
    return [
        {
            "at": each.at,
            "by": each.by,
            "before": Money(each.about["from"]) if "from" in each.about else None,
            "amount": Money(each.about["to"]),
            "receiving": names.get(str(each.about.get("receiving"))),
        }
        for each in entries
    ]


@screen
def prices(acting: Acting, facility: str) -> Screen:
    return _shown(acting, facility)


@act(back=_shown)
def set(acting: Acting, facility: str) -> Done:  # noqa: A001 - the last word of its address
    """What was looked at and confirmed; not where the price has moved meanwhile."""
    here = house.own(acting, facility, Right.SET_PRICES)
    to = ids.from_wire(house.given(acting, "to"))
    plan = pricing.change(
        acting.tx,
        here,
        house.given(acting, "price"),
        receiving=None if to is None else queries.facility_named(ids.wire(to), argument="to"),
        amount=_amount(house.given(acting, "shillings")),
        was=_was(house.given(acting, "was")),
    )
    return Done(f"{house.base(here)}prices/", _said(plan))


def _said(plan: Change) -> str:
    return _("The fee is {amount} from now on. Fees that were raised stay what they are.").format(amount=plan.amount)


def _receiving(name: str) -> Facility | None:
    return queries.facility_named(name, argument="to") if name.strip() else None


def _was(text: str) -> Money | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidArgument("The form was changed. Look at the price again.", argument="shillings")
    return Money(int(text))


def _amount(text: str) -> Money:
    plain = text.strip().replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) <= _MOST_DIGITS):
        raise InvalidArgument("The fee is a whole number of shillings.", argument="shillings")
    return stk_amount(int(plain))
