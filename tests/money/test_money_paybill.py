"""Money by paybill: it pays what its code names, waits where it does not fit, and is one payment by whoever told."""

from __future__ import annotations

import uuid

import pytest

from reports import c2b_body
from rufaa.ingest.address import confirmation_url
from rufaa.money import Money
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    give_operator,
    inbox_outcomes,
    open_tasks,
    post,
    register_c2b,
    rows,
    running_gateway,
    value,
)

PAYER = "254708374149"


@pytest.fixture
def paybill(town: World, simulator: RunningSimulator, gateway: Running) -> World:
    """The town, whose account has its C2B addresses registered."""
    register_c2b(town, simulator, gateway)
    return town


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


def told(worker: Worker, simulator: RunningSimulator, seconds: float = 5) -> None:
    """What M-Pesa has to tell comes, and is settled."""
    advance(seconds, simulator)
    worker.settle()


def waiting_task() -> dict[str, object]:
    (task,) = rows(
        "SELECT task.why, fee.account_code AS proposed FROM task LEFT JOIN fee ON fee.id = proposed_fee_id"
        " WHERE kind = 'unapplied' AND closed_at IS NULL"
    )
    return task


@pytest.mark.fault(28)
def test_a_payment_by_hand_with_the_code_pays_the_referral(
    paybill: World, simulator: RunningSimulator, worker: Worker
) -> None:
    referral = paybill.waiting()

    number = simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)
    told(worker, simulator)

    assert (paybill.status(referral), paybill.fee_state(referral)) == ("paid", "paid")
    (receipt,) = rows("SELECT number, state, free_cents, prompt_id FROM receipt")
    assert receipt == {"number": number, "state": "applied", "free_cents": 0, "prompt_id": None}
    assert inbox_outcomes() == ["pays"]
    assert open_tasks() == []
    check_books(simulator)


@pytest.mark.parametrize(
    "typed", [str.lower, lambda code: f" {code[:4]} {code[4:]} ", lambda code: f"{code[:4]}-{code[4:]}"]
)
def test_a_code_is_read_as_people_type_it(
    paybill: World, simulator: RunningSimulator, worker: Worker, typed: object
) -> None:
    referral = paybill.waiting()

    simulator.pay(PAYER, DEMO_SHORT_CODE, typed(code_of(referral)), 1000)  # type: ignore[operator]
    told(worker, simulator)

    assert paybill.status(referral) == "paid"
    check_books(simulator)


@pytest.mark.fault(28)
def test_a_slip_in_the_code_is_healed_by_a_person(paybill: World, simulator: RunningSimulator, worker: Worker) -> None:
    referral, other = paybill.waiting(), paybill.waiting()
    code = code_of(referral)
    slipped = (
        code[:3] + code[4] + code[3] + code[5:] if code[3] != code[4] else code[:-1] + ("A" if code[-1] != "A" else "C")
    )

    simulator.pay(PAYER, DEMO_SHORT_CODE, slipped, 1000)
    told(worker, simulator)

    assert (paybill.status(referral), paybill.status(other)) == ("pending-payment", "pending-payment")
    assert waiting_task()["proposed"] == code
    check_books(simulator)


@pytest.mark.fault(28)
def test_a_stranger_code_is_proposed_by_phone_and_amount(
    paybill: World, simulator: RunningSimulator, worker: Worker
) -> None:
    referral, _ = paybill.prompted(RINGS)  # its phone is known from the prompt
    paybill.waiting()
    worker.dispatch()
    simulator.cancel(RINGS)
    told(worker, simulator)

    simulator.pay(RINGS, DEMO_SHORT_CODE, "SCHOOL FEES", 1000)
    told(worker, simulator)

    assert waiting_task()["proposed"] == code_of(referral)
    check_books(simulator)


@pytest.mark.parametrize(("shillings", "than"), [(400, "less"), (1500, "more")])
def test_another_amount_waits_for_a_person(
    paybill: World, simulator: RunningSimulator, worker: Worker, shillings: int, than: str
) -> None:
    referral = paybill.waiting()

    simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), shillings)
    told(worker, simulator)

    assert paybill.fee_state(referral) == "due"
    task = waiting_task()
    assert task["proposed"] == code_of(referral)
    assert than in str(task["why"])
    check_books(simulator)


def test_a_prompt_and_its_notice_are_one_payment_whichever_comes_first(
    paybill: World, simulator: RunningSimulator, worker: Worker
) -> None:
    for fault in (None, Fault(FaultKind.CALLBACK_DELAYED, delay_s=30)):  # the notice after and before the callback
        if fault is not None:
            simulator.script(fault)
        referral, prompt = paybill.prompted(PAYS)
        worker.dispatch()
        told(worker, simulator, 5)
        told(worker, simulator, 60)
        assert (paybill.status(referral), paybill.prompt(prompt)["state"]) == ("paid", "paid")

    receipts = rows("SELECT number, state, prompt_id FROM receipt")
    assert len(receipts) == 2
    assert all(row["state"] == "applied" and row["number"] and row["prompt_id"] for row in receipts)
    assert open_tasks() == []
    check_books(simulator)


def test_a_payment_whose_callback_is_lost_gets_its_number_from_the_notice(
    paybill: World, simulator: RunningSimulator, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, _ = paybill.prompted(PAYS)
    worker.dispatch()
    advance(21, simulator)
    worker.query()  # "paid", without a number; the notice waits in the inbox
    assert value("SELECT number FROM receipt") is None

    worker.settle()

    assert value("SELECT number FROM receipt") == simulator.prompts()[0].receipt
    assert inbox_outcomes() == ["fills"]
    assert paybill.status(referral) == "paid"
    check_books(simulator)


@pytest.mark.fault(29)
def test_who_pays_by_hand_and_by_the_prompt_gets_the_second_back(
    paybill: World, simulator: RunningSimulator, worker: Worker
) -> None:
    referral, prompt = paybill.prompted(RINGS)
    worker.dispatch()
    simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)
    simulator.answer(RINGS)
    told(worker, simulator)
    told(worker, simulator, 30)

    assert paybill.status(referral) == "paid"
    assert paybill.prompt(prompt)["state"] == "paid"
    assert sorted(row["state"] for row in rows("SELECT state FROM receipt")) == ["applied", "unapplied"]
    assert open_tasks() == ["unapplied"]
    assert simulator.till(DEMO_SHORT_CODE) == Money(FEE.cents * 2)
    check_books(simulator)


def test_a_notice_from_an_unlisted_address_is_a_claim_and_credits_nobody(
    paybill: World, database: str, worker: Worker
) -> None:
    referral = paybill.waiting()
    body = {
        "TransactionType": "Pay Bill",
        "TransID": "UKS6UBBB8A",
        "TransTime": "20261128120000",
        "TransAmount": "1000.00",
        "BusinessShortCode": DEMO_SHORT_CODE,
        "BillRefNumber": code_of(referral),
        "MSISDN": "2547 ***** 149",
    }

    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES="196.201.214.200") as strict:
        assert post(confirmation_url(strict.url, paybill.account.pk, keys=KEYS), body).status == 200
    worker.settle()

    assert inbox_outcomes() == ["ask"]
    assert paybill.fee_state(referral) == "due"
    assert rows("SELECT id FROM receipt") == []
    (claim,) = rows("SELECT number, channel, amount_cents, ended_at FROM claim")
    assert claim == {"number": "UKS6UBBB8A", "channel": "c2b", "amount_cents": 100_000, "ended_at": None}


def test_a_payment_whose_amount_cannot_be_read_is_asked_about_and_lost_nowhere(
    paybill: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """Another form of amounts, say: the notice comes once."""
    give_operator(paybill, simulator)
    simulator.script(Fault(FaultKind.CONFIRMATION_LOST))
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    body = c2b_body(number, amount="KES 1,000", BillRefNumber="RENT")
    assert post(confirmation_url(gateway.url, paybill.account.pk, keys=KEYS), body).status == 200

    worker.settle()
    assert inbox_outcomes() == ["ask"]
    assert rows("SELECT id FROM receipt") == []
    worker.order()  # it asks for the status
    told(worker, simulator)

    assert rows("SELECT number, amount_cents, state FROM receipt") == [
        {"number": number, "amount_cents": 100_000, "state": "unapplied"}
    ]
    assert open_tasks() == ["unapplied"]
    check_books(simulator)
