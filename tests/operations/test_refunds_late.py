"""A refund that M-Pesa called failed and that went after all, while what it gave back was given back once more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from operations.law_ground import CENTS, Town
from rufaa.db.atomic import unit
from rufaa.ids import wire
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import orders, refunds
from support import HANDLERS, World, check_books, execute, inbox_outcomes, open_tasks, rows, value


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
    parameters = {"TransactionReceipt": number, "TransactionAmount": CENTS // 1000}
    told = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "told",
        "OriginatorConversationID": wire(refund),
        "ConversationID": "AG_1",
        "TransactionID": number,
        "ResultParameters": {"ResultParameter": [{"Key": key, "Value": each} for key, each in parameters.items()]},
    }
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES ('result', %(refund)s, '127.0.0.1', true, %(body)s)",
        refund=refund,
        body=json.dumps({"Result": told}).encode(),
    )
    settle_inbox(HANDLERS)
    return str(inbox_outcomes()[-1])


@pytest.mark.parametrize(("second", "ends"), [("proposed", "withdrawn"), ("approved", "failed")])
def test_what_was_not_ordered_yet_is_not_ordered_any_more(town: Town, second: str, ends: str) -> None:
    fee, one, _ = paid(town)
    first = tenth(town, one, fee, "failed")
    again = tenth(town, one, fee, second)

    assert goes(first, "UKS7BBBBB1") == "refunded"

    assert (town.state("refund", first), town.state("refund", again)) == ("done", ends)
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

    assert (town.state("refund", first), town.state("refund", again)) == ("done", "ordered")
    assert open_tasks() == ["contradiction"]
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1


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

    with pytest.raises(refunds.RefundNotOpen, match="given back by another refund"):
        unit(
            lambda tx: refunds.conclude(tx, again, went=True, number="UKS7BBBBB2", why="seen in M-Pesa", by=town.second)
        )

    assert rows("SELECT * FROM refund ORDER BY id") == before
