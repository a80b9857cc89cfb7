"""What a referral's moves need besides its status: each move × each combination of facts."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest

from rufaa.law import Ignored, Moved, Refused
from rufaa.referrals.machine import TRANSITIONS, Event, Facts, Priority, Status, allowed, decide, event_to

S, E, P = Status, Event, Priority
ALL_FACTS: Final = [
    Facts(priority=priority, fee_is_paid=paid, fee_is_exempt=exempt)
    for priority, paid, exempt in product(Priority, (False, True), (False, True))
]


def grounds_are_there(status: Status, event: Event, facts: Facts) -> bool:
    """The column "needs" of the design's table (§5)."""
    if event is E.MONEY_SEEN:
        return facts.fee_is_paid
    if event is E.CONFIRM and status is S.PENDING_PAYMENT:
        return facts.fee_is_exempt
    if event is E.CONFIRM_EMERGENCY:
        return facts.priority is P.EMERGENCY
    return True


@pytest.mark.parametrize("facts", ALL_FACTS, ids=str)
@pytest.mark.parametrize("status", Status)
def test_a_move_is_granted_where_its_grounds_are(status: Status, facts: Facts) -> None:
    lawful = {event for (source, event) in TRANSITIONS if source is status}
    granted = {event for event in lawful if grounds_are_there(status, event, facts)}

    assert set(allowed(status, facts)) == granted
    for event in Event:
        decision = decide(status, event, facts)
        if event in granted:
            assert decision == Moved(TRANSITIONS[status, event])
        elif event is E.MONEY_SEEN and status is not S.PENDING_PAYMENT:
            assert isinstance(decision, Ignored)
        else:
            assert isinstance(decision, Refused)
            assert decision.why
            if event in lawful:  # the grounds are missing: what is offered instead is what would be granted
                assert set(decision.allowed) == granted


@pytest.mark.parametrize(
    ("status", "event", "words"),
    [
        (S.PENDING_PAYMENT, E.MONEY_SEEN, "No money has been seen"),
        (S.PENDING_PAYMENT, E.CONFIRM, "neither paid, waived nor deferred"),
        (S.PENDING_ADMIN, E.CONFIRM_EMERGENCY, "Only an Emergency"),
    ],
)
def test_a_refusal_says_what_is_missing(status: Status, event: Event, words: str) -> None:
    decision = decide(status, event, Facts(priority=P.ROUTINE, fee_is_paid=False, fee_is_exempt=False))

    assert isinstance(decision, Refused)
    assert words in decision.why


# What somebody means who asks for a status: from each status to each other one. Nothing: no event leads there.
MEANS: Final = {
    (S.PENDING_ADMIN, S.AWAITING_BIODATA): E.APPROVE,
    (S.PENDING_ADMIN, S.REJECTED): E.REJECT,
    (S.PENDING_ADMIN, S.CANCELLED): E.CANCEL,
    (S.AWAITING_BIODATA, S.PENDING_PAYMENT): E.ASK_PAYMENT,
    (S.AWAITING_BIODATA, S.CANCELLED): E.CANCEL,
    (S.PENDING_PAYMENT, S.PAID): E.MONEY_SEEN,
    (S.PENDING_PAYMENT, S.CONFIRMED): E.CONFIRM,
    (S.PENDING_PAYMENT, S.CANCELLED): E.CANCEL,
    (S.PAID, S.CONFIRMED): E.CONFIRM,
    (S.PAID, S.CANCELLED): E.CANCEL,
    (S.CONFIRMED, S.COMPLETED): E.COMPLETE,
    (S.CONFIRMED, S.CANCELLED): E.CANCEL,
}
MEANS_IN_AN_EMERGENCY: Final = {
    (S.PENDING_ADMIN, S.CONFIRMED): E.CONFIRM_EMERGENCY,
    (S.AWAITING_BIODATA, S.CONFIRMED): E.CONFIRM_EMERGENCY,
    (S.PENDING_PAYMENT, S.CONFIRMED): E.CONFIRM_EMERGENCY,
}


@pytest.mark.parametrize(("status", "target"), list(product(Status, Status)))
def test_asking_for_a_status_means_one_event(status: Status, target: Status) -> None:
    calm = MEANS.get((status, target))

    assert event_to(status, target, P.ROUTINE) is calm
    assert event_to(status, target, P.URGENT) is calm
    assert event_to(status, target, P.EMERGENCY) is MEANS_IN_AN_EMERGENCY.get((status, target), calm)


@pytest.mark.parametrize("status", [S.PENDING_ADMIN, S.AWAITING_BIODATA, S.PENDING_PAYMENT])
@pytest.mark.parametrize("facts", [facts for facts in ALL_FACTS if facts.priority is P.EMERGENCY], ids=str)
def test_an_emergency_is_confirmed_from_anywhere_whatever_its_fee(status: Status, facts: Facts) -> None:
    event = event_to(status, S.CONFIRMED, P.EMERGENCY)

    assert event is E.CONFIRM_EMERGENCY
    assert decide(status, event, facts) == Moved(S.CONFIRMED)
