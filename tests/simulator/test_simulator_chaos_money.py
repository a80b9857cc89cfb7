"""The random mode and the other money: payments by hand, their confirmations, pulls and orders."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from by_hand import Operator, pull, receipts, register_c2b, register_pull
from rufaa.money import Money
from rufaa.simulator.chaos import NOTHING, Swarm
from rufaa.simulator.config import Chaos
from rufaa.simulator.faults import FaultKind, Operation
from rufaa.simulator.movements import Way
from rufaa.simulator.notices import FORGED
from rufaa.simulator.paybill import NotPaid

if TYPE_CHECKING:
    from conftest import Client, Listener

PHONES = [f"2547{place:02}000000" for place in range(10)]
TROUBLE = (http.client.HTTPException, OSError, ValueError, KeyError, AssertionError)
UNTOLD = {FaultKind.CONFIRMATION_LOST, FaultKind.CONFIRMATION_NULL}


def test_one_seed_is_one_story_here_too() -> None:
    def drawn(swarm: Swarm) -> str:
        orders = [swarm.draw(operation, "1") for operation in (Operation.REVERSAL, Operation.PULL) for _ in range(5)]
        return str([*orders, *(swarm.draw_payment(phone, pulled=True) for phone in PHONES)])

    assert drawn(Swarm(Chaos(7, rate=1.0))) == drawn(Swarm(Chaos(7, rate=1.0)))
    assert drawn(Swarm(Chaos(7, rate=1.0))) != drawn(Swarm(Chaos(8, rate=1.0)))


def test_a_payment_by_hand_is_told_of_by_c2b_or_by_pull() -> None:
    lost = 0
    for seed in range(30):
        swarm = Swarm(Chaos(seed, rate=1.0))
        for phone in PHONES:
            told = {fault.kind for fault in swarm.draw_payment(phone, pulled=False).notices}
            assert not told & UNTOLD
            lost += bool({fault.kind for fault in swarm.draw_payment(phone, pulled=True).notices} & UNTOLD)
    assert lost > 50


@pytest.mark.parametrize("operation", [Operation.STATUS, Operation.REVERSAL, Operation.B2C, Operation.PULL])
def test_who_asks_again_learns_the_truth(operation: Operation) -> None:
    spoiled = 0
    for seed in range(30):
        swarm = Swarm(Chaos(seed, rate=1.0))
        for _ in range(3):
            spoiled += swarm.draw(operation, "SKE0000001") != NOTHING
            assert swarm.draw(operation, "SKE0000001") == NOTHING
    assert spoiled > 50


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_said_the_books_stay_true(simulate: Callable[..., Client], listener: Listener, seed: int) -> None:
    client = simulate()
    assert register_c2b(client, listener).status == register_pull(client).status == 200
    operator = Operator(client, listener)
    client.patience_s = 0.2  # an answer that is held back waits for the clock, which this client moves
    client.control("/control/chaos", {"seed": seed, "rate": 0.6})
    for number, phone in enumerate(PHONES):
        for _ in range(2):
            with suppress(NotPaid):
                client.sim.pay(phone, "174379", f"A{number}", 500)
        for act in (
            client.authorize,
            lambda number=number: operator.pay_out(f"refund-{number}", 10 + number),
            lambda: operator.reverse(client.sim.movements()[0].receipt, 500),
            lambda: operator.status(client.sim.movements()[0].receipt),
            lambda phone=phone: client.pushed(phone),
        ):
            with suppress(*TROUBLE):
                act()
        client.sim.advance(60)
    client.patience_s = 20
    client.sim.calm()
    client.sim.advance(20_000)

    movements = client.sim.movements()
    assert len([each for each in movements if each.way is Way.BY_HAND]) == 20
    assert client.sim.till("174379") == Money(sum(each.into_till.cents for each in movements))
    for phone in {each.phone for each in movements}:
        spent = sum(each.into_till.cents for each in movements if each.phone == phone)
        assert client.sim.wallet(phone) == Money(7_000_000 - spent)
    undone = [each.undoes for each in movements if each.way is Way.REVERSAL]
    assert len(set(undone)) == len(undone) <= 1
    paid_out = [each.originator_id for each in movements if each.way is Way.PAYOUT]
    assert len(set(paid_out)) == len(paid_out)
    assert all(order.over for order in client.sim.orders())
    assert all(notice.sent for notice in client.sim.notices())
    told = {notice.about for notice in client.sim.notices() if notice.tells not in FORGED}
    forged = {notice.about for notice in client.sim.notices() if notice.tells in FORGED}
    assert not {each.receipt for each in movements} & (forged - told)
    assert not [entry for entry in client.sim.journal() if entry.kind == "internal-error"]
    client.authorize()
    assert receipts(pull(client, since=timedelta(hours=40))) == [each.receipt for each in movements if each.is_payment]
