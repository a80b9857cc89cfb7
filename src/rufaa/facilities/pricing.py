"""Prices as a facility's own administrators change them: what a fee will be from now on, never one that was raised.

An administrator says how much. To whom the money goes is taken over from a price that an operator set, so that nobody
leads it elsewhere.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError, sentence
from rufaa.facilities import operations
from rufaa.facilities.models import Facility, MpesaAccount, Price
from rufaa.money import Money

_SQL: Final = sql.load(__file__, "pricing.sql")


class PriceNotFound(RufaaError):
    """There is no price of this id for referrals from the facility."""

    kind = Kind.NOT_FOUND
    code = "price-not-found"


class PriceMoved(RufaaError):
    """The price is another one than the page showed on which this was decided. Nothing was changed."""

    kind = Kind.CONFLICT
    code = "price-moved"


@dataclass(frozen=True, slots=True)
class Change:
    """What would change: ``before`` None: there is no price of its own for ``receiving`` yet; it would be added."""

    facility: uuid.UUID
    receiving: uuid.UUID | None
    receiving_name: str | None
    payee: uuid.UUID
    payee_name: str
    account: uuid.UUID
    before: Money | None
    amount: Money


def planned(tx: Tx, facility: Facility, price: object, *, receiving: Facility | None, amount: Money) -> Change:
    """What ``price`` would become, or the price for ``receiving`` that goes where ``price`` goes. The price is locked
    until the transaction ends. Raises ``PriceNotFound`` and ``InvalidAmount``.
    """
    operations.check_price(amount)
    identifier = ids.from_wire(price)
    values = {"facility": facility.pk, "price": identifier, "receiving": None if receiving is None else receiving.pk}
    row = None if identifier is None else tx.row(_SQL["change"], values)
    if row is None:
        raise PriceNotFound("There is no such price of this facility.")
    return Change(
        facility=facility.pk,
        receiving=row["receiving_id"],
        receiving_name=row["receiving"],
        payee=row["payee_id"],
        payee_name=row["payee"],
        account=row["account_id"],
        before=None if row["amount_cents"] is None else Money(row["amount_cents"]),
        amount=amount,
    )


def change(
    tx: Tx, facility: Facility, price: object, *, receiving: Facility | None, amount: Money, was: Money | None
) -> Change:
    """Make it so, if the price is still ``was``. Raises as ``planned``, and ``PriceMoved``."""
    plan = planned(tx, facility, price, receiving=receiving, amount=amount)
    if plan.before != was:
        raise PriceMoved(
            sentence("Somebody changed this price meanwhile: there is none now. Nothing was changed.")
            if plan.before is None
            else sentence(
                "Somebody changed this price meanwhile: it is %(now)s now. Nothing was changed.", now=plan.before
            )
        )
    operations.set_price(
        tx,
        facility,
        amount=amount,
        payee=Facility.objects.get(pk=plan.payee),
        account=MpesaAccount.objects.get(pk=plan.account),
        receiving=None if plan.receiving is None else Facility.objects.get(pk=plan.receiving),
    )
    return plan


def own(tx: Tx, facility: Facility) -> list[Price]:
    """The prices of referrals from ``facility``: first the one for any, then by the name of who receives."""
    del tx
    found = Price.objects.filter(facility=facility).select_related("receiving", "payee", "account")
    return sorted(found, key=lambda each: (each.receiving is not None, each.receiving.name if each.receiving else ""))
