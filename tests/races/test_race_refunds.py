"""Giving money back beside everything else that wants the same money: it goes back once, or pays once, never both."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError

from races.arranged import (
    NUMBER,
    OTHER,
    callback,
    ends,
    fee_of,
    heard,
    meet,
    sent,
    settles,
    takes_one,
    unlocked,
    waiting_money,
)
from races.gates import Racers
from reports import result_body
from rufaa import clock
from rufaa.daraja.outcomes import Exchange
from rufaa.daraja.outcomes_orders import Acknowledged
from rufaa.daraja.results import AsyncResult, parse_result
from rufaa.db.atomic import Tx, unit
from rufaa.ingest.address import Kind
from rufaa.payments import order_results, orders, refunds, restored, unapplied
from rufaa.payments import settle as settlement
from rufaa.payments.inbound import OrderItem
from rufaa.payments.machine import Verdict
from rufaa.payments.orders import Order
from rufaa.referrals.machine import Status
from rufaa.referrals.operations import fees_paid
from support import World, check_books, execute, inbox_outcomes, open_tasks, receipts, rows, value

BOTH = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
FIRST = pytest.mark.parametrize("first", ["refund", "other"])
ANYBODY = uuid.UUID(int=7)
SECOND, THIRD = uuid.UUID(int=8), uuid.UUID(int=9)


def proposes(receipt: uuid.UUID, fee: uuid.UUID | None = None) -> uuid.UUID:
    return unit(lambda tx: refunds.propose(tx, receipt, fee=fee, amount=None, phone=None, why="paid twice", by=ANYBODY))


def approves(refund: uuid.UUID, by: uuid.UUID = SECOND) -> None:
    unit(lambda tx: refunds.approve(tx, refund, by=by))


def withdraws(refund: uuid.UUID) -> None:
    unit(lambda tx: refunds.withdraw(tx, refund, why="a mistake"))


def claims_order() -> list[Order]:
    return unit(lambda tx: orders.claim_orders(tx, limit=5))


def ordered(receipt: uuid.UUID) -> uuid.UUID:
    """A refund whose order a worker has in hand."""
    refund = proposes(receipt)
    approves(refund)
    assert len(claims_order()) == 1
    return refund


def state_of(refund: uuid.UUID) -> str:
    return str(value("SELECT state FROM refund WHERE id = %(id)s", id=refund))


def in_line(racers: Racers, table: str, *line: Any) -> list[object]:
    """All want the rows of ``table``, in this order; what each came to."""
    running = []
    with racers.gate(f"SELECT FROM {table} FOR UPDATE") as waiting:
        for place, each in enumerate(line, start=1):
            running += racers.start(each)
            waiting(place)
    return ends(*running)


def paid_by_hand(world: World, referral: str, receipt: uuid.UUID) -> None:
    unit(lambda tx: unapplied.apply(tx, fee_of(referral), [receipt], by=ANYBODY, hand_on=fees_paid))


# --- proposed ---------------------------------------------------------------------------------------------------------


@FIRST
def test_a_refund_that_is_proposed_while_the_money_is_applied_does_not_take_it_twice(
    world: World, racers: Racers, first: str
) -> None:
    referral = world.waiting()
    receipt = waiting_money(world)
    line = [lambda: proposes(receipt), lambda: paid_by_hand(world, referral, receipt)]

    found = in_line(racers, "receipt", *(line if first == "refund" else line[::-1]))

    assert found[1] == ("receipt-not-needed" if first == "refund" else "nothing-to-refund")
    assert world.fee_state(referral) == ("due" if first == "refund" else "paid")
    assert value("SELECT count(*) FROM refund") == (1 if first == "refund" else 0)
    check_books()


def test_control_without_the_receipts_lock_both_count_on_the_money_and_only_its_check_refuses(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral = world.waiting()
    receipt = waiting_money(world)
    unlocked(monkeypatch, refunds, "lock_receipt")
    meet(monkeypatch, (refunds, "lock_receipt"))

    found = ends(*racers.start(lambda: proposes(receipt), lambda: paid_by_hand(world, referral, receipt)))

    assert Counter(each == "IntegrityError" for each in found) == {True: 1, False: 1}
    check_books()


@BOTH
def test_of_two_who_propose_at_once_one_is_told_of_the_other(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    receipt = waiting_money(world)
    if guarded:
        found = in_line(racers, "receipt", lambda: proposes(receipt), lambda: proposes(receipt))
    else:
        unlocked(monkeypatch, refunds, "lock_receipt")
        meet(monkeypatch, (refunds, "_method"))  # both have looked whether one is under way
        found = ends(*racers.start(*[lambda: proposes(receipt)] * 2))

    refusal = "refund-under-way" if guarded else "IntegrityError"
    assert [each for each in found if not isinstance(each, uuid.UUID)] == [refusal]
    assert value("SELECT count(*) FROM refund") == 1
    check_books()


# --- the late success of a prompt -------------------------------------------------------------------------------------


@FIRST
def test_a_refund_and_the_late_success_of_the_prompt_whose_money_it_is(
    world: World, racers: Racers, first: str
) -> None:
    """It waits without its prompt, since its reference was damaged. Whoever comes first has it."""
    referral, prompt = sent(world)
    receipt = waiting_money(world, number=NUMBER)
    line = [lambda: proposes(receipt), lambda: settles(callback(prompt, NUMBER))]

    found = in_line(racers, "receipt", *(line if first == "refund" else line[::-1]))

    assert Verdict.CONFIRMS in found
    assert (world.prompt(prompt)["state"], len(receipts())) == ("paid", 1)
    if first == "refund":
        assert world.fee_state(referral) == "due"  # its money is promised: it is asked for again, or paid anew
        assert value("SELECT free_cents FROM receipt") == 0
    else:
        assert found[1] == "nothing-to-refund"
        assert world.fee_state(referral) == "paid"
    check_books()


def test_control_without_the_receipts_lock_the_success_applies_what_is_promised_and_only_its_check_refuses(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prompt = sent(world)
    receipt = waiting_money(world, number=NUMBER)
    unlocked(monkeypatch, refunds, "lock_receipt")
    unlocked(monkeypatch, settlement, "lock_loose", lock="FOR NO KEY UPDATE OF receipt")
    meet(monkeypatch, (refunds, "lock_receipt"), (settlement, "_lock_loose"))

    found = ends(*racers.start(lambda: proposes(receipt), lambda: settles(callback(prompt, NUMBER))))

    assert Counter(each == "IntegrityError" for each in found) == {True: 1, False: 1}
    check_books()


@FIRST
def test_the_refund_of_a_cancelled_fee_and_the_late_success_of_its_second_prompt(
    world: World, racers: Racers, first: str
) -> None:
    """Two payments: the first goes back with the fee, the second waits for a person, whichever is faster."""
    referral, prompt = sent(world)
    receipt = waiting_money(world, number=OTHER)
    paid_by_hand(world, referral, receipt)
    world.move(referral, Status.CANCELLED, reason="moved away")
    refund = proposes(receipt, fee_of(referral))
    approves(refund)
    assert len(claims_order()) == 1
    heard(Kind.RESULT, refund, reversed_body(OTHER))
    line = [takes_one, lambda: settles(callback(prompt, NUMBER))]

    found = in_line(racers, "fee", *(line if first == "refund" else line[::-1]))

    assert set(map(str, found)) == {"1", Verdict.CONFIRMS}
    assert (world.fee_state(referral), state_of(refund)) == ("refunded", "done")
    assert sorted(receipts()) == [(NUMBER, "unapplied"), (OTHER, "refunded")]
    assert "unapplied" in open_tasks()
    check_books()


# --- approved ---------------------------------------------------------------------------------------------------------


@BOTH
def test_a_refund_is_approved_once(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    refund = proposes(waiting_money(world))
    line = [lambda: approves(refund, SECOND), lambda: approves(refund, THIRD)]
    if guarded:
        found = in_line(racers, "receipt", *line)
        assert found == [None, "refund-not-open"]
    else:
        unlocked(monkeypatch, refunds, "lock_receipt", "lock")
        meet(monkeypatch, (refunds, "lock"))
        found = ends(*racers.start(*line))
        assert Counter(map(str, found)) == {"None": 1, "IntegrityError": 1}  # who approved is frozen
    assert state_of(refund) == "approved"
    check_books()


@FIRST
def test_a_refund_is_approved_or_withdrawn(world: World, racers: Racers, first: str) -> None:
    refund = proposes(waiting_money(world))
    line = [lambda: withdraws(refund), lambda: approves(refund)]

    found = in_line(racers, "receipt", *(line if first == "refund" else line[::-1]))

    # who withdraws what was agreed to meanwhile withdraws it all the same: M-Pesa was not asked for it
    assert found == [None, "refund-not-open" if first == "refund" else None]
    assert (state_of(refund), value("SELECT free_cents FROM receipt")) == ("withdrawn", 100_000)
    assert claims_order() == []
    check_books()


@FIRST
def test_a_refund_that_is_withdrawn_while_a_worker_claims_it_is_one_of_both(
    world: World, racers: Racers, first: str
) -> None:
    refund = proposes(waiting_money(world))
    approves(refund)
    line = [lambda: withdraws(refund), claims_order]
    if first == "refund":
        with racers.gate("SELECT FROM refund FOR UPDATE") as waiting:
            running = racers.start(line[0])
            waiting(1)
            assert claims_order() == []  # passed over
        found = ends(*running)
    else:
        assert len(claims_order()) == 1
        found = ends(*racers.start(line[0]))

    assert found == [None if first == "refund" else "refund-not-open"]
    assert state_of(refund) == ("withdrawn" if first == "refund" else "sending")
    check_books()


def test_control_without_the_lock_only_the_law_refuses_to_withdraw_what_a_worker_has_claimed(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = proposes(waiting_money(world))
    approves(refund)
    unlocked(monkeypatch, refunds, "lock_receipt", "lock")
    moved = refunds.move

    def move(*args: Any, **values: Any) -> bool:  # between its look and its move
        ((order,),) = ends(*racers.start(claims_order))
        assert order.refund == refund
        return moved(*args, **values)

    monkeypatch.setattr(refunds, "move", move)

    with pytest.raises(IntegrityError):
        withdraws(refund)

    assert state_of(refund) == "sending"
    check_books()


# --- ordered ----------------------------------------------------------------------------------------------------------


@BOTH
def test_two_workers_order_one_refund_once(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    refund = proposes(waiting_money(world))
    approves(refund)
    if not guarded:
        unlocked(monkeypatch, orders, "claim", lock="FOR UPDATE OF refund SKIP LOCKED")

    with racers.gate("SELECT FROM refund FOR UPDATE") as all_wait:
        running = racers.start(claims_order, claims_order)
        if guarded:
            assert [each.result() for each in running] == [[], []]  # a worker that holds it is not waited for
        else:
            all_wait(2)

    if guarded:
        assert [order.lease for order in claims_order()] == [1]
        assert claims_order() == []
    else:
        assert sorted(map(str, ends(*running)))[0] == "IntegrityError"  # both would order it: only the law refuses
        assert value("SELECT lease FROM refund") == 1
    check_books()


# --- results ----------------------------------------------------------------------------------------------------------


def reversed_body(number: str) -> dict[str, Any]:
    body = result_body()
    for each in body["Result"]["ResultParameters"]["ResultParameter"]:
        if each["Key"] == "OriginalTransactionID":
            each["Value"] = number
    return body


def result_of(refund: uuid.UUID) -> OrderItem:
    told = parse_result(json.dumps(reversed_body(NUMBER)).encode())
    assert isinstance(told, AsyncResult)
    heard(Kind.RESULT, refund, reversed_body(NUMBER))
    inbox = value("SELECT max(id) FROM inbox")
    return OrderItem(inbox=inbox, heard_at=value("SELECT rufaa_now()"), order=refund, trusted=True, told=told)


def takes(result: OrderItem) -> list[str]:
    """As the inbox's loop does; but what fails is seen here, and not done again."""

    def work(tx: Tx) -> list[str]:
        words = order_results.take_in(tx, [result], of_claim=lambda *_: "")
        tx.execute(
            "UPDATE inbox SET settled_at = rufaa_now(), outcome = %(word)s WHERE id = %(id)s",
            {"word": words[0], "id": result.inbox},
        )
        return words

    return unit(work)


@pytest.mark.fault(30)
@BOTH
def test_one_result_twice_at_once_gives_back_once(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    refund = ordered(waiting_money(world))
    results = [result_of(refund), result_of(refund)]
    line = [lambda: takes(results[0]), lambda: takes(results[1])]
    if guarded:
        found = in_line(racers, "receipt", *line)
        assert found == [["refunded"], ["known"]]
    else:
        unlocked(monkeypatch, refunds, "lock_receipt", "lock")
        meet(monkeypatch, (refunds, "lock"))
        found = ends(*racers.start(*line))
        assert sorted(map(str, found)) == ["IntegrityError", "['refunded']"]  # when it was done is frozen
    assert state_of(refund) == "done"
    assert [state for _, state in receipts()] == ["refunded"]
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1
    check_books()


def test_two_workers_take_one_result_each_and_the_refund_is_done_once(world: World, racers: Racers) -> None:
    refund = ordered(waiting_money(world))
    for _ in range(2):
        heard(Kind.RESULT, refund, reversed_body(NUMBER))

    assert in_line(racers, "receipt", takes_one, takes_one) == [1, 1]

    assert sorted(map(str, inbox_outcomes())) == ["known", "refunded"]
    check_books()


@FIRST
def test_a_result_and_the_end_of_the_lease_at_once(world: World, racers: Racers, first: str) -> None:
    """The worker died after its order; what became of it is told while another gives up waiting."""
    refund = ordered(waiting_money(world))
    execute("UPDATE refund SET lease_until = rufaa_now() - interval '1 second'")
    heard(Kind.RESULT, refund, reversed_body(NUMBER))
    line = [takes_one, lambda: unit(orders.tidy)]

    in_line(racers, "receipt", *(line if first == "refund" else line[::-1]))

    assert state_of(refund) == "done"
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1
    check_books()


def test_control_without_locks_what_went_back_is_called_unknown_and_only_the_law_refuses(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = ordered(waiting_money(world))
    execute("UPDATE refund SET lease_until = rufaa_now() - interval '1 second'")
    heard(Kind.RESULT, refund, reversed_body(NUMBER))
    unlocked(monkeypatch, refunds, "lock_receipt", "lock")
    meet(monkeypatch, (refunds, "lock"))

    found = ends(*racers.start(takes_one, lambda: unit(orders.tidy)))

    assert found in ([1, None], [1, "IntegrityError"])  # by which of them wrote first
    assert [row["machine"] for row in rows("SELECT machine FROM history WHERE event = 'succeeded'")] == ["refund"]


# --- restored ---------------------------------------------------------------------------------------------------------


def test_what_a_person_has_found_of_a_refund_is_asked_of_nobody_when_a_restore_is_compared_meanwhile(
    world: World, racers: Racers
) -> None:
    refund = proposes(waiting_money(world))
    approves(refund)
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=clock.now()))
    execute("UPDATE refund SET state = 'unknown', event = 'restored', orders = 1, sent_at = next_at")

    found = in_line(
        racers,
        "receipt",
        lambda: unit(lambda tx: refunds.conclude(tx, refund, went=True, number=None, why="it went", by=SECOND)),
        lambda: unit(lambda tx: restored.compared(tx, "all is here")),
    )

    assert (found, state_of(refund), open_tasks()) == ([None, 1], "done", [])
    check_books()


# --- leases -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(34)
def test_the_answer_to_an_older_order_moves_nothing_of_a_newer_one(world: World) -> None:
    """A worker was frozen after its order; another gave it again meanwhile, and has no answer yet."""
    refund = proposes(waiting_money(world))
    approves(refund)
    (older,) = claims_order()
    execute("UPDATE refund SET lease_until = rufaa_now() - interval '1 second'")
    unit(orders.tidy)
    execute("UPDATE refund SET next_at = rufaa_now()")
    (newer,) = claims_order()
    assert (older.lease, newer.lease, state_of(refund)) == (1, 2, "resending")

    unit(lambda tx: orders.record(tx, older, acknowledged("AG_1")))

    assert rows("SELECT state, lease, conversation_id FROM refund") == [
        {"state": "resending", "lease": 2, "conversation_id": None}
    ]
    unit(lambda tx: orders.record(tx, newer, acknowledged("AG_2")))
    assert rows("SELECT state, conversation_id FROM refund") == [{"state": "ordered", "conversation_id": "AG_2"}]
    check_books()


def acknowledged(conversation: str) -> Acknowledged:
    exchange = Exchange(200, b"", value("SELECT rufaa_now()"), 0.0)
    return Acknowledged(conversation, f"o-{conversation}", exchange)
