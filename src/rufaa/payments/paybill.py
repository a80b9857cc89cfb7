"""How a fee is paid by hand, from a phone on which no prompt rings. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rufaa.money import Money


@dataclass(frozen=True, slots=True)
class Paybill:
    """What to type into M-Pesa. ``till`` None: a paybill; a till knows no account code, so its receipt is shown."""

    short_code: str
    till: str | None
    account_code: str
    amount: Money

    @property
    def words(self) -> str:
        if self.till is not None:
            return f"Pay {self.amount} with M-Pesa, Buy Goods, till {self.till}, and show the receipt."
        return f"Pay {self.amount} with M-Pesa, Pay Bill, business {self.short_code}, account {self.account_code}."
