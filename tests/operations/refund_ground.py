"""Refunds walked to where a test begins, and what M-Pesa and people say of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg.rows import dict_row

from operations.law_ground import CENTS, Town
from races.arranged import heard
from rufaa import clock
from rufaa.daraja.outcomes import Exchange, Unknown
from rufaa.daraja.outcomes_orders import B2cOutcome
from rufaa.db.atomic import Tx, unit
from rufaa.ids import wire
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import settle_inbox
from rufaa.money import Money
from rufaa.payments import orders, refunds
from rufaa.payments.orders import Order
from rufaa.payments.refund_guards import STATEMENT_LAGS
from rufaa.payments.refund_machine import RefundMethod
from rufaa.phone import Phone
from support import HANDLERS, World, advance, inbox_outcomes, rows, value

PHONE: Final = Phone("254708374149")
NOTHING: Final = Exchange(None, b"", clock.now(), 0.0)
A_DAY_S: Final = STATEMENT_LAGS.total_seconds()


@contextmanager
def committed(world: World, database: str) -> Iterator[Town]:
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


def waits(town: Town, number: str = "UKS7AAAAA1") -> uuid.UUID:
    """A receipt that pays nothing, and of which a report tells ``number``."""
    with town.sql.transaction():
        receipt = town.receipt(amount_cents=CENTS)
        about = {"account_id": town.account, "receipt_id": receipt, "receipt_number": number}
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


def proposed(tx: Tx, receipt: uuid.UUID, fee: uuid.UUID | None = None) -> uuid.UUID:
    return refunds.propose(tx, receipt, fee=fee, amount=None, phone=PHONE, why="again", by=uuid.uuid4())


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


def posted(refund: uuid.UUID, code: str = "1", *, trusted: bool = False, id_of: uuid.UUID | None = None) -> str:
    """A result of this code; not ``trusted``: by nobody that may speak for Safaricom. What was made of it."""
    told = {"ResultCode": code, "OriginatorConversationID": wire(id_of or refund)}
    heard(Kind.RESULT, refund, {"Result": told}, trusted=trusted)
    settle_inbox(HANDLERS)
    return str(inbox_outcomes()[-1])


def answers(town: Town, refund: uuid.UUID, outcome: B2cOutcome) -> None:
    (row,) = rows("SELECT lease, amount_cents, method, phone FROM refund WHERE id = %(id)s", id=refund)
    order = Order(refund, row["lease"], town.account, RefundMethod(row["method"]), "", Money(row["amount_cents"]), "")
    unit(lambda tx: orders.record(tx, order, outcome))


def whose_answers_are_all_lost(town: Town, receipt: uuid.UUID) -> uuid.UUID:
    """A payout of all of it, ordered as often as orders are given."""
    refund = all_of_it(town, receipt, "approved")
    for _ in range(orders.MOST_ORDERS):
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
        unit(lambda tx, it=order: orders.record(tx, it, Unknown("http-504", "busy", NOTHING)))
        advance(orders.RESEND_AFTER_S)
    return refund


def asked_by_its_id_to_the_end(refund: uuid.UUID) -> int:
    """How often M-Pesa is asked what became of a payout whose answers were all lost: it carries an id of ours."""
    asked = 0
    while unit(orders.next_order_s) is not None:
        for inquiry in unit(lambda tx: orders.claim_inquiries(tx, limit=5)):
            assert inquiry.original_conversation_id == wire(refund)
            asked += 1
        assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
        advance(min(unit(orders.next_order_s) or 0, 3600))
        unit(orders.tidy)
    return asked


def did_not_go(town: Town, refund: uuid.UUID) -> None:
    """A person says so, who looked in the statement."""
    unit(lambda tx: refunds.conclude(tx, refund, went=False, number=None, why="not in the statement", by=town.second))


def failed(refund: uuid.UUID) -> None:
    unit(lambda tx: refunds.fail(tx, refunds.lock(tx, refund)[0], code="2001", message="told"))
