"""Many ask for one fee, or one phone, at once: one prompt. Many workers claim at once: each prompt is sent once."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from races.gates import Racers, meeting
from rufaa.db.atomic import unit
from rufaa.payments import access, dispatch, operations
from rufaa.payments.dispatch import Claimed, claim_due
from rufaa.payments.operations import PhoneBusy, Requested
from rufaa.phone import Phone
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.simulator.testing import RunningSimulator
from support import RINGS, Worker, World, check_books, rows, value, wait_until

Drop = Callable[..., None]
LIVE_GUARDS = ("prompt_one_live_per_fee", "prompt_one_live_per_phone", "prompt_attempt")


def fee_of(referral: str) -> uuid.UUID:
    fee: uuid.UUID = value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    return fee


def ask(fee: uuid.UUID, phone: str = RINGS) -> Requested | PhoneBusy:
    try:
        asked = unit(lambda tx: operations.request_prompt(tx, fee, phone=Phone(phone), amount=None))
    except PhoneBusy as refused:
        return refused
    assert isinstance(asked, Requested)
    return asked


def unlocked(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, lock: str) -> None:
    """Takes the row lock out of a statement."""
    statement = module._SQL[name]
    assert lock in statement
    monkeypatch.setitem(module._SQL, name, statement.replace(lock, ""))


@pytest.mark.fault(6)
def test_twenty_who_ask_for_one_fee_at_once_share_one_prompt(world: World, racers: Racers) -> None:
    referral = world.waiting()
    admin = world.admin
    with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
        asked = racers.start(
            *[lambda: unit(lambda tx: referrals.send_prompt(tx, admin, referral, phone=RINGS, amount=None))] * 20
        )
        all_wait(20)
    found = [each.result()[0] for each in asked]

    assert sorted(each.joined for each in found) == [False] + [True] * 19
    assert len({each.prompt for each in found}) == 1
    assert value("SELECT count(*) FROM prompt") == 1
    check_books()


def test_control_without_the_fees_lock_the_index_still_allows_one_prompt(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    fee = fee_of(world.waiting())
    unlocked(monkeypatch, operations, "lock_fee", "FOR NO KEY UPDATE")
    monkeypatch.setattr(operations, "_check_phone_free", meeting(4, operations._check_phone_free))

    found = [each.result() for each in racers.start(*[lambda: ask(fee)] * 4)]

    assert Counter(type(each) for each in found) == {Requested: 1, PhoneBusy: 3}  # refused where they should join
    assert value("SELECT count(*) FROM prompt") == 1


def test_control_without_lock_and_index_one_fee_has_four_live_prompts(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fee = fee_of(world.waiting())
    without("prompt", *LIVE_GUARDS)
    unlocked(monkeypatch, operations, "lock_fee", "FOR NO KEY UPDATE")
    monkeypatch.setattr(operations, "_check_phone_free", meeting(4, operations._check_phone_free))

    found = [each.result() for each in racers.start(*[lambda: ask(fee)] * 4)]

    assert {type(each) for each in found} == {Requested}
    assert value("SELECT count(*) FROM prompt WHERE fee_id = %(fee)s AND state = 'created'", fee=fee) == 4


@pytest.mark.fault(6)
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_one_phone_asked_for_two_fees_at_once_rings_once(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    first, second = fee_of(world.waiting()), fee_of(world.waiting())
    if not guarded:
        without("prompt", "prompt_one_live_per_phone")
    monkeypatch.setattr(operations, "_check_phone_free", meeting(2, operations._check_phone_free))

    found = [each.result() for each in racers.start(lambda: ask(first), lambda: ask(second))]

    if guarded:
        assert Counter(type(each) for each in found) == {Requested: 1, PhoneBusy: 1}
        (refused,) = (each for each in found if isinstance(each, PhoneBusy))
        assert 1 <= refused.data["secondsLeft"] <= 90
        assert value("SELECT count(*) FROM prompt") == 1
        check_books()
    else:
        assert value("SELECT count(*) FROM prompt WHERE payer_phone = %(phone)s", phone=RINGS) == 2


def claim() -> list[Claimed]:
    return unit(lambda tx: claim_due(tx, limit=100))[0]


def test_two_workers_claim_each_prompt_once(world: World, racers: Racers) -> None:
    prompts = [world.prompted(f"254708004{each:03}")[1] for each in range(20)]
    with racers.gate("SELECT FROM mpesa_access FOR UPDATE") as all_wait:
        claiming = racers.start(claim, claim)
        all_wait(2)
    claimed = [prompt.id for each in claiming for prompt in each.result()]

    assert sorted(claimed) == sorted(prompts)
    assert {row["lease"] for row in rows("SELECT lease FROM prompt")} == {1}


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_a_prompt_that_another_worker_holds_is_skipped(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The account's budget already lets one worker claim after the other; it is taken away in both cases."""
    prompts = [world.prompted(f"254708004{each:03}")[1] for each in range(3)]
    monkeypatch.setattr(access, "spend", lambda *_, limit, **__: (limit, None))
    if not guarded:
        unlocked(monkeypatch, dispatch, "claim", "FOR UPDATE OF prompt SKIP LOCKED")

    with racers.gate("SELECT FROM prompt FOR UPDATE") as all_wait:
        claiming = racers.start(claim, claim)
        if guarded:
            assert [each.result() for each in claiming] == [[], []]
        else:
            all_wait(2)
    claimed = Counter(prompt.id for each in claiming for prompt in each.result())

    if guarded:
        assert [prompt.id for prompt in claim()] == prompts
    else:
        assert claimed == dict.fromkeys(prompts, 2)  # each would be sent twice


def test_two_workers_send_each_prompt_once(
    town: World, simulator: RunningSimulator, worker: Worker, racers: Racers
) -> None:
    phones = [f"254708004{each:03}" for each in range(20)]
    for phone in phones:
        town.prompted(phone)

    for each in racers.start(worker.dispatch, worker.dispatch, worker.dispatch):
        each.result()

    assert sorted(prompt.phone for prompt in simulator.prompts()) == phones
    assert value("SELECT count(*) FROM prompt WHERE state = 'pending' AND lease = 1") == 20
    check_books(simulator)


def test_a_fee_that_closes_while_its_prompt_is_claimed_does_not_unclaim_it(world: World, racers: Racers) -> None:
    """The POST may be under way: withdrawing it would say "not sent" of a phone that rings."""
    referral, prompt = world.prompted(RINGS)

    def cancel() -> None:
        unit(
            lambda tx: referrals.update_status(tx, world.admin, referral, target=Status.CANCELLED, reason="moved away")
        )

    def claim_while_cancelling(tx: Any) -> Any:
        claimed, _ = claim_due(tx, limit=1)
        cancelling = racers.start(cancel)
        wait_until(lambda: racers.waiting() == 1, what="the cancellation waiting for the claim")
        return claimed, cancelling

    claimed, cancelling = unit(claim_while_cancelling)
    cancelling[0].result()

    assert [each.id for each in claimed] == [prompt]
    assert (world.prompt(prompt)["state"], world.fee_state(referral)) == ("sending", "waived")
    check_books()


def test_a_fee_that_closes_before_the_claim_is_never_sent(world: World, racers: Racers) -> None:
    referral, prompt = world.prompted(RINGS)
    with racers.gate("SELECT FROM prompt FOR UPDATE") as all_wait:
        cancelling = racers.start(
            lambda: unit(
                lambda tx: referrals.update_status(tx, world.admin, referral, target=Status.CANCELLED, reason="x")
            )
        )
        all_wait(1)
        assert claim() == []
    cancelling[0].result()
    assert claim() == []

    assert (world.prompt(prompt)["state"], world.prompt(prompt)["event"]) == ("refused", "withdrawn")
