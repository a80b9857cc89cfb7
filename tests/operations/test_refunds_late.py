"""A refund that M-Pesa called failed and that went after all, while what it gave back was given back once more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import dict_row

from operations.law_ground import CENTS, Town
from races.arranged import heard
from rufaa import clock
from rufaa.daraja.outcomes import Because, Declined, Exchange, NotSent, Unknown
from rufaa.daraja.outcomes_orders import AlreadyTaken, B2cOutcome
from rufaa.db.aside import DatabaseSilent
from rufaa.db.atomic import Tx, unit
from rufaa.ids import wire
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import settle_inbox
from rufaa.money import Money
from rufaa.payments import finance, orders, refunds, restored
from rufaa.payments.operations import SamePerson
from rufaa.payments.orders import Order
from rufaa.payments.refund_machine import RefundMethod
from rufaa.payments.refund_refusals import RefundedMeanwhile, RefundNotOpen, RefundTooMuch, RefundUnderWay
from rufaa.phone import Phone
from support import HANDLERS, World, advance, check_books, execute, inbox_outcomes, open_tasks, rows, unchanged, value


@pytest.fixture
def town(world: World, database: str) -> Iterator[Town]:
    """The world, for raw SQL. What is written is committed."""
    with psycopg.connect(database, row_factory=dict_row, autocommit=True) as connection:
        yield Town(connection, facility=world.tumaini.pk, account=world.account.pk)


def paid(town: Town) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """A fee that two receipts pay: (fee, one of a tenth, the other)."""
    with town.sql.transaction():
        fee, one, other = town.fee(), town.receipt(amount_cents=CENTS // 10), town.receipt(amount_cents=CENTS // 10 * 9)
        for receipt, number in ((one, "UKS7AAAAA1"), (other, "UKS7AAAAA2")):
            about = {"account_id": town.account, "receipt_id": receipt, "receipt_number": number}
            town.insert("evidence", channel="pull", verdict="pays", **about)
        town.pay(fee, one, other)
    return fee, one, other


def tenth(town: Town, receipt: uuid.UUID, fee: uuid.UUID, state: str) -> uuid.UUID:
    """A refund of what the small receipt pays, walked to ``state``."""
    refund = town.refund(receipt, fee=fee, amount_cents=CENTS // 10)
    if state == "failed":
        town.fail(refund)
    elif state == "approved":
        town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    elif state == "ordered":
        town.order(refund)
    town.do("UPDATE refund SET orders = 1 WHERE id = %(id)s AND state IN ('ordered', 'failed')", id=refund)
    return refund


def goes(refund: uuid.UUID, number: str) -> str:
    """M-Pesa's result is stored and settled: it went. What was made of it."""
    cents = int(value("SELECT amount_cents FROM refund WHERE id = %(id)s", id=refund))
    parameters = {"TransactionReceipt": number, "TransactionAmount": cents // 100}
    told = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "told",
        "OriginatorConversationID": wire(refund),
        "ConversationID": "AG_1",
        "TransactionID": number,
        "ResultParameters": {"ResultParameter": [{"Key": key, "Value": each} for key, each in parameters.items()]},
    }
    heard(Kind.RESULT, refund, {"Result": told})
    settle_inbox(HANDLERS)
    return str(inbox_outcomes()[-1])


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


def waits(town: Town) -> uuid.UUID:
    with town.sql.transaction():
        receipt = town.receipt(amount_cents=CENTS)
        about = {"account_id": town.account, "receipt_id": receipt, "receipt_number": "UKS7AAAAA1"}
        town.insert("evidence", channel="pull", verdict="unapplied", **about)
        town.insert("task", id=uuid.uuid4(), kind="unapplied", account_id=town.account, receipt_id=receipt, why="x")
    return receipt


def all_of_it(town: Town, receipt: uuid.UUID, state: str, cents: int = CENTS) -> uuid.UUID:
    """Or so much of it."""
    refund = town.refund(receipt, amount_cents=cents)
    if state in {"failed", "ordered", "unknown"}:
        (town.fail if state == "failed" else town.order)(refund)
        town.do("UPDATE refund SET orders = 1, sent_at = rufaa_now() WHERE id = %(id)s", id=refund)
        if state == "unknown":
            town.move("refund", refund, "silent", "unknown")
    elif state in {"approved", "sending"}:
        town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
        if state == "sending":
            (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
            assert order.refund == refund
    return refund


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


def proposed(tx: Tx, receipt: uuid.UUID, fee: uuid.UUID | None = None) -> uuid.UUID:
    return refunds.propose(tx, receipt, fee=fee, amount=None, phone=PHONE, why="again", by=uuid.uuid4())


@pytest.mark.parametrize("state", ["proposed", "approved", "failed", "withdrawn"])
def test_what_was_given_back_in_the_portal_is_said_so_by_another_person(town: Town, state: str) -> None:
    receipt = waits(town)
    refund = all_of_it(town, receipt, "approved" if state == "withdrawn" else state)
    if state == "withdrawn":
        unit(lambda tx: refunds.withdraw(tx, refund, why="M-Pesa does not take it"))

    def conclude(by: uuid.UUID, *, went: bool = True) -> None:
        unit(lambda tx: refunds.conclude(tx, refund, went=went, number="UKS7PORTAL", why="in the portal", by=by))

    with pytest.raises(SamePerson):
        conclude(town.user)
    with pytest.raises(RefundNotOpen):
        conclude(town.second, went=False)
    conclude(town.second)

    assert (town.state("refund", refund), town.state("receipt", receipt)) == ("done", "refunded")
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert open_tasks() == []
    check_books()


def test_a_rest_that_mpesa_does_not_pay_out_is_given_by_hand_and_its_task_closes(town: Town) -> None:
    """KES 1,005 came by hand for a fee of 1,000."""
    receipt = waits(town)
    assert goes(all_of_it(town, receipt, "ordered", CENTS - 500), "UKS7BBBBB1") == "refunded"

    refund = unit(lambda tx: proposed(tx, receipt))
    with unchanged(), pytest.raises(RefundTooMuch, match="10 or more"):
        unit(lambda tx: refunds.approve(tx, refund, by=town.second))
    unit(lambda tx: refunds.conclude(tx, refund, went=True, number=None, why="in cash", by=town.second))

    assert (town.free(receipt), open_tasks()) == (0, [])
    check_books()


def test_what_nobody_agreed_to_and_was_withdrawn_cannot_be_said_to_have_gone(town: Town) -> None:
    refund = all_of_it(town, waits(town), "proposed")
    unit(lambda tx: refunds.withdraw(tx, refund, why="no"))

    with unchanged(), pytest.raises(RefundNotOpen):
        unit(lambda tx: refunds.conclude(tx, refund, went=True, number=None, why="x", by=town.second))


@pytest.mark.parametrize("state", ["proposed", "approved"])
def test_a_refund_of_before_a_restore_is_ordered_by_nobody_until_it_was_compared(town: Town, state: str) -> None:
    """It may have been withdrawn, or done otherwise, in the time that is lost."""
    receipt = waits(town)
    refund = all_of_it(town, receipt, state)
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=clock.now()))
    if state == "proposed":
        with pytest.raises(RefundedMeanwhile):
            unit(lambda tx: refunds.approve(tx, refund, by=town.second))
        unit(lambda tx: restored.compared(tx, "all is here"))
        unit(lambda tx: refunds.approve(tx, refund, by=town.second))
        assert len(unit(lambda tx: orders.claim_orders(tx, limit=5))) == 1
        return
    town.move("refund", refund, "restored", "unknown", next_at="2026-01-01", sent_at=clock.now())

    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)
    assert open_tasks() == ["refund", "unapplied"]
    did_not_go(town, refund)
    assert town.free(receipt) == CENTS


def asked_by_its_id_to_the_end(refund: uuid.UUID) -> int:
    """How often M-Pesa is asked what became of a payout whose answers were all lost: it carries an id of ours."""
    asked = 0
    while unit(orders.next_order_s) is not None:
        for inquiry in unit(lambda tx: orders.claim_inquiries(tx, limit=5)):
            assert inquiry.original_conversation_id == wire(refund)
            asked += 1
        assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
        advance(unit(orders.next_order_s) or 0)
    return asked


def whose_answers_are_all_lost(town: Town, receipt: uuid.UUID) -> uuid.UUID:
    """A payout of all of it, ordered as often as orders are given."""
    refund = all_of_it(town, receipt, "approved")
    for _ in range(orders.MOST_ORDERS):
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
        unit(lambda tx, it=order: orders.record(tx, it, Unknown("http-504", "busy", NOTHING)))
        advance(orders.RESEND_AFTER_S)
    return refund


def did_not_go(town: Town, refund: uuid.UUID) -> None:
    """A person says so, who looked in the statement."""
    unit(lambda tx: refunds.conclude(tx, refund, went=False, number=None, why="not in the statement", by=town.second))


A_DAY_S: Final = refunds.STATEMENT_LAGS.total_seconds()


def test_that_it_did_not_go_is_said_a_day_after_its_last_order(town: Town) -> None:
    """The statement may lag, and what is free is given back again: M-Pesa would pay twice."""
    receipt = waits(town)
    refund = whose_answers_are_all_lost(town, receipt)
    with unchanged(), pytest.raises(RefundUnderWay, match="still being asked"):
        did_not_go(town, refund)
    town.do("UPDATE refund SET next_at = NULL WHERE id = %(id)s", id=refund)  # M-Pesa has told nothing

    advance(A_DAY_S - orders.RESEND_AFTER_S - 60)
    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(120)
    did_not_go(town, refund)

    assert town.free(receipt) == CENTS


@pytest.mark.parametrize(
    "walk",
    [["accepted", "silent"], ["answer-lost"], ["lease-expired"], ["not-sent", "silent"], ["not-sent", "restored"]],
    ids=" then ".join,
)
def test_each_event_that_leaves_an_order_in_doubt_begins_the_day(town: Town, walk: list[str]) -> None:
    """The last two: what says that it was not sent may be wrong, and a lost server may have sent it."""
    receipt = waits(town)
    refund = all_of_it(town, receipt, "approved")
    unit(lambda tx: orders.claim_orders(tx, limit=5))
    for event in walk:
        state = {"accepted": "ordered", "not-sent": "approved"}.get(event, "unknown")
        town.move("refund", refund, event, state, next_at=None, lease_until=None)

    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(A_DAY_S + 60)
    did_not_go(town, refund)

    assert town.free(receipt) == CENTS


def test_a_payout_whose_answers_were_all_lost_is_asked_about_by_its_id(town: Town) -> None:
    refund = whose_answers_are_all_lost(town, waits(town))

    assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)

    assert open_tasks() == ["refund", "unapplied"]
    did_not_go(town, refund)  # the questions alone have taken more than a day


@pytest.mark.parametrize("method", ["b2c", "reversal"])
def test_what_was_agreed_to_before_a_restore_is_not_ordered_though_it_is_compared_at_once(
    town: Town, method: str
) -> None:
    """No worker has come by yet."""
    receipt = waits(town)
    town.do("UPDATE receipt SET number = 'UKS7AAAAA1' WHERE id = %(id)s", id=receipt)
    refund = town.refund(receipt, amount_cents=CENTS, method=method, phone=PHONE if method == "b2c" else "")
    town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=clock.now()))
    town.move("refund", refund, "restored", "unknown", next_at="2026-01-01", orders=1, sent_at=clock.now())

    unit(lambda tx: restored.compared(tx, "all is here"))

    assert asked_by_its_id_to_the_end(refund) == (len(orders._ASK_AFTER_S) if method == "b2c" else 0)
    assert "refund" in open_tasks()


# --- what is being ordered when the one before is told to have gone ---------------------------------------------------

PHONE = Phone("254708374149")
NOTHING = Exchange(None, b"", clock.now(), 0.0)
OF = pytest.mark.parametrize("of", ["fee", "what waits", "a part of it"])
"""Of a part that waits the rest is enough for two."""


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


def answers(town: Town, refund: uuid.UUID, outcome: B2cOutcome) -> None:
    (row,) = rows("SELECT lease, amount_cents, method, phone FROM refund WHERE id = %(id)s", id=refund)
    order = Order(refund, row["lease"], town.account, RefundMethod(row["method"]), "", Money(row["amount_cents"]), "")
    unit(lambda tx: orders.record(tx, order, outcome))


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


def posted(refund: uuid.UUID, code: str = "1", *, trusted: bool = False, id_of: uuid.UUID | None = None) -> str:
    """A result of this code; not ``trusted``: by nobody that may speak for Safaricom. What was made of it."""
    told = {"ResultCode": code, "OriginatorConversationID": wire(id_of or refund)}
    heard(Kind.RESULT, refund, {"Result": told}, trusted=trusted)
    settle_inbox(HANDLERS)
    return str(inbox_outcomes()[-1])


@pytest.mark.parametrize(("times", "word", "state"), [(1, "not-refunded", "failed"), (2, "no-news", "unknown")])
def test_that_a_payout_failed_is_believed_of_the_only_order_that_there_was(
    town: Town, times: int, word: str, state: str
) -> None:
    """The second may have been refused for a wrong credential after the first was carried out."""
    refund = all_of_it(town, waits(town), "ordered")
    town.do("UPDATE refund SET orders = %(times)s WHERE id = %(id)s", id=refund, times=times)

    assert posted(refund, "2001", trusted=True) == word

    assert town.state("refund", refund) == state
    if times > 1:
        advance(orders.RESEND_AFTER_S)
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))  # under the one id, which M-Pesa knows
        unit(lambda tx: orders.record(tx, order, AlreadyTaken("500.002.1001", "duplicate", NOTHING)))
        advance(orders.RESULT_WAIT_S)
        unit(orders.tidy)
        assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)
        assert "refund" in open_tasks()


@pytest.mark.parametrize(("times", "state"), [(1, "failed"), (2, "unknown")])
def test_a_status_that_it_failed_is_believed_of_the_only_order_that_there_was(
    town: Town, times: int, state: str
) -> None:
    refund = all_of_it(town, waits(town), "unknown")
    town.do(
        "UPDATE refund SET orders = %(times)s, originator_conversation_id = %(wire)s, next_at = rufaa_now()"
        " WHERE id = %(id)s",
        id=refund, times=times, wire=wire(refund),
    )  # fmt: skip
    (inquiry,) = unit(lambda tx: orders.claim_inquiries(tx, limit=5))

    told = {"Key": "TransactionStatus", "Value": "Declined"}
    result = {"ResultCode": 0, "ConversationID": "AG_9", "ResultParameters": {"ResultParameter": [told]}}
    heard(Kind.RESULT, inquiry.id, {"Result": result})
    settle_inbox(HANDLERS)

    assert town.state("refund", refund) == state


def test_whoever_posts_to_a_refunds_address_has_it_asked_about_once_and_never_ordered(town: Town) -> None:
    in_doubt = all_of_it(town, waits(town), "approved")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    unit(lambda tx: orders.record(tx, order, Unknown("http-504", "busy", NOTHING)))
    before = rows("SELECT next_at FROM refund")
    assert posted(in_doubt) == "ask"
    assert rows("SELECT next_at FROM refund") == before  # it is ordered again at its own time
    execute("UPDATE refund SET state = 'failed', event = 'rejected', next_at = NULL")

    assert posted(in_doubt, id_of=uuid.uuid4()) == "ask"

    assert "contradiction" not in open_tasks()  # which would hold up what is proposed anew


def test_what_was_reversed_before_is_not_ordered_again_which_would_look_like_ours(town: Town) -> None:
    """The order's answer was lost, and its result was faster than the next order."""
    receipt = waits(town)
    town.do("UPDATE receipt SET number = 'UKS7AAAAA1' WHERE id = %(id)s", id=receipt)
    refund = town.refund(receipt, amount_cents=CENTS, method="reversal", phone="")
    town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    unit(lambda tx: orders.record(tx, order, Unknown("timeout", "no answer", NOTHING)))

    assert posted(refund, "R000001", trusted=True) == "reversed-before"

    advance(orders.RESEND_AFTER_S)
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert unit(orders.next_order_s) is None
    assert open_tasks() == ["refund", "unapplied"]


class Silent:
    """Accounts that the database does not tell."""

    async def get(self, account: uuid.UUID) -> Any:
        raise DatabaseSilent(f"account {account.hex}")


def test_what_the_database_kept_waiting_is_ordered_later_and_not_called_failed(town: Town) -> None:
    refund = all_of_it(town, waits(town), "approved")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    worker = orders.Orders(None, Silent(), None, addresses=lambda _: None)  # type: ignore[arg-type]

    outcome = asyncio.run(worker._send(order, claimed_at=clock.uptime_s()))
    unit(lambda tx: orders.record(tx, order, outcome))

    assert town.state("refund", refund) == "approved"
    advance(orders.RESEND_AFTER_S)
    assert [each.refund for each in unit(lambda tx: orders.claim_orders(tx, limit=5))] == [refund]


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


def failed(refund: uuid.UUID) -> None:
    unit(lambda tx: refunds.fail(tx, refunds.lock(tx, refund)[0], code="2001", message="told"))
