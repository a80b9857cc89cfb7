"""What an API operator orders: a transaction's status, a reversal, a payout (daraja.md §7, §8, §10). Only values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator.plans import AS_ORDERED, OrderPlan


class OrderKind(StrEnum):
    STATUS = "status"
    REVERSAL = "reversal"
    B2C = "b2c"


@dataclass(frozen=True, slots=True)
class Order:
    """One that was acknowledged. What it asks about is ``receipt`` or, of a status alone, ``about_id``.

    ``refused_code``: how it will end whatever else is true, since the operator or the id is not in order.
    """

    conversation_id: str
    originator_id: str  # of a payout the merchant's own
    kind: OrderKind
    short_code: str
    result_url: str
    timeout_url: str
    taken_at: datetime
    receipt: str | None = None
    about_id: str | None = None
    amount: Money | None = None
    phone: Phone | None = None
    occasion: str = ""
    refused_code: str | None = None
    plan: OrderPlan = AS_ORDERED
    result_code: str | None = None
    transaction_id: str | None = None  # its own receipt number, which one that failed has too
    ended_at: datetime | None = None

    @property
    def over(self) -> bool:
        return self.ended_at is not None
