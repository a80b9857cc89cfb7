"""Ways round the law that raw SQL found once: each ends in a refusal."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from operations.law_ground import CENTS, Town, town


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except psycopg.IntegrityError:
        return True
    return False


def test_one_receipt_never_pays_two_fees(sql: Town) -> None:
    _, _, receipt = sql.paid_fee()
    second = sql.fee()

    def carry_over() -> None:
        sql.application(receipt, second)
        sql.move("fee", second, "pay", "paid")
        sql.commit_checks()

    assert refused(carry_over)


@pytest.mark.parametrize("beyond", [0, 1])
def test_one_receipt_pays_several_fees_to_the_last_cent_and_no_cent_more(sql: Town, beyond: int) -> None:
    receipt = sql.receipt(amount_cents=2 * CENTS + 500)

    def pay_three() -> None:
        for cents, event, state in (
            *((CENTS, "part-apply", "unapplied"), (CENTS, "part-apply", "unapplied")),
            (500 + beyond, "apply", "applied"),
        ):
            fee = sql.fee(amount_cents=cents)
            sql.application(receipt, fee, cents)
            sql.move("receipt", receipt, event, state)
            sql.move("fee", fee, "pay", "paid")
            sql.commit_checks()

    assert refused(pay_three) is bool(beyond)


def test_an_application_cannot_be_carried_over(sql: Town) -> None:
    sql.paid_fee()

    assert refused(lambda: sql.do("UPDATE application SET fee_id = %(fee)s", fee=sql.fee()))


def test_a_fee_is_never_paid_in_part(sql: Town) -> None:
    """Half of it may be applied in a transaction that ends without the rest, and PostgreSQL takes it back."""
    fee, receipt = sql.fee(), sql.receipt(amount_cents=CENTS // 2)

    def pay_half() -> None:
        sql.application(receipt, fee, CENTS // 2)
        sql.move("receipt", receipt, "apply", "applied")
        sql.commit_checks()

    assert refused(pay_half)


def test_a_fee_is_refunded_only_when_all_that_paid_it_went_back(sql: Town) -> None:
    fee, receipts = sql.fee(), [sql.receipt(amount_cents=CENTS // 4) for _ in range(4)]
    sql.pay(fee, *receipts)
    lawful = []
    for receipt in receipts:
        refund = sql.refund(receipt, fee=fee, amount_cents=CENTS // 4)
        sql.order(refund)
        lawful.append(not tried(sql, lambda: sql.move("fee", fee, "refund", "refunded")))
        sql.move("refund", refund, "succeeded", "done")
        sql.move("receipt", receipt, "return", "refunded")
        lawful.append(not tried(sql, lambda: sql.move("fee", fee, "refund", "refunded")))

    assert lawful == [False] * 7 + [True]


def tried(place: Town, write: Callable[[], object]) -> bool:
    """Whether it is refused; what it wrote is undone."""
    try:
        with place.sql.transaction(force_rollback=True):
            write()
    except psycopg.IntegrityError:
        return True
    return False


def test_a_refund_posts_what_it_gives_back_once_whatever_its_reports_say(sql: Town) -> None:
    _, _, refund = sql.given_back()

    assert tried(sql, lambda: sql.move("refund", refund, "rejected", "failed"))
    sql.do("UPDATE refund SET message = 'again', state = 'done', event = 'succeeded' WHERE id = %(id)s", id=refund)
    assert sql.one("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1


@pytest.mark.parametrize("method", ["b2c", "reversal"])
def test_a_fees_money_goes_back_by_either_way(sql: Town, method: str) -> None:
    fee, receipt = sql.fee(), sql.receipt(number="UBN7XY1234")
    sql.pay(fee, receipt)
    phone = "254708374149" if method == "b2c" else ""

    assert not tried(sql, lambda: sql.refund(receipt, fee=fee, method=method, phone=phone))


def test_the_person_who_proposes_cannot_put_another_in_their_place(sql: Town) -> None:
    refund = sql.refund()

    def swap() -> None:
        sql.do("UPDATE refund SET proposed_by = %(other)s WHERE id = %(id)s", other=sql.second, id=refund)
        sql.move("refund", refund, "approve", "approved", approved_by=sql.user)

    assert refused(swap)


def test_a_withdrawn_proposal_is_no_ground(sql: Town) -> None:
    fee = sql.fee()
    sql.exemption(fee, "waive", agreed=True, withdrawn_at="2026-01-01")

    assert refused(lambda: sql.move("fee", fee, "waive", "waived"))


def test_only_an_emergencys_fee_is_born_deferred(sql: Town) -> None:
    def confirm_unpaid() -> None:
        referral = sql.referral(fee=sql.fee("deferred"))
        for event, state in (
            *(("approve", "awaiting-biodata"), ("ask-payment", "pending-payment"), ("confirm", "confirmed")),
        ):
            sql.move("referral", referral, event, state)
        sql.commit_checks()

    assert refused(confirm_unpaid)


def test_who_agreed_to_waive_is_kept_for_ever(sql: Town) -> None:
    sql.exemption(sql.fee(), agreed=True)
    sql.commit_checks()

    assert refused(lambda: sql.do("TRUNCATE exemption"))


@pytest.mark.parametrize("statement", ["DELETE FROM task", "TRUNCATE task"])
def test_a_persons_task_is_closed_and_never_deleted(sql: Town, statement: str) -> None:
    sql.task(sql.fee())
    sql.commit_checks()

    assert refused(lambda: sql.do(statement))


@pytest.mark.parametrize("kind", ["waived", "applied", "returned", "refunded"])
def test_the_books_are_written_by_their_triggers_alone(sql: Town, kind: str) -> None:
    """A posting by hand makes the receivable another than the fee's state says."""
    fee = sql.fee()
    receipt = None if kind == "waived" else sql.receipt()
    refund = sql.refund(receipt) if kind in {"returned", "refunded"} else None
    posting = {"debit": "income", "credit": "receivable", "fee": fee, "receipt": receipt, "refund": refund}

    assert refused(lambda: sql.transfer(kind, **posting))


@pytest.mark.parametrize("kind", ["raised", "received", "applied", "waived", "returned", "refunded"])
def test_a_posting_names_what_it_is_about(sql: Town, kind: str) -> None:
    assert refused(lambda: [sql.transfer(kind) for _ in range(2)])


def test_history_tells_only_what_happened(sql: Town) -> None:
    move = {"machine": "fee", "from_state": "due", "event": "pay", "to_state": "paid"}

    assert refused(lambda: sql.insert("history", subject=sql.fee(), actor=uuid.uuid4(), **move))
