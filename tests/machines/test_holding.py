"""The money of one receipt, whatever is done with it: nothing vanishes, and its state says if a person has work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.errors import InvalidArgument
from rufaa.money import Money
from rufaa.payments.holding import Holding, MoreThanThereIs
from rufaa.payments.machine import RECEIPT, ReceiptEvent, ReceiptState

WAYS: Final[dict[str, Callable[[Holding, Money], object]]] = {
    "apply": Holding.apply,
    "promise": Holding.promise,
    "release": Holding.release,
    "give back": Holding.give_back,
    "hand back": Holding.hand_back,
}

parts = st.lists(st.tuples(st.sampled_from(list(WAYS)), st.integers(1, 10).map(Money)), max_size=20)


@given(parts)
def test_the_parts_add_up_and_the_state_says_whether_something_waits(steps: list[tuple[str, Money]]) -> None:
    holding = Holding(Money(10))
    seen = set()
    for way, part in steps:
        before = holding
        try:
            result = WAYS[way](holding, part)
        except MoreThanThereIs:
            assert holding == before
            continue
        if isinstance(result, tuple):
            holding, event = result
            seen.add(event)
            assert RECEIPT.transitions[before.state, event] == holding.state
        else:
            assert isinstance(result, Holding)
            holding = result
            assert holding.state is before.state
        of_it = (holding.applied, holding.promised, holding.given_back, holding.free)
        assert sum(money.cents for money in of_it) == 10
        assert min(of_it) >= Money(0)
        waits = holding.free > Money(0) or holding.promised > Money(0)
        assert holding.state is (
            ReceiptState.UNAPPLIED
            if waits
            else ReceiptState.APPLIED
            if holding.applied > Money(0)
            else ReceiptState.REFUNDED
        )


def test_every_move_of_a_receipt_can_follow_from_its_money() -> None:
    def after(*steps: tuple[str, int]) -> tuple[Holding, ReceiptEvent | None]:
        holding, event = Holding(Money(10)), None
        for way, cents in steps:
            result = WAYS[way](holding, Money(cents))
            holding, event = result if isinstance(result, tuple) else (result, event)  # type: ignore[assignment]
        return holding, event

    expected = {
        ReceiptEvent.APPLY: [("apply", 10)],
        ReceiptEvent.PART_APPLY: [("apply", 4)],
        ReceiptEvent.GIVE_BACK: [("promise", 10), ("give back", 10)],
        ReceiptEvent.PART_GIVE_BACK: [("promise", 4), ("give back", 4)],
        ReceiptEvent.GIVE_BACK_REST: [("apply", 6), ("promise", 4), ("give back", 4)],
        ReceiptEvent.RETURN: [("apply", 10), ("hand back", 10)],
        ReceiptEvent.PART_RETURN: [("apply", 4), ("hand back", 4)],
    }
    assert set(expected) | {ReceiptEvent.ARRIVE} == set(ReceiptEvent)
    for event, steps in expected.items():
        assert after(*steps)[1] is event
    assert after(("apply", 4), ("apply", 6), ("hand back", 4))[0].state is ReceiptState.APPLIED


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cents", [0, -1])
def test_nothing_is_no_part(way: str, cents: int) -> None:
    with pytest.raises(InvalidArgument):
        WAYS[way](Holding(Money(10)), Money(cents))
