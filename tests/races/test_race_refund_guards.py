"""Two transactions that want the same money, by raw SQL: PostgreSQL lets one through, whatever Python would have seen.

Each race is arranged: the first has written and not committed, the second waits for its row, then the first commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from operations.law_ground import CENTS, Town
from races.gates import Racers
from support import execute, rows, value

HALF = CENTS // 2


@dataclass
class Two:
    """A town that is committed, and two transactions in it."""

    town: Town
    first: Town
    second: Town
    racers: Racers

    def race(self, second: Callable[[], object]) -> str | None:
        """``second`` waits for what ``first`` wrote; then ``first`` commits. What refused ``second``; None: nothing."""

        def through() -> str | None:
            try:
                second()
                self.second.sql.commit()
            except psycopg.IntegrityError as error:
                self.second.sql.rollback()
                return error.diag.constraint_name
            return None

        (running,) = self.racers.start(through)
        self._until_it_waits(running)
        self.first.sql.commit()
        return running.result()

    def _until_it_waits(self, running: Future[Any]) -> None:
        with self.racers.gate("SELECT") as waiting:
            waiting(1)
        assert not running.done()


@pytest.fixture
def two(database: str, racers: Racers) -> Iterator[Two]:
    with ExitStack() as stack:
        opened = [stack.enter_context(psycopg.connect(database, row_factory=dict_row)) for _ in range(3)]
        town = Town(opened[0])
        town.settle_down()
        town.sql.commit()
        yield Two(town, replace(town, sql=opened[1]), replace(town, sql=opened[2]), racers)
        for each in opened:
            each.rollback()


def pay(town: Town, fee: uuid.UUID, receipt: uuid.UUID, cents: int = CENTS) -> None:
    town.application(receipt, fee, cents)
    town.move("receipt", receipt, "apply", "applied")
    town.move("fee", fee, "pay", "paid")


def done(town: Town, refund: uuid.UUID, receipt: uuid.UUID, event: str) -> None:
    town.move("refund", refund, "succeeded", "done")
    town.move("receipt", receipt, event, "refunded")


def test_a_refund_that_is_proposed_while_the_money_is_applied_is_refused(two: Two) -> None:
    receipt, fee = two.town.receipt(), two.town.fee()
    two.town.sql.commit()

    pay(two.first, fee, receipt)
    refused = two.race(lambda: two.second.refund(receipt))

    assert refused == "receipt_free"
    assert value("SELECT state FROM receipt") == "applied"
    assert rows("SELECT id FROM refund") == []


def test_money_that_is_applied_while_a_refund_is_proposed_stays_promised(two: Two) -> None:
    receipt, fee = two.town.receipt(), two.town.fee()
    two.town.sql.commit()

    two.first.refund(receipt)
    refused = two.race(lambda: pay(two.second, fee, receipt))

    assert refused == "receipt_free"
    assert value("SELECT state FROM fee") == "due"
    assert value("SELECT free_cents FROM receipt") == 0


def test_one_receipt_applied_to_two_fees_at_once_pays_one(two: Two) -> None:
    receipt, one, other = two.town.receipt(), two.town.fee(), two.town.fee()
    two.town.sql.commit()

    pay(two.first, one, receipt)
    refused = two.race(lambda: pay(two.second, other, receipt))

    assert refused == "receipt_free"
    assert sorted(row["state"] for row in rows("SELECT state FROM fee")) == ["due", "paid"]


def test_two_receipts_applied_to_one_fee_at_once_pay_it_once(two: Two) -> None:
    """Each transaction sees the fee open and none of the other's application."""
    one, other, fee = two.town.receipt(), two.town.receipt(), two.town.fee()
    two.town.sql.commit()

    pay(two.first, fee, one)
    refused = two.race(lambda: pay(two.second, fee, other))

    assert refused == "application_pays_its_fee"  # the fee's own move is none any more: it is paid already
    assert value("SELECT sum(amount_cents) FROM application") == CENTS


def late(two: Two) -> str | None:
    """A receipt that is applied while another transaction pays the fee, by a writer who does not pay it himself."""
    one, other, fee = two.town.receipt(), two.town.receipt(), two.town.fee()
    two.town.sql.commit()
    pay(two.first, fee, one)
    two.second.application(other, fee)
    two.second.move("receipt", other, "apply", "applied")
    two.first.sql.commit()
    try:
        two.second.sql.commit()
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name
    return None


def test_a_receipt_applied_to_a_fee_that_another_pays_meanwhile_is_refused_at_the_commit(two: Two) -> None:
    assert late(two) == "application_pays_its_fee"
    assert value("SELECT sum(amount_cents) FROM application") == CENTS


def test_control_without_the_look_at_the_sum_the_fee_would_be_paid_twice(two: Two, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        (source,) = admin.execute("SELECT pg_get_functiondef('application_pays_its_fee'::regproc)").fetchone() or ("",)
        weak = source.replace(
            "AND amount_cents = (SELECT sum(amount_cents) FROM application WHERE fee_id = NEW.fee_id)", ""
        )
        assert weak != source
        admin.execute(weak)
        try:
            assert late(two) is None
            assert value("SELECT sum(amount_cents) FROM application") == 2 * CENTS
        finally:
            admin.execute(source)


def test_what_paid_a_fee_is_not_promised_again_while_it_goes_back(two: Two) -> None:
    """The first refund is no longer live when the second is written, and not yet done when it looked."""
    fee, receipts = two.town.fee(), [two.town.receipt(amount_cents=HALF) for _ in range(2)]
    two.town.pay(fee, *receipts)
    refund = two.town.refund(receipts[0], fee=fee, amount_cents=HALF)
    two.town.order(refund)
    two.town.sql.commit()

    done(two.first, refund, receipts[0], "return")
    refused = two.race(lambda: two.second.refund(receipts[0], fee=fee, amount_cents=HALF))

    assert refused == "refund_promises"
    assert value("SELECT count(*) FROM refund") == 1


def test_the_last_two_parts_of_a_fee_that_go_back_at_once_leave_it_refunded(two: Two) -> None:
    fee, receipts = two.town.fee(), [two.town.receipt(amount_cents=HALF) for _ in range(2)]
    two.town.pay(fee, *receipts)
    refunds = [two.town.refund(receipt, fee=fee, amount_cents=HALF) for receipt in receipts]
    for refund in refunds:
        two.town.order(refund)
    two.town.sql.commit()

    done(two.first, refunds[0], receipts[0], "return")
    refused = two.race(lambda: done(two.second, refunds[1], receipts[1], "return"))

    assert refused == "refund_ends_its_fee"  # who comes second ends the fee too, and sees that it must
    done(two.second, refunds[1], receipts[1], "return")
    two.second.move("fee", fee, "refund", "refunded")
    two.second.sql.commit()
    assert value("SELECT count(*) FROM transfer WHERE kind = 'returned'") == 2


def test_one_result_that_is_settled_twice_at_once_is_posted_once(two: Two) -> None:
    receipt = two.town.receipt()
    refund = two.town.refund(receipt)
    two.town.order(refund)
    two.town.sql.commit()

    done(two.first, refund, receipt, "give-back")
    refused = two.race(lambda: two.second.move("refund", refund, "succeeded", "done"))

    assert refused is None  # it moves nothing: the refund is done by the same event
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1


def test_two_proposals_for_the_same_money_at_once_are_one(two: Two) -> None:
    receipt = two.town.receipt(amount_cents=2 * CENTS)
    two.town.sql.commit()

    two.first.refund(receipt)
    refused = two.race(lambda: two.second.refund(receipt))

    assert refused == "refund_one_live"
    assert value("SELECT free_cents FROM receipt") == CENTS


def test_a_refund_that_is_withdrawn_while_it_is_approved_is_one_of_the_two(two: Two) -> None:
    refund = two.town.refund()
    two.town.sql.commit()

    two.first.move("refund", refund, "withdraw", "withdrawn")
    refused = two.race(lambda: two.second.move("refund", refund, "approve", "approved", approved_by=two.second.second))

    assert refused == "law"
    assert value("SELECT free_cents FROM receipt") == CENTS


def test_nothing_of_these_races_is_left_to_the_clock(two: Two) -> None:
    """The control of the arrangement: who does not want the same row does not wait."""
    receipt, other = two.town.receipt(), two.town.receipt()
    two.town.sql.commit()

    two.first.refund(receipt)
    two.second.refund(other)
    two.second.sql.commit()
    two.first.sql.commit()

    assert execute("SELECT id FROM refund") == 2
