"""Ways round the law that raw SQL found once: each ends in a refusal."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from operations.law_ground import Town, town


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
        sql.do("UPDATE receipt SET fee_id = %(fee)s WHERE id = %(id)s", fee=second, id=receipt)
        sql.move("fee", second, "pay", "paid")
        sql.commit_checks()

    assert refused(carry_over)


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


@pytest.mark.parametrize("kind", ["waived", "applied"])
def test_the_books_are_written_by_their_triggers_alone(sql: Town, kind: str) -> None:
    """A posting by hand makes the receivable another than the fee's state says."""
    fee = sql.fee()
    receipt = sql.receipt() if kind == "applied" else None

    assert refused(lambda: sql.transfer(kind, debit="income", credit="receivable", fee=fee, receipt=receipt))


@pytest.mark.parametrize("kind", ["raised", "received", "applied", "waived", "refunded"])
def test_a_posting_names_what_it_is_about(sql: Town, kind: str) -> None:
    assert refused(lambda: [sql.transfer(kind) for _ in range(2)])


def test_history_tells_only_what_happened(sql: Town) -> None:
    move = {"machine": "fee", "from_state": "due", "event": "pay", "to_state": "paid"}

    assert refused(lambda: sql.insert("history", subject=sql.fee(), actor=uuid.uuid4(), **move))
