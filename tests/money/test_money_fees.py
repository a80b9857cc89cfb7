"""What money does to its fee: it pays an open one, whatever became of the referral's other prompts; else it waits in
unapplied, with a person's task. A shilling is never dropped and never counted twice."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from rufaa.db.atomic import unit
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    open_tasks,
    post,
    pushes,
    query_body,
    receipts,
    rows,
    success_body,
    value,
)

OTHER = "254708004999"


def exempt(town: World, referral: str, kind: FeeEvent) -> None:
    unit(lambda tx: referrals.propose_exemption(tx, town.admin, referral, kind=kind, reason="cannot pay now"))
    unit(lambda tx: referrals.second_exemption(tx, town.second_admin, referral))


def silent_payment(
    town: World, simulator: RunningSimulator, worker: Worker, *, phone: str = RINGS, late_s: float = 400
) -> tuple[str, uuid.UUID]:
    """A prompt whose money moved, of which two queries said that nothing was paid, and whose callback is late."""
    referral, prompt = town.prompted(phone)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=late_s))
    worker.dispatch()
    simulator.answer(phone)
    body = query_body(simulator.prompts()[-1].checkout_request_id, "1032")
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=body, count=2))
    for seconds in (20, 80):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "unpaid"
    return referral, prompt


@pytest.mark.fault(29)
def test_a_first_prompts_late_success_pays_while_a_second_is_live_and_the_second_payment_waits(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: the first failed as far as we know, and a second rings on another phone
    referral, first = silent_payment(town, simulator, worker, late_s=150)
    second = town.ask(referral, OTHER)
    worker.dispatch()
    assert town.prompt(second)["state"] == "pending"

    # when: the first's success comes
    advance(51, simulator)
    worker.settle()

    # then: the fee is paid by it, and the second still rings
    assert town.status(referral) == "paid"
    assert town.prompt(second)["state"] == "pending"

    # and when the second is paid too, its money is kept apart, once, for a person
    simulator.answer(OTHER)
    simulator.advance(1)
    worker.settle()
    numbers = [prompt.receipt for prompt in simulator.prompts()]
    assert receipts() == [(numbers[0], "applied"), (numbers[1], "unapplied")]
    assert [town.prompt(each)["state"] for each in (first, second)] == ["paid", "paid"]
    assert open_tasks() == ["unapplied"]
    assert simulator.till(DEMO_SHORT_CODE).cents == 2 * FEE.cents


@pytest.mark.parametrize("kind", ["waive", "cancel"])
def test_money_for_a_fee_that_closed_meanwhile_waits_for_a_person(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, kind: str
) -> None:
    # given: the phone rings, and the fee is waived, or the referral cancelled
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    if kind == "waive":
        exempt(town, referral, FeeEvent.WAIVE)
    else:
        town.move(referral, "cancelled", reason="the patient went elsewhere")
    status = town.status(referral)

    # when: the patient pays all the same
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    # then
    assert town.prompt(prompt)["state"] == "paid"
    assert (town.fee_state(referral), town.status(referral)) == ("waived", status)
    assert receipts() == [(simulator.prompts()[0].receipt, "unapplied")]
    assert open_tasks() == ["unapplied"]
    (task,) = rows("SELECT facility_id, receipt_id, why FROM task")
    assert task["facility_id"] == town.tumaini.pk
    assert task["receipt_id"] == value("SELECT id FROM receipt")
    assert task["why"] == "KES 1,000.00 arrived for a fee that is waived."


def test_a_deferred_fee_is_paid_later_and_the_status_stays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    exempt(town, referral, FeeEvent.DEFER)
    town.move(referral, "confirmed", town.receiver)
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(1)

    worker.settle()

    assert (town.fee_state(referral), town.status(referral)) == ("paid", "confirmed")
    assert town.prompt(prompt)["state"] == "paid"
    assert open_tasks() == []


def test_an_emergencys_fee_is_paid_later_and_the_status_stays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral = town.referral(priority=Priority.EMERGENCY)
    town.move(referral, "confirmed", town.receiver)
    assert (town.fee_state(referral), town.status(referral)) == ("deferred", "confirmed")
    town.ask(referral, RINGS)
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(1)

    worker.settle()

    assert (town.fee_state(referral), town.status(referral)) == ("paid", "confirmed")
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]


def test_a_fee_that_is_paid_withdraws_the_prompt_that_nobody_sent_yet(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: the first's success is on its way, and a second prompt is committed but not sent
    referral, _ = silent_payment(town, simulator, worker, late_s=150)
    second = town.ask(referral, OTHER)

    # when
    advance(51, simulator)
    worker.settle()
    worker.dispatch()

    # then
    row = town.prompt(second)
    assert (row["state"], row["event"], row["sent_at"]) == ("refused", "withdrawn", None)
    assert pushes(simulator) == 1
    _, third = town.prompted(OTHER)  # the phone is free
    assert town.prompt(third)["state"] == "created"


def test_two_prompts_of_one_fee_that_succeed_in_one_batch_are_one_payment_and_one_receipt_that_waits(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, first = silent_payment(town, simulator, worker, late_s=110)
    second = town.ask(referral, OTHER)
    worker.dispatch()
    simulator.answer(OTHER)
    advance(60, simulator)

    worker.settle()

    assert sorted(state for _, state in receipts()) == ["applied", "unapplied"]
    assert {town.prompt(each)["state"] for each in (first, second)} == {"paid"}
    assert town.fee_state(referral) == "paid"
    assert open_tasks() == ["unapplied"]


def test_paid_stays_when_the_referral_is_cancelled_and_a_refund_is_asked_of_a_person(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    town.move(referral, "cancelled", reason="the patient went elsewhere")

    assert (town.fee_state(referral), town.status(referral)) == ("paid", "cancelled")
    assert town.prompt(prompt)["state"] == "paid"
    assert open_tasks() == ["refund"]


def test_money_from_nowhere_is_never_a_payment(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """A success for a prompt that was never sent: trusted, since it has the secret; but the till then differs."""
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    row = town.prompt(prompt)
    wrong = success_body(row["checkout_request_id"], amount=1, MerchantRequestID=row["merchant_request_id"])

    for _ in range(3):
        assert post(gateway.callback_url(prompt), wrong).status == 200
        worker.settle()
    for _ in range(12):
        advance(150, simulator)
        worker.query()

    assert town.fee_state(referral) == "due"
    assert receipts() == []
    assert open_tasks() == []  # the review is over: the queries told that nothing was paid
    assert town.prompt(prompt)["state"] == "unpaid"


def test_what_is_owed_after_thirty_days_of_downtime_is_what_it_was(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=60))
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(61)  # the gateway stored it; no worker ran

    advance(timedelta(days=30).total_seconds())
    worker.dispatch()
    worker.query()
    worker.settle()

    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]
    assert open_tasks() == []
