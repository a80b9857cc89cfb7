"""Where the money of one receipt is, and the receipt's moves that follow from it. Pure.

Of what arrived, a part pays fees, a part went back, a part is promised to go back, and the rest is free. Receipts are
written in sets by SQL; this is the arithmetic that it keeps to, and that the model of a fee drives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from rufaa.errors import InvalidArgument, sentence
from rufaa.money import Money
from rufaa.payments.machine import RECEIPT, ReceiptEvent, ReceiptState

_NONE: Final = Money(0)


class MoreThanThereIs(InvalidArgument):
    """More would be applied, promised or given back than the receipt has for it."""

    code = "more-than-there-is"


@dataclass(frozen=True, slots=True)
class Holding:
    """One receipt's money. Whatever a method does, the four parts add up to ``amount``.

    Methods return the receipt after a move, and raise ``MoreThanThereIs``, or ``InvalidArgument`` for a part that is
    not above zero.
    """

    amount: Money
    state: ReceiptState = ReceiptState.UNAPPLIED
    applied: Money = _NONE  # pays fees
    promised: Money = _NONE  # of what pays no fee: a live refund will give it back
    given_back: Money = _NONE

    @property
    def free(self) -> Money:
        return Money(self.amount.cents - self.applied.cents - self.promised.cents - self.given_back.cents)

    def apply(self, part: Money) -> tuple[Holding, ReceiptEvent]:
        """``part`` of what is free pays a fee."""
        _check(part, self.free, "free")
        after = replace(self, applied=_sum(self.applied, part))
        waits = _sum(after.free, after.promised) > _NONE
        return after._move(ReceiptEvent.PART_APPLY if waits else ReceiptEvent.APPLY)

    def promise(self, part: Money) -> Holding:
        """A refund of ``part`` of what is free was proposed. No move: a person still has to do with it."""
        _check(part, self.free, "free")
        return replace(self, promised=_sum(self.promised, part))

    def release(self, part: Money) -> Holding:
        """The refund that ``part`` was promised to was withdrawn, or failed."""
        _check(part, self.promised, "promised")
        return replace(self, promised=_difference(self.promised, part))

    def give_back(self, part: Money) -> tuple[Holding, ReceiptEvent]:
        """``part`` of what was promised went back."""
        _check(part, self.promised, "promised")
        after = replace(self, promised=_difference(self.promised, part), given_back=_sum(self.given_back, part))
        if _sum(after.free, after.promised) > _NONE:
            return after._move(ReceiptEvent.PART_GIVE_BACK)
        return after._move(ReceiptEvent.GIVE_BACK_REST if after.applied > _NONE else ReceiptEvent.GIVE_BACK)

    def hand_back(self, part: Money) -> tuple[Holding, ReceiptEvent]:
        """``part``, that paid a fee, went back with the fee's refund."""
        _check(part, self.applied, "applied")
        after = replace(self, applied=_difference(self.applied, part), given_back=_sum(self.given_back, part))
        all_of_it = after.given_back == after.amount
        return after._move(ReceiptEvent.RETURN if all_of_it else ReceiptEvent.PART_RETURN)

    def _move(self, event: ReceiptEvent) -> tuple[Holding, ReceiptEvent]:
        return replace(self, state=RECEIPT.transitions[self.state, event]), event


def _check(part: Money, there: Money, what: str) -> None:
    if part <= _NONE:
        raise InvalidArgument(
            sentence("%(part)s is no part of a receipt: it must be above zero.", part=part), argument="amount"
        )
    if part > there:
        raise MoreThanThereIs(
            sentence(
                "%(part)s is more than the %(there)s of the receipt that is %(what)s.",
                part=part,
                there=there,
                what=sentence(what),
            ),
            argument="amount",
        )


def _sum(one: Money, other: Money) -> Money:
    return Money(one.cents + other.cents)


def _difference(one: Money, other: Money) -> Money:
    return Money(one.cents - other.cents)
