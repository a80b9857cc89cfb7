"""A refund that M-Pesa called failed and that went after all, while what it gave back was given back once more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from operations.law_ground import CENTS, Town
from operations.refund_ground import (
    A_DAY_S,
    NOTHING,
    all_of_it,
    answers,
    asked_by_its_id_to_the_end,
    committed,
    did_not_go,
    failed,
    goes,
    paid,
    posted,
    proposed,
    tenth,
    waits,
)
from rufaa.daraja.outcomes import Because, Declined, NotSent, Unknown
from rufaa.daraja.outcomes_orders import B2cOutcome
from rufaa.db.atomic import unit
from rufaa.payments import finance, orders, refunds
from rufaa.payments.refund_refusals import RefundNotOpen, RefundUnderWay
from support import World, advance, check_books, open_tasks, rows, value


@pytest.fixture
def town(world: World, database: str) -> Iterator[Town]:
    with committed(world, database) as place:
        yield place


@pytest.mark.parametrize("second", ["proposed", "approved"])
def test_what_was_not_ordered_yet_is_not_ordered_any_more(town: Town, second: str) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "failed")
    again = tenth(town, one, fee, second)

    assert goes(first, "UKS7BBBBB1") == "refunded"

    assert (town.state("refund", first), town.state("refund", again)) == ("done", "withdrawn")
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert town.state("receipt", one) == "refunded"
    assert town.state("fee", fee) == "paid"  # by the other receipt
    check_books()


def test_what_is_ordered_already_is_a_persons_when_both_went(town: Town) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "failed")
    again = tenth(town, one, fee, "ordered")

    assert goes(first, "UKS7BBBBB1") == "refunded"
    assert goes(again, "UKS7BBBBB2") == "contradicts"

    assert (town.state("refund", first), town.state("refund", again)) == ("done", "unknown")
    assert unit(orders.next_order_s) is None  # M-Pesa has told all of it
    assert open_tasks() == ["contradiction"]
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1
    unit(lambda tx: refunds.conclude(tx, again, went=False, number=None, why="x", by=town.second))
    assert open_tasks() == ["contradiction"]  # and nobody is told to propose it anew


def test_the_one_that_went_first_counts_when_the_failed_one_went_too(town: Town) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "failed")
    again = tenth(town, one, fee, "ordered")

    assert goes(again, "UKS7BBBBB2") == "refunded"
    assert goes(first, "UKS7BBBBB1") == "contradicts"

    assert (town.state("refund", first), town.state("refund", again)) == ("failed", "done")
    assert open_tasks() == ["contradiction"]


def test_a_person_cannot_say_that_it_went_twice(town: Town) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "failed")
    again = tenth(town, one, fee, "ordered")
    town.move("refund", again, "silent", "unknown")
    goes(first, "UKS7BBBBB1")
    before = rows("SELECT * FROM refund ORDER BY id")

    with pytest.raises(RefundNotOpen, match="given back by another refund"):
        unit(
            lambda tx: refunds.conclude(tx, again, went=True, number="UKS7BBBBB2", why="seen in M-Pesa", by=town.second)
        )

    assert rows("SELECT * FROM refund ORDER BY id") == before


# --- money that waits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["proposed", "approved"])
def test_money_that_waited_and_was_promised_anew_is_not_ordered_any_more(town: Town, second: str) -> None:
    receipt = waits(town)
    first = all_of_it(town, receipt, "failed")
    again = all_of_it(town, receipt, second)

    assert goes(first, "UKS7BBBBB1") == "refunded"

    assert (town.state("refund", first), town.state("refund", again)) == ("done", "withdrawn")
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert (town.state("receipt", receipt), town.free(receipt)) == ("refunded", 0)
    assert open_tasks() == []
    check_books()


def test_what_was_withdrawn_and_went_after_all_is_done(town: Town) -> None:
    """M-Pesa said "not sent" of an order that it took; the refund was withdrawn meanwhile."""
    receipt = waits(town)
    refund = all_of_it(town, receipt, "sending")
    town.move("refund", refund, "not-sent", "approved")
    unit(lambda tx: refunds.withdraw(tx, refund, why="given back in the portal"))
    assert town.free(receipt) == CENTS

    assert goes(refund, "UKS7BBBBB1") == "refunded"

    assert (town.state("refund", refund), town.free(receipt)) == ("done", 0)
    check_books()


def test_a_result_of_what_nobody_agreed_to_is_a_persons(town: Town) -> None:
    receipt = waits(town)
    refund = all_of_it(town, receipt, "proposed")
    unit(lambda tx: refunds.withdraw(tx, refund, why="no"))

    assert goes(refund, "UKS7BBBBB1") == "contradicts"

    assert (town.state("refund", refund), town.free(receipt)) == ("withdrawn", CENTS)
    assert open_tasks() == ["contradiction", "unapplied"]


def test_where_two_parts_were_called_failed_and_both_went_a_person_is_asked(town: Town) -> None:
    receipt = waits(town)
    first = all_of_it(town, receipt, "failed", CENTS // 10)
    again = all_of_it(town, receipt, "failed", CENTS // 10)

    assert [goes(first, "UKS7BBBBB1"), goes(again, "UKS7BBBBB2")] == ["refunded", "refunded"]

    assert open_tasks() == ["contradiction", "unapplied"]


@pytest.mark.parametrize("first_to_go", ["failed", "ordered"])
def test_where_two_parts_went_of_which_one_was_called_failed_a_person_is_asked(town: Town, first_to_go: str) -> None:
    """The rest of the receipt is enough for both, but they may have been meant for one."""
    receipt = waits(town)
    first = all_of_it(town, receipt, "failed", CENTS // 10)
    again = all_of_it(town, receipt, "ordered", CENTS // 10)

    for refund in (first, again) if first_to_go == "failed" else (again, first):
        assert goes(refund, f"UKS7BBBB{1 if refund == first else 2}B") == "refunded"

    assert [town.state("refund", each) for each in (first, again)] == ["done", "done"]
    assert open_tasks() == ["contradiction", "unapplied"]
    check_books()


def test_of_a_part_that_went_after_all_and_was_proposed_anew_nothing_goes_twice(town: Town) -> None:
    """The rest of the receipt would be enough for both."""
    receipt = waits(town)
    first = all_of_it(town, receipt, "failed", CENTS // 10)
    again = all_of_it(town, receipt, "approved", CENTS // 10)

    assert goes(first, "UKS7BBBBB1") == "refunded"

    assert town.state("refund", again) == "withdrawn"
    assert town.free(receipt) == CENTS // 10 * 9
    check_books()


def test_what_waited_went_after_it_had_paid_a_fee_and_the_fees_refund_is_not_ordered(town: Town) -> None:
    receipt = waits(town)
    first = all_of_it(town, receipt, "failed")
    with town.sql.transaction():
        fee = town.fee()
        town.pay(fee, receipt)
    again = town.refund(receipt, fee=fee)
    town.move("refund", again, "approve", "approved", approved_by=town.second, next_at="2026-01-01")

    assert goes(first, "UKS7BBBBB1") == "contradicts"

    assert (town.state("refund", first), town.state("refund", again)) == ("failed", "withdrawn")
    assert "contradiction" in open_tasks()
    with pytest.raises(RefundUnderWay, match="Another refund of this money went after all"):
        unit(lambda tx: proposed(tx, receipt, fee))


# --- what is being ordered when the one before is told to have gone --------------------------------------------------


OF = pytest.mark.parametrize("of", ["fee", "what waits", "a part of it"])


def twice(town: Town, of: str, state: str) -> tuple[uuid.UUID, uuid.UUID]:
    """One that was called failed, and another one of the same money: ``sending``, or ``unknown`` without an id."""
    if of == "fee":
        fee, one, _ = paid(town)
        first = tenth(town, one, fee, "failed")
        again = tenth(town, one, fee, "approved")
    else:
        one = waits(town)
        cents = CENTS if of == "what waits" else CENTS // 10
        first = all_of_it(town, one, "failed", cents)
        again = all_of_it(town, one, "approved", cents)
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    assert order.refund == again
    if state == "unknown":
        unit(lambda tx: orders.record(tx, order, Unknown("timeout", "no answer", NOTHING)))
    return first, again


@OF
@pytest.mark.parametrize(
    "outcome",
    [
        NotSent("http-503", "busy", 1.0, NOTHING),
        Declined("400.002.02", "bad", Because.BAD_REQUEST, NOTHING),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_order_that_was_not_taken_is_not_given_again(town: Town, of: str, outcome: B2cOutcome) -> None:
    first, again = twice(town, of, "sending")
    assert goes(first, "UKS7BBBBB1") == ("contradicts" if of == "what waits" else "refunded")

    answers(town, again, outcome)

    assert town.state("refund", again) == "failed"
    advance(orders.RESEND_AFTER_S)
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    check_books()
    if of == "what waits":  # its money is free again, though it went: nobody gives it back once more
        (receipt,) = (row["receipt_id"] for row in rows("SELECT receipt_id FROM refund WHERE id = %(id)s", id=first))
        assert town.free(receipt) == CENTS
        with pytest.raises(RefundUnderWay):
            unit(lambda tx: proposed(tx, receipt))
        unit(lambda tx: refunds.conclude(tx, first, went=True, number="UKS7BBBBB1", why="statement", by=town.second))
        assert (town.state("refund", first), town.state("receipt", receipt)) == ("done", "refunded")
        assert open_tasks() == []
        check_books()


@OF
@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_an_order_whose_answer_was_lost_is_a_persons_and_not_given_again(town: Town, of: str, when: str) -> None:
    """The answer is lost before the first is told to have gone, after that, or with the worker."""
    first, again = twice(town, of, "unknown" if when == "before" else "sending")
    goes(first, "UKS7BBBBB1")
    if when == "before":  # at once, so that no worker that claims at this moment takes it
        assert value("SELECT next_at FROM refund WHERE id = %(id)s", id=again) is None
    elif when == "after":
        answers(town, again, Unknown("timeout", "no answer", NOTHING))
    elif when == "never":
        advance(orders.LEASE_S + 1)
        unit(orders.tidy)

    assert town.state("refund", again) == "unknown"
    advance(orders.RESEND_AFTER_S)
    town.do("UPDATE refund SET next_at = rufaa_now() WHERE id = %(id)s", id=again)
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []  # though it were due
    town.do("UPDATE refund SET next_at = NULL WHERE id = %(id)s", id=again)
    assert posted(again) == "ask"  # somebody has found its address
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert unit(lambda tx: orders.claim_inquiries(tx, limit=5)) == []
    assert unit(orders.next_order_s) is None
    assert "refund" in open_tasks()
    advance(A_DAY_S)
    did_not_go(town, again)
    assert town.state("refund", again) == "failed"


def test_of_a_fee_whose_money_went_nothing_is_ordered_whatever_stands_in_the_queue(town: Town) -> None:
    first, again = twice(town, "fee", "unknown")
    goes(first, "UKS7BBBBB1")
    town.do("UPDATE refund SET next_at = '2026-01-01' WHERE id = %(id)s", id=again)

    assert asked_by_its_id_to_the_end(again) == len(orders._ASK_AFTER_S)
    with pytest.raises(psycopg.IntegrityError, match="is not of what receipt"):
        town.move("refund", again, "resend", "resending")


# --- tasks -----------------------------------------------------------------------------------------------------------


def test_the_task_of_one_that_failed_ends_with_the_next_that_goes(town: Town) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "ordered")
    failed(first)
    assert open_tasks() == ["refund"]
    again = tenth(town, one, fee, "ordered")

    assert goes(again, "UKS7BBBBB2") == "refunded"

    assert open_tasks() == []


def test_a_person_closes_the_task_of_a_refund_that_did_not_go_and_no_other(town: Town, world: World) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "ordered")
    town.move("refund", first, "silent", "unknown")
    unit(lambda tx: refunds.ask_person(tx, refunds.lock(tx, first)[0], kind="refund", why="find out"))
    (task,) = rows("SELECT id FROM task WHERE kind = 'refund'")
    assert not closes(world, task["id"])

    advance(A_DAY_S)
    did_not_go(town, first)

    anew, old = rows("SELECT id, closed_at, why FROM task WHERE kind = 'refund' ORDER BY closed_at DESC NULLS FIRST")
    assert (anew["closed_at"], old["id"]) == (None, task["id"])
    assert "Propose it anew" in anew["why"]
    assert closes(world, anew["id"])
    assert open_tasks() == []


def closes(world: World, task: uuid.UUID) -> bool:
    (listed,) = (row["closes"] for row in unit(lambda tx: finance.tasks(tx, world.finance)) if row["id"] == task)
    done = unit(lambda tx: finance.close_task(tx, world.finance, task.hex, outcome="done in the portal"))
    assert listed == done
    return done
