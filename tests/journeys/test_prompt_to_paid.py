"""The main road, with every part real: a committed prompt rings, the PIN is typed, the referral is paid."""

from __future__ import annotations

from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import FEE, RINGS, Worker, World, advance, check_books, rows


def test_a_prompt_rings_and_its_pin_pays_the_referral(town: World, simulator: RunningSimulator, worker: Worker) -> None:
    referral, prompt = town.prompted(RINGS)

    worker.dispatch()
    assert town.prompt(prompt)["state"] == "pending"
    assert [each.amount for each in simulator.prompts()] == [FEE]
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    assert town.prompt(prompt)["state"] == "paid"
    assert town.fee_state(referral) == "paid"
    assert town.status(referral) == "paid"
    (receipt,) = rows("SELECT number, amount_cents, state FROM receipt")
    assert (receipt["amount_cents"], receipt["state"]) == (FEE.cents, "applied")
    assert receipt["number"] is not None
    check_books(simulator)


def test_a_lost_callback_still_ends_in_paid(town: World, simulator: RunningSimulator, worker: Worker) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    simulator.answer(RINGS)
    advance(20, simulator)

    worker.query()

    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert rows("SELECT number, state FROM receipt") == [{"number": None, "state": "applied"}]
    check_books(simulator)
