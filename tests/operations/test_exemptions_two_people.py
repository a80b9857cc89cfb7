"""Waiving and deferring a fee by hand takes two people, whichever two may; one alone changes nothing."""

from __future__ import annotations

import pytest

from rufaa.db.atomic import unit
from rufaa.errors import RufaaError
from rufaa.facilities.queries import Actor
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import Seen
from support import World, call_back, check_books, execute, referral_in, rows, unchanged

S = Status


def propose(
    world: World, referral: str, by: Actor, *, kind: FeeEvent = FeeEvent.WAIVE, reason: str = "poor family"
) -> Seen:
    return unit(lambda tx: referrals.propose_exemption(tx, by, referral, kind=kind, reason=reason), actor=by.user)


def second(world: World, referral: str, by: Actor) -> Seen:
    return unit(lambda tx: referrals.second_exemption(tx, by, referral), actor=by.user)


@pytest.mark.parametrize(("kind", "state"), [(FeeEvent.WAIVE, "waived"), (FeeEvent.DEFER, "deferred")])
@pytest.mark.parametrize("who", ["second_admin", "finance"])
def test_an_administrator_proposes_and_another_person_agrees(
    world: World, kind: FeeEvent, state: str, who: str
) -> None:
    referral = world.waiting()
    other: Actor = getattr(world, who)

    propose(world, referral, world.admin, kind=kind, reason="  poor family ")
    assert world.fee_state(referral) == "due"
    second(world, referral, other)

    assert (world.status(referral), world.fee_state(referral)) == ("pending-payment", state)
    (exemption,) = rows("SELECT kind, reason, proposed_by, seconded_by, withdrawn_at FROM exemption")
    assert exemption == {
        "kind": str(kind),
        "reason": "poor family",
        "proposed_by": world.admin.user,
        "seconded_by": other.user,
        "withdrawn_at": None,
    }
    assert rows("SELECT from_state, to_state, actor, reason FROM history WHERE machine = 'fee' ORDER BY id DESC")[
        0
    ] == {"from_state": "due", "to_state": state, "actor": other.user, "reason": "poor family"}
    world.move(referral, S.CONFIRMED, by=world.receiver)
    check_books()


def test_nobody_agrees_with_oneself(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin)

    with unchanged(), pytest.raises(RufaaError) as refused:
        second(world, referral, world.admin)
    assert refused.value.code == "second-person-needed"


def test_a_proposal_is_not_enough_for_the_receiving_facility(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin)

    with unchanged(), pytest.raises(RufaaError) as refused:
        world.move(referral, S.CONFIRMED, by=world.receiver)
    assert refused.value.code == "referral-not-found"


@pytest.mark.parametrize(
    ("who", "may_propose", "may_second"),
    [
        ("physician", "forbidden", "forbidden"),
        ("finance", "forbidden", "no-proposal"),
        ("receiver", "referral-not-found", "referral-not-found"),
        ("receiving_admin", "referral-not-found", "referral-not-found"),
        ("operator", "referral-not-found", "referral-not-found"),
        ("stranger", "referral-not-found", "referral-not-found"),
    ],
)
def test_who_may_neither_propose_nor_agree(world: World, who: str, may_propose: str, may_second: str) -> None:
    referral = world.waiting()
    by: Actor = getattr(world, who)

    with unchanged():
        with pytest.raises(RufaaError) as refused:
            propose(world, referral, by)
        assert refused.value.code == may_propose
        with pytest.raises(RufaaError) as refused:
            second(world, referral, by)
        assert refused.value.code == may_second


@pytest.mark.parametrize("who", ["receiver", "receiving_admin"])
def test_the_receiving_facility_sees_an_emergency_and_still_may_not(world: World, who: str) -> None:
    referral = referral_in(world, S.PENDING_PAYMENT, priority=Priority.EMERGENCY)
    propose(world, referral, world.admin)

    with unchanged():
        for call in (propose, second):
            with pytest.raises(RufaaError) as refused:
                call(world, referral, getattr(world, who))
            assert refused.value.code == "forbidden"


def test_a_newer_proposal_takes_the_older_ones_place(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin, kind=FeeEvent.WAIVE, reason="first")
    propose(world, referral, world.second_admin, kind=FeeEvent.DEFER, reason="then")

    with pytest.raises(RufaaError) as refused:  # the newer one is one's own
        second(world, referral, world.second_admin)
    assert refused.value.code == "second-person-needed"
    second(world, referral, world.admin)

    assert world.fee_state(referral) == "deferred"
    assert [(row["reason"], row["withdrawn_at"] is None) for row in rows("SELECT * FROM exemption ORDER BY id")] == [
        ("first", False),
        ("then", True),
    ]


def test_a_proposal_is_agreed_once(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin)
    second(world, referral, world.second_admin)

    with unchanged(), pytest.raises(RufaaError) as refused:
        second(world, referral, world.finance)
    assert refused.value.code == "no-proposal"


@pytest.mark.parametrize("kind", [FeeEvent.WAIVE, FeeEvent.DEFER])
def test_money_is_faster_than_the_second_person(world: World, kind: FeeEvent) -> None:
    referral, prompt = world.prompted()
    propose(world, referral, world.admin, kind=kind)
    call_back(prompt)

    with unchanged(), pytest.raises(RufaaError) as refused:
        second(world, referral, world.second_admin)
    assert refused.value.code in {"already-paid", "no-proposal"}
    assert (world.status(referral), world.fee_state(referral)) == ("paid", "paid")


def test_money_ends_an_open_proposal(world: World) -> None:
    referral, prompt = world.prompted()
    propose(world, referral, world.admin)

    call_back(prompt)

    assert [row["withdrawn_at"] is None for row in rows("SELECT withdrawn_at FROM exemption")] == [False]


@pytest.mark.parametrize("reason", ["", "  \n", "a\x00b", "r" * 20_001])
def test_a_proposal_needs_a_reason_that_can_be_kept(world: World, reason: str) -> None:
    referral = world.waiting()

    with unchanged(), pytest.raises(RufaaError) as refused:
        propose(world, referral, world.admin, reason=reason)
    assert (refused.value.code, refused.value.data) == ("invalid-argument", {"argument": "reason"})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (S.PENDING_ADMIN, "fee-not-open"),
        (S.PAID, "already-paid"),
        (S.CONFIRMED, "already-paid"),
        (S.COMPLETED, "already-paid"),
        (S.REJECTED, "fee-not-open"),
        (S.CANCELLED, "fee-not-open"),
    ],
)
def test_only_an_open_fee_can_be_waived_or_deferred(world: World, status: Status, code: str) -> None:
    referral = referral_in(world, status)

    for kind in (FeeEvent.WAIVE, FeeEvent.DEFER):
        with unchanged(), pytest.raises(RufaaError) as refused:
            propose(world, referral, world.admin, kind=kind)
        assert refused.value.code == code


def test_a_deferred_fee_can_be_waived_and_not_deferred_again(world: World) -> None:
    referral = referral_in(world, S.PENDING_PAYMENT, priority=Priority.EMERGENCY)

    with unchanged(), pytest.raises(RufaaError) as refused:
        propose(world, referral, world.admin, kind=FeeEvent.DEFER)
    assert (refused.value.code, refused.value.data) == ("fee-not-open", {"status": "deferred"})

    propose(world, referral, world.admin, kind=FeeEvent.WAIVE)
    second(world, referral, world.finance)
    assert world.fee_state(referral) == "waived"
    check_books()


def test_waiving_withdraws_an_unsent_prompt_and_deferring_leaves_it(world: World) -> None:
    waived, unsent = world.prompted("254708370001")
    deferred, kept = world.prompted("254708370002")

    propose(world, waived, world.admin)
    second(world, waived, world.finance)
    propose(world, deferred, world.admin, kind=FeeEvent.DEFER)
    second(world, deferred, world.finance)

    assert (world.prompt(unsent)["state"], world.prompt(unsent)["event"]) == ("refused", "withdrawn")
    assert world.prompt(kept)["state"] == "created"


def test_cancelling_ends_an_open_proposal(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin)

    world.move(referral, S.CANCELLED, reason="went home")

    with unchanged(), pytest.raises(RufaaError) as refused:
        second(world, referral, world.second_admin)
    assert refused.value.code == "no-proposal"


def test_the_database_wants_two_people_from_every_writer(world: World) -> None:
    referral = world.waiting()
    propose(world, referral, world.admin)

    with unchanged():
        with pytest.raises(Exception, match="two people have not agreed"):
            execute("UPDATE fee SET state = 'waived', event = 'waive'")
        with pytest.raises(Exception, match="exemption_two_people"):
            execute("UPDATE exemption SET seconded_by = proposed_by, seconded_at = rufaa_now()")
