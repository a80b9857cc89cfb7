"""Settlement beside itself, beside clerks, and beside the reconciler: one receipt, and no deadlock that escapes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from races.gates import Racers
from rufaa.db.atomic import unit
from rufaa.errors import RufaaError
from rufaa.ingest.loop import settle_inbox
from rufaa.money import Money
from rufaa.payments import settle as settlement
from rufaa.payments.machine import Channel, FeeEvent, Report, Verdict
from rufaa.payments.plan import Item
from rufaa.payments.reconcile import hand_over_overdue
from rufaa.payments.settle import settle
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.referrals.operations import fees_paid
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    HANDLERS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    execute,
    inbox_outcomes,
    open_tasks,
    receipts,
    rows,
    success_body,
    value,
)

NUMBER = "RKN7A1B2C3"


def report(prompt: uuid.UUID) -> Item:
    paid = Report(
        channel=Channel.CALLBACK,
        result_code="0",
        trusted=True,
        checkout_request_id="ws_CO_1",
        merchant_request_id="m-1",
        amount=Money(FEE.cents),
        receipt_number=NUMBER,
        phone_shown=RINGS,
    )
    return Item(prompt, paid)


def settle_one(prompt: uuid.UUID) -> Verdict | None:
    return unit(lambda tx: settle(tx, [report(prompt)], hand_on=fees_paid))[0]


def sent(world: World) -> tuple[str, uuid.UUID]:
    referral, prompt = world.prompted(RINGS)
    execute(
        "UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now(), next_at = NULL,"
        " lease_until = rufaa_now() + interval '1 minute'"
    )
    execute("UPDATE prompt SET state = 'unknown', event = 'answer-lost', next_at = rufaa_now()")
    return referral, prompt


def test_two_reports_of_one_payment_at_once_are_one_receipt(world: World, racers: Racers) -> None:
    referral, prompt = sent(world)
    with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
        settling = racers.start(*[lambda: settle_one(prompt)] * 2)
        all_wait(2)

    assert [each.result() for each in settling] == [Verdict.CONFIRMS, Verdict.CONFIRMS]
    assert receipts() == [(NUMBER, "applied")]
    assert world.status(referral) == "paid"
    assert value("SELECT count(*) FROM transfer WHERE kind = 'received'") == 1
    check_books()


def test_control_without_row_locks_only_the_receipts_index_stops_the_second(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prompt = sent(world)
    for name in ("lock_fees", "lock_prompts"):
        monkeypatch.setitem(settlement._SQL, name, settlement._SQL[name].replace("FOR NO KEY UPDATE", ""))  # type: ignore[index]
    with racers.gate("SELECT FROM prompt FOR UPDATE") as all_wait:
        settling = racers.start(*[lambda: settle_one(prompt)] * 2)
        all_wait(2)  # both have decided that the money is new

    errors = [each.exception() for each in settling]
    assert sorted(type(error).__name__ for error in errors) == ["IntegrityError", "NoneType"]
    assert any(isinstance(error, IntegrityError) and "receipt" in str(error) for error in errors)
    assert receipts() == [(NUMBER, "applied")]


@pytest.mark.fault(27)
def test_one_number_reported_for_two_prompts_at_once_credits_one(world: World, racers: Racers) -> None:
    """Different fees, so no row lock is shared: the number's index decides, and the loser finds it taken."""
    first, one = world.prompted(RINGS)
    second, two = world.prompted("254708004999")
    for prompt, phone in ((one, RINGS), (two, "254708004999")):
        body = success_body(f"ws_CO_{prompt.hex}", number=NUMBER, phone=int(phone), MerchantRequestID=f"m-{prompt.hex}")
        execute(
            "INSERT INTO inbox (kind, subject, source, trusted, body)"
            " VALUES ('stk', %(prompt)s, '127.0.0.1', true, %(body)s)",
            prompt=prompt,
            body=json.dumps(body).encode(),
        )
    execute(
        "UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now(), next_at = NULL,"
        " lease_until = rufaa_now() + interval '1 minute'"
    )
    with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
        settling = racers.start(*[lambda: settle_inbox(HANDLERS, limit=1)] * 2)
        all_wait(2)
    for each in settling:
        each.result()

    assert sorted(map(str, inbox_outcomes())) == ["confirms", "number-taken"]
    assert sorted(str(world.fee_state(each)) for each in (first, second)) == ["due", "paid"]
    assert receipts() == [(NUMBER, "applied")]
    assert open_tasks() == ["contradiction"]
    check_books()


@pytest.mark.fault(14)
def test_two_workers_settle_the_same_inbox_and_each_callback_once(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, racers: Racers
) -> None:
    phones = [f"25470800400{each}" for each in range(10)]
    paid = [town.prompted(phone)[0] for phone in phones]
    simulator.script(Fault(FaultKind.CALLBACK_DUPLICATED, copies=5, count=10))
    worker.dispatch()
    for phone in phones:
        simulator.answer(phone)
    simulator.advance(0.9)
    assert inbox_outcomes() == [None] * 50

    def settle_all() -> int:
        total = 0
        while taken := settle_inbox(HANDLERS, limit=7):
            total += taken
        return total

    assert sum(each.result() for each in racers.start(settle_all, settle_all, settle_all)) == 50

    assert inbox_outcomes() == ["confirms"] * 50
    assert len(receipts()) == 10
    assert {town.status(referral) for referral in paid} == {"paid"}
    check_books(simulator)


def cancel(world: World, referral: str) -> object:
    return world.move(referral, Status.CANCELLED, reason="moved away")


def second(world: World, referral: str) -> object:
    return unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral))


def ask_again(world: World, referral: str) -> object:
    return world.ask(referral, RINGS)


def ask_another(world: World, referral: str) -> object:
    return world.ask(referral, "254708004999")


def new_phones(world: World, referral: str) -> object:
    phone = "254708004999"
    return unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=phone, payer_phone=phone))


@pytest.mark.parametrize("first_in_line", ["settlement", "clerk"])
@pytest.mark.parametrize("clerk", [cancel, second, ask_again, ask_another, new_phones])
def test_a_clerk_and_the_money_at_once_end_in_the_order_in_which_they_came(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    racers: Racers,
    clerk: Callable[[World, str], object],
    first_in_line: str,
) -> None:
    # given: a paid prompt whose callback waits, and a fee that one person proposed to waive
    referral, prompt = town.prompted(RINGS)
    unit(lambda tx: referrals.propose_exemption(tx, town.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(1)

    def settles() -> Any:
        return settle_inbox(HANDLERS)

    def acts() -> Any:
        try:
            return clerk(town, referral)
        except (RufaaError, AssertionError) as refused:  # AssertionError: World.ask, where the fee is paid already
            return refused

    # when: both wait for the fee, in this order
    line = [settles, acts] if first_in_line == "settlement" else [acts, settles]
    running = []
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        for place, each in enumerate(line, start=1):
            running += racers.start(each)
            waiting(place)
    for each_running in running:
        each_running.result()

    # then: the money is there, on the fee or waiting for a person
    assert inbox_outcomes() == ["confirms"]
    assert town.prompt(prompt)["state"] == "paid"
    closed_first = first_in_line == "clerk" and clerk in {cancel, second}
    assert town.fee_state(referral) == ("waived" if closed_first else "paid")
    assert [state for _, state in receipts()] == ["unapplied" if closed_first else "applied"]
    check_books(simulator)


@pytest.mark.fault(43)
def test_handing_over_and_settling_one_prompt_at_once_let_no_deadlock_escape(world: World, racers: Racers) -> None:
    # given: three minutes without an id, and its callback just now
    referral, prompt = sent(world)
    advance(200)

    # when: settlement waits for the fee; then the reconciler has the prompt and wants the fee for its task
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        running = racers.start(lambda: settle_one(prompt))
        waiting(1)
        running += racers.start(lambda: unit(hand_over_overdue))
        waiting(2)
    found = [each.result() for each in running]

    # then
    assert found[0] is Verdict.CONFIRMS
    assert world.status(referral) == "paid"
    assert open_tasks() == []
    check_books()


def test_handing_over_keeps_the_order_of_locks(world: World, racers: Racers) -> None:
    _, prompt = sent(world)
    advance(200)
    before = value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        running = racers.start(lambda: settle_one(prompt))
        waiting(1)
        running += racers.start(lambda: unit(hand_over_overdue))
        waiting(2)
    for each in running:
        each.result()

    execute("SELECT pg_stat_clear_snapshot()")
    assert value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before


def test_two_who_second_one_exemption_at_once_are_one(world: World, racers: Racers) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
        seconding = racers.start(
            lambda: unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral)),
            lambda: unit(lambda tx: referrals.second_exemption(tx, world.finance, referral)),
        )
        all_wait(2)

    refused = [each.exception() for each in seconding if each.exception() is not None]
    assert [getattr(error, "code", error) for error in refused] == ["no-proposal"]
    assert world.fee_state(referral) == "waived"
    assert len(rows("SELECT id FROM exemption WHERE seconded_by IS NOT NULL")) == 1
    assert value("SELECT count(*) FROM transfer WHERE kind = 'waived'") == 1
    check_books()


def test_two_who_approve_at_once_raise_one_fee(world: World, racers: Racers) -> None:
    referral = world.referral()
    with racers.gate("SELECT FROM referral FOR UPDATE") as all_wait:
        approving = racers.start(
            lambda: world.move(referral, Status.AWAITING_BIODATA),
            lambda: world.move(referral, Status.AWAITING_BIODATA, world.second_admin),
        )
        all_wait(2)
    for each in approving:
        each.result()

    assert world.status(referral) == "awaiting-biodata"
    assert len(rows("SELECT id FROM fee")) == 1
    check_books()
