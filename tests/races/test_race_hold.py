"""A hold against a worker that claims, and people who turn the switch at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import IntegrityError

from races.gates import Racers
from rufaa.db.atomic import Tx, unit
from rufaa.payments import access, dispatch, hold
from rufaa.payments.dispatch import Claimed, claim_due
from rufaa.payments.hold import AlreadyHeld, NotHeld
from support import World, rows, value, wait_until

Drop = Callable[..., None]
PHONES = ("254708004001", "254708004002")
HELD = "AND account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)"


def put_on_hold(world: World) -> str:
    try:
        unit(lambda tx: hold.hold(tx, world.account.pk, reason="down", by="amina"))
    except (AlreadyHeld, IntegrityError) as refused:
        return type(refused).__name__
    return "held"


def release(world: World) -> str:
    try:
        unit(lambda tx: hold.release(tx, world.account.pk, by="amina"))
    except (NotHeld, IntegrityError) as refused:
        return type(refused).__name__
    return "released"


def claim() -> list[Claimed]:
    return unit(lambda tx: claim_due(tx, limit=100))[0]


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who turns the switch does not take the lock under which workers claim."""
    monkeypatch.setattr(hold.access, "lock", lambda *_: None)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_after_a_hold_is_committed_nothing_is_claimed(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """A worker has claimed and not yet committed: the hold waits for it, so that what it says is true."""
    _, prompt = world.prompted(PHONES[0])
    taking = access.lock

    def claim_while_holding(tx: Tx) -> tuple[list[Claimed], list[Future[Any]]]:
        claimed, _ = claim_due(tx, limit=1)
        if not guarded:
            monkeypatch.setattr(access, "lock", lambda *_: None)
        holding = racers.start(lambda: put_on_hold(world))
        if guarded:
            wait_until(lambda: racers.waiting() == 1, what="the hold waiting for the claim")
            assert not holding[0].done()
        else:
            assert holding[0].result() == "held"  # committed, and the claim is not
        return claimed, holding

    claimed, (holding,) = unit(claim_while_holding)
    monkeypatch.setattr(access, "lock", taking)

    assert [each.id for each in claimed] == [prompt]
    assert holding.result() == "held"
    world.prompted(PHONES[1])
    assert claim() == []


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_a_worker_that_waited_for_the_hold_claims_nothing_and_spends_nothing(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """It saw the account before the hold was committed: only a look under the lock knows better."""
    _, prompt = world.prompted(PHONES[0])
    if not guarded:
        for name, where in (("count_due", HELD), ("claim", HELD.replace("AND account_id", "AND prompt.account_id"))):
            statement = dispatch._SQL[name]
            assert where in statement
            monkeypatch.setitem(dispatch._SQL, name, statement.replace(where, ""))

    def hold_while_claiming(tx: Tx) -> list[Future[Any]]:
        hold.hold(tx, world.account.pk, reason="down", by="amina")
        claiming = racers.start(claim)
        wait_until(lambda: racers.waiting() == 1, what="the claim waiting for the hold")
        return claiming

    (claiming,) = unit(hold_while_claiming)

    if guarded:
        assert claiming.result() == []
        assert value("SELECT push_tat FROM mpesa_access") is None
        assert world.prompt(prompt)["state"] == "created"
    else:
        assert [each.id for each in claiming.result()] == [prompt]


def test_the_claim_itself_takes_nothing_of_an_account_on_hold(world: World) -> None:
    """Whatever was counted before."""
    world.prompted(PHONES[0])
    values = {"account": world.account.pk, "limit": 1, "lease_s": 60}
    put_on_hold(world)
    assert unit(lambda tx: tx.rows(dispatch._SQL["claim"], values)) == []
    release(world)

    assert len(unit(lambda tx: tx.rows(dispatch._SQL["claim"], values))) == 1


def test_nobody_looks_at_the_budget_of_an_account_on_hold(world: World) -> None:
    world.prompted(PHONES[0])
    put_on_hold(world)

    assert rows(dispatch._SQL["due_accounts"]) == []


def test_of_two_releases_one_is_told_that_there_is_nothing_to_release(world: World, racers: Racers) -> None:
    put_on_hold(world)
    with racers.gate("SELECT FROM mpesa_access FOR UPDATE") as all_wait:
        releasing = racers.start(*[lambda: release(world)] * 2)
        all_wait(2)

    assert Counter(each.result() for each in releasing) == {"released": 1, "NotHeld": 1}
    assert value("SELECT count(*) FROM account_hold WHERE released_at IS NOT NULL") == 1


def test_control_who_does_not_look_whether_it_is_released_is_refused_by_the_guard(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the second release would rewrite when the first one was."""
    put_on_hold(world)
    unlocked(monkeypatch)
    monkeypatch.setitem(hold._SQL, "release", hold._SQL["release"].replace("AND released_at IS NULL", ""))
    with racers.gate("SELECT FROM account_hold FOR UPDATE") as all_wait:
        releasing = racers.start(*[lambda: release(world)] * 2)
        all_wait(2)

    assert Counter(each.result() for each in releasing) == {"released": 1, "IntegrityError": 1}


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_of_two_holds_one_is_told_of_the_other(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        without("account_hold", "account_hold_one_open")
        conflict = "ON CONFLICT (account_id) WHERE released_at IS NULL DO NOTHING"
        assert conflict in hold._SQL["hold"]
        monkeypatch.setitem(hold._SQL, "hold", hold._SQL["hold"].replace(conflict, ""))
    with racers.gate("SELECT FROM mpesa_access FOR UPDATE") as all_wait:
        holding = racers.start(*[lambda: put_on_hold(world)] * 2)
        all_wait(2)

    found = Counter(each.result() for each in holding)
    assert found == ({"held": 1, "AlreadyHeld": 1} if guarded else {"held": 2})
