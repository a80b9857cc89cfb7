"""Every move by everybody, from every status: what happens, what is refused and how, and what is offered instead.

The tables here are written out by hand from the design, and are compared with what the operations do.
"""

from __future__ import annotations

from typing import Final

import pytest

from rufaa.errors import RufaaError
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from rufaa.referrals.refusing import ReasonNeeded, UnlawfulMove
from support import RINGS, World, call_back, referral_in, rows, unchanged

S = Status

PEOPLE: Final = (
    "physician",
    "admin",
    "second_admin",
    "receiver",
    "receiving_admin",
    "finance",
    "operator",
    "stranger",
)

WITH_FEE: Final = {S.AWAITING_BIODATA, S.PENDING_PAYMENT, S.PAID, S.CONFIRMED, S.COMPLETED, S.CANCELLED}

SEES: Final[dict[str, set[Status]]] = {
    "physician": set(S),
    "admin": set(S),
    "second_admin": set(S),
    "receiver": {S.PAID, S.CONFIRMED, S.COMPLETED},
    "receiving_admin": {S.PAID, S.CONFIRMED, S.COMPLETED},
    "finance": WITH_FEE,
    "operator": set(),
    "stranger": set(),
}

_REFERRING_MOVES: Final = {
    S.PENDING_ADMIN: [S.AWAITING_BIODATA, S.REJECTED, S.CANCELLED],
    S.AWAITING_BIODATA: [S.PENDING_PAYMENT, S.CANCELLED],
    S.PENDING_PAYMENT: [S.CANCELLED],
    S.PAID: [S.CANCELLED],
    S.CONFIRMED: [S.CANCELLED],
}
_RECEIVING_MOVES: Final = {S.PAID: [S.CONFIRMED, S.CANCELLED], S.CONFIRMED: [S.COMPLETED, S.CANCELLED]}

MOVES: Final[dict[str, dict[Status, list[Status]]]] = {
    "physician": {S.PENDING_ADMIN: [S.CANCELLED]},
    "admin": _REFERRING_MOVES,
    "second_admin": _REFERRING_MOVES,
    "receiver": _RECEIVING_MOVES,
    "receiving_admin": _RECEIVING_MOVES,
    "finance": {},
    "operator": {},
    "stranger": {},
}

_REFERRING_ASKS: Final = {S.PENDING_ADMIN, S.AWAITING_BIODATA, S.PENDING_PAYMENT, S.PAID, S.REJECTED, S.CANCELLED}
_RECEIVING_ASKS: Final = {S.PAID, S.CONFIRMED, S.COMPLETED, S.CANCELLED}

MAY_ASK_FOR: Final[dict[str, set[Status]]] = {
    "physician": {S.PAID, S.CANCELLED},
    "admin": _REFERRING_ASKS,
    "second_admin": _REFERRING_ASKS,
    "receiver": _RECEIVING_ASKS,
    "receiving_admin": _RECEIVING_ASKS,
    "finance": {S.PAID},
    "operator": set(),
    "stranger": set(),
}


def expected(who: str, status: Status, target: Status) -> str:
    """``moves``, ``same``, or the refusal's code."""
    if status not in SEES[who]:
        return "referral-not-found"
    if target not in MAY_ASK_FOR[who]:
        return "forbidden"
    if target is status:
        return "same"
    if target in MOVES[who].get(status, []):
        return "moves"
    if who == "physician" and target is S.CANCELLED and status not in {S.COMPLETED, S.REJECTED}:
        return "forbidden"  # a physician cancels only before approval
    if target is S.PAID and status is S.PENDING_PAYMENT:
        return "not-paid"
    return "unlawful-move"


@pytest.mark.parametrize("status", list(Status))
def test_each_move_by_each_person(world: World, status: Status, subtests: pytest.Subtests) -> None:
    referral = referral_in(world, status)
    for who in PEOPLE:
        by: Actor = getattr(world, who)
        asked = {target: expected(who, status, target) for target in Status}
        with subtests.test(f"{who}: refused"), unchanged():
            for target, outcome in asked.items():
                if outcome == "moves":
                    continue
                if outcome == "same":
                    assert world.move(referral, target, by=by).seen.referral.state == status
                    continue
                with pytest.raises(RufaaError) as refused:
                    world.move(referral, target, by=by, reason="because")
                assert (target, refused.value.code) == (target, outcome)
                if isinstance(refused.value, UnlawfulMove):
                    options = MOVES[who].get(status, [])
                    assert refused.value.data == {"status": status, "allowed": [str(each) for each in options]}
                    offer = f"You can move it to: {', '.join(options) or 'nothing'}."
                    assert refused.value.message.endswith(offer)
        for target in (each for each, outcome in asked.items() if outcome == "moves"):
            with subtests.test(f"{who}: to {target}"):
                fresh = referral_in(world, status)
                world.move(fresh, target, by=by, reason="because")
                assert world.status(fresh) == target


def test_a_move_is_told_with_who_and_why(world: World) -> None:
    referral = world.referral()

    changed = world.move(referral, S.REJECTED, by=world.second_admin, reason="  not indicated ")

    assert (changed.seen.referral.state, changed.seen.referral.reason) == ("rejected", "not indicated")
    assert rows("SELECT from_state, event, to_state, actor, reason FROM history ORDER BY id DESC LIMIT 1") == [
        {
            "from_state": "pending-admin",
            "event": "reject",
            "to_state": "rejected",
            "actor": world.second_admin.user,
            "reason": "not indicated",
        }
    ]


@pytest.mark.parametrize(
    ("status", "target", "who"),
    [
        (S.PENDING_ADMIN, S.REJECTED, "admin"),
        (S.PENDING_ADMIN, S.CANCELLED, "physician"),
        (S.PENDING_PAYMENT, S.CANCELLED, "admin"),
        (S.PAID, S.CANCELLED, "receiver"),
        (S.CONFIRMED, S.COMPLETED, "receiver"),
    ],
)
def test_ends_need_a_reason_and_completing_an_outcome(world: World, status: Status, target: Status, who: str) -> None:
    referral = referral_in(world, status)
    for empty in (None, "", " \n"):
        with unchanged(), pytest.raises(ReasonNeeded) as refused:
            world.move(referral, target, by=getattr(world, who), reason=empty)
        assert (refused.value.code, refused.value.data) == ("reason-needed", {"argument": "reason"})
    assert ("outcome" in refused.value.message) is (target is S.COMPLETED)


@pytest.mark.parametrize("reason", ["r" * 20_001, "a\x00b"])
def test_a_reason_that_cannot_be_kept_is_refused(world: World, reason: str) -> None:
    referral = world.referral()

    with unchanged(), pytest.raises(RufaaError) as refused:
        world.move(referral, S.REJECTED, reason=reason)
    assert (refused.value.code, refused.value.data["argument"]) == ("invalid-argument", "reason")


def test_saying_a_status_again_stores_a_phone_and_sends_nothing(world: World) -> None:
    referral = world.waiting()

    changed = world.move(referral, S.PENDING_PAYMENT, payer_phone="0708 374 149")

    assert changed.prompt is None
    assert changed.seen.referral.particulars.payer_phone == RINGS
    assert rows("SELECT id FROM prompt") == []
    assert len(rows("SELECT id FROM history WHERE machine = 'referral'")) == 3


@pytest.mark.parametrize("status", [S.REJECTED, S.CANCELLED])
def test_a_closed_referral_takes_no_phone_even_with_its_own_status(world: World, status: Status) -> None:
    referral = referral_in(world, status)

    with unchanged(), pytest.raises(UnlawfulMove) as refused:
        world.move(referral, status, payer_phone=RINGS)
    assert refused.value.data == {"status": status, "allowed": []}


def test_only_who_keeps_particulars_sends_a_phone_along(world: World) -> None:
    referral = referral_in(world, S.PAID)

    for who in (world.physician, world.receiver, world.finance):
        with unchanged(), pytest.raises(RufaaError) as refused:
            world.move(referral, S.PAID, by=who, payer_phone=RINGS)
        assert (refused.value.code, refused.value.data) == ("forbidden", {"right": "particulars"})


def test_a_wrong_phone_stops_the_move(world: World) -> None:
    referral = world.approved()

    with unchanged(), pytest.raises(RufaaError) as refused:
        world.move(referral, S.PENDING_PAYMENT, payer_phone="0812345678")
    assert (refused.value.code, refused.value.data) == ("invalid-phone", {"argument": "stkPhoneNumber"})


def test_paid_is_granted_where_the_money_is_and_refused_where_it_is_not(world: World) -> None:
    referral, prompt = world.prompted()

    for who in (world.admin, world.physician, world.finance):
        with unchanged(), pytest.raises(UnlawfulMove) as refused:
            world.move(referral, S.PAID, by=who)
        assert refused.value.code == "not-paid"
    assert call_back(prompt) == "confirms"

    for who in (world.admin, world.physician, world.finance, world.receiver):
        assert world.move(referral, S.PAID, by=who).seen.referral.state == "paid"
    assert len(rows("SELECT id FROM receipt")) == 1


def test_money_that_came_before_pending_payment_carries_the_referral_on(world: World) -> None:
    referral = world.approved()
    call_back(world.ask(referral))
    assert (world.status(referral), world.fee_state(referral)) == ("awaiting-biodata", "paid")

    changed = world.move(referral, S.PENDING_PAYMENT)

    assert (changed.seen.referral.state, changed.prompt) == ("paid", None)
    assert [row["event"] for row in rows("SELECT event FROM history WHERE machine = 'referral' ORDER BY id")] == [
        "create",
        "approve",
        "ask-payment",
        "money-seen",
    ]
