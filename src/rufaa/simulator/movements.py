"""Money that moved between a wallet and a till, each time under a receipt number of its own. Only values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rufaa.money import Money
from rufaa.phone import Phone


class Way(StrEnum):
    """How it came to be."""

    STK = "stk"  # a prompt was paid
    BY_HAND = "by-hand"  # Lipa na M-PESA, from the phone's own menu
    SIMULATED = "simulated"  # the merchant asked for it, as the sandbox allows
    REVERSAL = "reversal"  # of one of those three, back to the phone
    PAYOUT = "payout"  # B2C


PAYMENTS: Final = frozenset({Way.STK, Way.BY_HAND, Way.SIMULATED})
"""The ways into a till: C2B tells of them, and Pull lists them."""


@dataclass(frozen=True, slots=True)
class Movement:
    """``amount`` is above 0; ``way`` says into which direction. The two balances are filled in by the books."""

    receipt: str
    way: Way
    short_code: str
    phone: Phone
    amount: Money
    at: datetime  # TransTime
    reference: str = ""  # BillRefNumber; a till has none
    third_party_id: str = ""  # what the merchant's validation answered
    originator_id: str = ""  # of the request behind it: a MerchantRequestID, or an order's OriginatorConversationID
    conversation_id: str = ""  # of the order behind it
    undoes: str | None = None  # the receipt that a reversal gives back
    wallet_after: Money | None = None
    till_after: Money | None = None

    @property
    def is_payment(self) -> bool:
        return self.way in PAYMENTS

    @property
    def into_till(self) -> Money:
        """What the till gains; below 0 where it loses."""
        return self.amount if self.is_payment else Money(-self.amount.cents)


def stk_moved_at(ended_at: datetime, *, receipt: str) -> datetime:
    """When C2B says that an STK payment was made: 1 or 2 s before its callback's TransactionDate (daraja.md §6)."""
    return ended_at - timedelta(seconds=1 + ord(receipt[-1]) % 2)
