"""People who pay by hand: with the right account code, with a mistyped one, another amount, or while a prompt rings."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from rufaa.ids import ACCOUNT_CODE_ALPHABET
from rufaa.phone import Phone
from rufaa.simulator.paybill import NotPaid
from simulation.town import House

if TYPE_CHECKING:
    from simulation.run import Simulation

HOWS: Final = (
    "right",
    "right",
    "right",
    "right",
    "spaced",
    "one slip",
    "one slip",
    "swapped",
    "garbage",
    "less",
    "more",
)


async def pay(simulation: Simulation, chance: random.Random, *, house: House, code: str, phone: str) -> str | None:
    """One payment by hand; its receipt number, or None where it was not made."""
    how = chance.choice(HOWS)
    shillings = house.amount.shillings
    if how in {"less", "more"}:
        shillings += chance.choice((1, 50, shillings, shillings)) * (1 if how == "more" else -1)
    till = house.merchant.till_number
    simulation.trace.counts[f"paid by hand: {how}" if till is None else "paid by hand: to a till"] += 1
    try:
        made = await simulation.engine.paybill.pay(
            Phone(phone),
            to=till or house.merchant.short_code,
            reference="" if till is not None else _typed(code, how, chance),
            shillings=max(1, shillings),
            pin=simulation.engine.settings.pin,
        )
    except NotPaid as refused:
        simulation.trace.counts[f"not paid by hand: {refused.why}"] += 1
        return None
    return made.receipt


def _typed(code: str, how: str, chance: random.Random) -> str:
    place = chance.randrange(len(code) - 1)
    match how:
        case "spaced":
            return f"{code[:4].lower()} {code[4:].lower()}"
        case "one slip":
            return code[:place] + chance.choice(ACCOUNT_CODE_ALPHABET) + code[place + 1 :]
        case "swapped":
            return code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        case "garbage":
            return chance.choice(("0", "RENT MAY", "jane", "12345678"))
        case _:
            return code
