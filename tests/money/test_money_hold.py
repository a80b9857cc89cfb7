"""The hold switch: nothing rings while it is on, everything else goes on, and what waited goes out one by one."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from rufaa.db.atomic import WORK, Tx, unit
from rufaa.payments import access, hold
from rufaa.payments.dispatch import Claimed, claim_due, next_sending_s
from rufaa.payments.hold import HELD_FOR_S
from rufaa.referrals.machine import Status
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    RINGS,
    Worker,
    World,
    advance,
    execute,
    open_tasks,
    priced_by_another_account,
    pushes,
    receipts,
    rows,
    value,
    verdicts,
)

PHONES = ("254708004001", "254708004002", "254708004003")


def put_on_hold(world: World) -> int:
    return unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="amina"))


def release(world: World) -> int:
    return unit(lambda tx: hold.release(tx, world.account.pk, by="amina"))


def states(*prompts: uuid.UUID) -> list[str]:
    found = {row["id"]: str(row["state"]) for row in rows("SELECT id, state FROM prompt")}
    return [found[prompt] for prompt in prompts]


# --- while it lasts ------------------------------------------------------------------------------------------------


def test_nothing_is_pushed_no_budget_is_spent_and_no_worker_spins(
    town: World, simulator: RunningSimulator, worker: Worker
) -> None:
    before = [town.prompted(phone)[1] for phone in PHONES[:2]]
    assert put_on_hold(town) == 2
    prompts = [*before, town.prompted(PHONES[2])[1]]

    for _ in range(3):
        worker.dispatch()
        advance(10, simulator)

    assert (pushes(simulator), states(*prompts)) == (0, ["created"] * 3)
    assert value("SELECT push_tat FROM mpesa_access") is None
    assert unit(next_sending_s) is None
    assert release(town) == 3
    assert unit(next_sending_s) == 0.0
    advance(1, simulator)
    worker.dispatch()
    assert (pushes(simulator), states(*prompts)) == (3, ["pending"] * 3)


def test_callbacks_and_queries_are_settled_all_the_same(
    town: World, simulator: RunningSimulator, worker: Worker
) -> None:
    # given: one that rings, whose callback comes
    first, _ = town.prompted(RINGS)
    worker.dispatch()
    put_on_hold(town)
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()
    assert town.status(first) == "paid"
    release(town)
    advance(1, simulator)

    # and: one that rings, whose callback is lost
    second, silent = town.prompted(RINGS)
    worker.dispatch()
    put_on_hold(town)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    simulator.answer(RINGS)
    advance(20, simulator)
    worker.query()

    assert town.status(second) == "paid"
    assert verdicts(silent) == ["query:confirms"]
    assert len(receipts()) == 2


def test_only_the_account_that_is_held_is_held(town: World, simulator: RunningSimulator, worker: Worker) -> None:
    _, held = town.prompted(PHONES[0])
    priced_by_another_account(town)
    _, free = town.prompted(PHONES[1])
    put_on_hold(town)

    claimed, _ = unit(lambda tx: claim_due(tx, limit=100))

    assert [each.id for each in claimed] == [free]
    assert town.prompt(held)["state"] == "created"


def test_what_is_given_up_while_it_is_held_never_rings(
    town: World, simulator: RunningSimulator, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    put_on_hold(town)
    town.move(referral, Status.CANCELLED, reason="moved away")
    release(town)
    worker.dispatch()

    assert (town.prompt(prompt)["event"], pushes(simulator)) == ("withdrawn", 0)


# --- how long ------------------------------------------------------------------------------------------------------


def test_a_held_prompt_waits_for_half_an_hour_and_is_then_given_up_in_plain_words(
    town: World, simulator: RunningSimulator, worker: Worker
) -> None:
    put_on_hold(town)
    referral, prompt = town.prompted(RINGS)

    advance(HELD_FOR_S - 60, simulator)
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "created"
    advance(61, simulator)
    worker.dispatch()

    row = town.prompt(prompt)
    assert (row["state"], row["event"], row["code"]) == ("refused", "gave-up", "held-too-long")
    assert row["message"] == "Prompts were on hold, and this one waited too long."
    again = town.ask(referral)
    release(town)
    worker.dispatch()
    assert (states(prompt, again), pushes(simulator)) == (["refused", "pending"], 1)
    assert open_tasks() == []


def test_after_the_release_nothing_rings_that_waited_too_long(
    town: World, simulator: RunningSimulator, worker: Worker
) -> None:
    put_on_hold(town)
    _, old = town.prompted(PHONES[0])
    advance(600, simulator)
    _, young = town.prompted(PHONES[1])
    advance(HELD_FOR_S - 599, simulator)

    release(town)
    worker.dispatch()
    advance(5, simulator)
    worker.dispatch()

    assert states(old, young) == ["refused", "pending"]
    assert [prompt.phone for prompt in simulator.prompts()] == [PHONES[1]]


@pytest.mark.parametrize("when", ["before", "long after"])
def test_a_hold_that_is_none_of_its_business_gives_a_prompt_no_more_time(
    town: World, simulator: RunningSimulator, worker: Worker, when: str
) -> None:
    if when == "before":
        put_on_hold(town)
        release(town)
        advance(1, simulator)
    _, prompt = town.prompted(RINGS)
    advance(151, simulator)
    if when == "long after":
        put_on_hold(town)

    worker.dispatch()

    assert (town.prompt(prompt)["state"], pushes(simulator)) == ("refused", 0)
    assert town.prompt(prompt)["message"] == "M-Pesa could not be reached in time."


# --- without a burst -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_what_waited_goes_out_one_by_one_at_the_accounts_rate(
    town: World, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Two a second, two at once: but after a hold the first goes at once, and each next one half a second later."""
    execute("UPDATE mpesa_account SET pushes_per_s = 2")
    put_on_hold(town)
    for phone in PHONES:
        town.prompted(phone)
    if not guarded:
        monkeypatch.setattr(access, "forgo_burst", lambda *_: None)

    def let_go(tx: Tx) -> tuple[list[Claimed], float | None, float]:
        began = tx.row("SELECT rufaa_now() AS now")
        hold.release(tx, town.account.pk, by="amina")
        claimed, wait_s = claim_due(tx, limit=100)
        ended = tx.row("SELECT rufaa_now() AS now")
        assert began is not None
        assert ended is not None
        return claimed, wait_s, (ended["now"] - began["now"]).total_seconds()

    claimed, wait_s, took_s = unit(let_go)

    if not guarded:
        assert len(claimed) >= 2
        return
    assert 1 <= len(claimed) <= 1 + took_s / 0.5
    assert wait_s is not None
    assert 0 < wait_s <= 0.5
    advance(wait_s)
    assert len(unit(lambda tx: claim_due(tx, limit=1))[0]) == 1


def test_the_release_wakes_the_workers(town: World, database: str) -> None:
    put_on_hold(town)
    with psycopg.connect(database, autocommit=True) as listening:
        listening.execute(f"LISTEN {WORK}")
        release(town)

        assert [told.channel for told in listening.notifies(timeout=10, stop_after=1)] == [WORK]


@pytest.mark.usefixtures("standing_clock")
def test_what_was_pushed_just_before_still_counts_after_a_short_hold(town: World) -> None:
    execute("UPDATE mpesa_account SET pushes_per_s = 2")
    execute("UPDATE mpesa_access SET push_tat = rufaa_now() + interval '1 second'")
    put_on_hold(town)
    ahead = value("SELECT push_tat FROM mpesa_access")

    release(town)

    assert value("SELECT push_tat FROM mpesa_access") == ahead


# --- and a restart -------------------------------------------------------------------------------------------------


def test_a_hold_outlives_every_process(town: World, simulator: RunningSimulator, worker: Worker) -> None:
    """One prompt was claimed by a worker that died; it is never sent again, hold or no hold."""
    _, claimed = town.prompted(PHONES[0])
    unit(lambda tx: claim_due(tx, limit=1))
    put_on_hold(town)
    _, waits = town.prompted(PAYS)

    another = Worker(worker.public_url)
    advance(61, simulator)
    another.dispatch()
    assert (states(claimed, waits), pushes(simulator)) == (["unknown", "created"], 0)
    release(town)
    another.dispatch()

    assert (states(claimed, waits), pushes(simulator)) == (["unknown", "pending"], 1)


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_second_hold_and_a_second_release_are_refused_and_change_nothing(town: World) -> None:
    with pytest.raises(hold.NotHeld, match="not on hold"):
        release(town)
    put_on_hold(town)
    before = rows("SELECT * FROM account_hold")

    with pytest.raises(hold.AlreadyHeld, match=r"on hold since .* UTC: M-Pesa is down \(by amina\)"):
        unit(lambda tx: hold.hold(tx, town.account.pk, reason="another reason", by="juma"))
    assert rows("SELECT * FROM account_hold") == before

    release(town)
    with pytest.raises(hold.NotHeld):
        release(town)
    put_on_hold(town)
    history = unit(lambda tx: hold.holds(tx, town.account.pk))
    assert [(each.reason, each.released_by) for each in history] == [
        ("M-Pesa is down", None),
        ("M-Pesa is down", "amina"),
    ]


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 201, "a\x00b"])
def test_a_hold_wants_a_reason(town: World, reason: str) -> None:
    with pytest.raises(hold.InvalidArgument, match="reason has 1 to 200 characters"):
        unit(lambda tx: hold.hold(tx, town.account.pk, reason=reason, by="amina"))
    with pytest.raises(hold.InvalidArgument, match="by has 1 to 200 characters"):
        unit(lambda tx: hold.hold(tx, town.account.pk, reason="down", by=reason))

    assert rows("SELECT * FROM account_hold") == []
