"""From the inbox to payments: takes stored reports in their order, in batches, and names what became of each.

What a report means is decided elsewhere: of callbacks in ``payments.settle``, of all others by the ``Handlers`` that
the composition root gives. Here they are read, handed over by kind inside one transaction, and closed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction

from rufaa import metrics
from rufaa.daraja.c2b import parse_c2b
from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.daraja.results import AsyncResult, QueueTimeout, parse_queue_timeout, parse_result
from rufaa.db import sql
from rufaa.db.atomic import Tx, look, unit
from rufaa.db.failpoints import Step
from rufaa.ingest.address import Kind
from rufaa.payments import strays, unread
from rufaa.payments.inbound import C2bItem, OrderItem, TakeArrivals, TakeResults
from rufaa.payments.machine import Channel, Report
from rufaa.payments.operations import open_task_for_prompt
from rufaa.payments.plan_rows import Item
from rufaa.payments.settle import HandOn, settle

_SQL: Final = sql.load(__file__, "loop.sql")
_log = structlog.get_logger()

BATCH: Final = 500
UNKNOWN_PROMPT: Final = "unknown-prompt"
UNKNOWN_ACCOUNT: Final = "unknown-account"
VALIDATION: Final = "validation"
UNREADABLE: Final = "A callback for this prompt could not be taken in; its bytes are kept in the inbox."

Told = TypeVar("Told")
Each = TypeVar("Each")


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who takes in what is read here, and what a paid fee moves."""

    hand_on: HandOn
    arrivals: TakeArrivals
    results: TakeResults


def settle_inbox(handlers: Handlers, *, limit: int = BATCH) -> int:
    """Settle the oldest unsettled reports, as many as ``limit``; returns how many were settled or named.

    A batch that fails is taken apart: each of its reports is settled alone. One that still fails by itself is named so
    and becomes a person's task, since the others must not wait for it; one that met a passing trouble of the database
    (a lock, a lost connection) stays for the next round.
    """
    try:
        return unit(lambda tx: _settle(tx, handlers, limit=limit), step=Step.SETTLE_BATCH)
    except Exception:  # noqa: BLE001 - whatever one report does to us, the others must not wait for it
        _log.exception("ingest.batch_failed")
        return _settle_one_by_one(handlers, limit=limit)


def _settle_one_by_one(handlers: Handlers, *, limit: int) -> int:
    closed = 0
    for row in look(lambda tx: tx.rows(_SQL["peek"], {"limit": limit})):
        try:
            closed += unit(partial(_settle, handlers=handlers, limit=1, only=row["id"]), step=Step.SETTLE_ALONE)
        except (OperationalError, InterfaceError):
            _log.exception("ingest.callback_waits", inbox=row["id"])
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("ingest.callback_failed", inbox=row["id"])
            give_up = partial(_give_up, row["id"], Kind(row["kind"]), row["subject"], f"failed: {type(error).__name__}")
            unit(give_up, step=Step.SETTLE_GIVE_UP)
            metrics.SETTLED.labels(verdict="failed").inc()
            closed += 1
    return closed


def settle_one(tx: Tx, inbox: int, handlers: Handlers) -> str | None:
    """Settle this report, in the caller's transaction, and nothing else; what became of it. None: a worker has it."""
    if not _settle(tx, handlers, limit=1, only=inbox):
        return None
    (row,) = tx.rows(_SQL["outcome"], {"id": inbox})
    return str(row["outcome"])


def _give_up(inbox: int, kind: Kind, subject: uuid.UUID, outcome: str, tx: Tx) -> None:
    _name({inbox: outcome}, tx)
    _ask_person(tx, inbox, kind, subject)


def _ask_person(tx: Tx, inbox: int, kind: Kind, subject: uuid.UUID) -> None:
    """About a report that nobody could take in, if money may be behind it."""
    match kind:
        case Kind.STK if tx.rows(_SQL["known_prompt"], {"prompt": subject}):
            open_task_for_prompt(tx, subject, kind="contradiction", why=UNREADABLE)
        case Kind.STK:
            strays.hand_over(tx, subject, inbox=inbox, why=UNREADABLE)
        case Kind.C2B:
            if not unread.ask_about_account(tx, subject, inbox=inbox):
                strays.hand_over_notice(tx, subject, inbox=inbox)
        case Kind.RESULT | Kind.TIMEOUT:
            unread.ask_about_order(tx, subject, inbox=inbox)
        case Kind.C2B_VALIDATION:
            pass  # of a payment that was not made yet; its confirmation tells


def _settle(tx: Tx, handlers: Handlers, *, limit: int, only: int | None = None) -> int:
    taken = tx.rows(_SQL["take"], {"limit": limit, "only": only})
    if not taken:
        return 0
    rows = [_Row(**row | {"kind": Kind(row["kind"]), "body": bytes(row["body"])}) for row in taken]
    # By kind, each in its order: what a report means does not hang on which of another kind was read before it
    callbacks = _callbacks(tx, [row for row in rows if row.kind is Kind.STK], handlers.hand_on)
    _arrivals(tx, [row for row in rows if row.kind is Kind.C2B], handlers.arrivals)
    _results(tx, [row for row in rows if row.kind in {Kind.RESULT, Kind.TIMEOUT}], handlers.results)
    for row in rows:
        if row.kind is Kind.C2B_VALIDATION:
            row.outcome = VALIDATION
    _name({row.id: row.outcome for row in rows}, tx)
    for row in rows:
        if row.unread:  # the right secret, and no report: whatever it meant, somebody should look
            _ask_person(tx, row.id, row.kind, row.subject)
        elif row.outcome == UNKNOWN_PROMPT:
            item = callbacks[row.id]
            strays.take_in(
                tx, row.subject, item.report, result_desc=item.result_desc, paid_at=item.paid_at, inbox=row.id
            )
        elif row.outcome == UNKNOWN_ACCOUNT:
            strays.hand_over_notice(tx, row.subject, inbox=row.id)
    _report(rows)
    transaction.on_commit(partial(_count, rows))  # a batch that is taken apart is counted once
    return len(rows)


def _name(outcomes: Mapping[int, str], tx: Tx) -> None:
    """Close inbox rows with what became of each."""
    if not all(outcomes.values()):
        raise AssertionError("a report would be closed without a word")
    tx.execute(_SQL["name"], {"ids": list(outcomes), "outcomes": list(outcomes.values())})


@dataclass(slots=True)
class _Row:
    """An inbox row that was taken."""

    id: int
    kind: Kind
    subject: uuid.UUID
    trusted: bool
    at: datetime
    body: bytes
    waited_s: float  # since its commit, when it was taken
    outcome: str = ""
    unread: bool = False
    taken: float = field(default_factory=time.monotonic)


def _read(rows: Sequence[_Row], parse: Callable[[_Row], Told | Malformed]) -> list[tuple[_Row, Told]]:
    """Those that can be read; the others are named."""
    read: list[tuple[_Row, Told]] = []
    for row in rows:
        told = parse(row)
        if isinstance(told, Malformed):
            row.outcome, row.unread = f"malformed: {told.reason}", True
        else:
            read.append((row, told))
    return read


def _hand(tx: Tx, items: Sequence[tuple[_Row, Each]], take: Callable[[Tx, Sequence[Each]], Sequence[str]]) -> None:
    if items:
        for (row, _), word in zip(items, take(tx, [item for _, item in items]), strict=True):
            row.outcome = word


def _callbacks(tx: Tx, rows: Sequence[_Row], hand_on: HandOn) -> Mapping[int, Item]:
    items = [(row, _item(row, told)) for row, told in _read(rows, lambda row: parse_stk_callback(row.body))]

    def take(tx: Tx, items: Sequence[Item]) -> Sequence[str]:
        verdicts = settle(tx, items, hand_on=hand_on)
        return [str(verdicts[place] or UNKNOWN_PROMPT) for place in range(len(items))]

    _hand(tx, items, take)
    return {row.id: item for row, item in items}


def _item(row: _Row, callback: StkCallback) -> Item:
    report = Report(
        channel=Channel.CALLBACK,
        result_code=callback.result_code,
        trusted=row.trusted,
        checkout_request_id=callback.checkout_request_id or None,
        merchant_request_id=callback.merchant_request_id or None,
        amount=callback.amount,
        receipt_number=callback.receipt_number,
        phone_shown=callback.phone_shown,
    )
    return Item(row.subject, report, callback.result_desc, callback.transaction_at, inbox=row.id)


def _arrivals(tx: Tx, rows: Sequence[_Row], take: TakeArrivals) -> None:
    read = _read(rows, lambda row: parse_c2b(row.body))
    known = _known_accounts(tx, {row.subject for row, _ in read})
    for row, _ in read:
        if row.subject not in known:
            row.outcome = UNKNOWN_ACCOUNT
    items = [
        (row, C2bItem(row.id, row.at, row.subject, row.trusted, notice)) for row, notice in read if row.subject in known
    ]
    _hand(tx, items, take)


def _results(tx: Tx, rows: Sequence[_Row], take: TakeResults) -> None:
    def parse(row: _Row) -> AsyncResult | QueueTimeout | Malformed:
        return parse_result(row.body) if row.kind is Kind.RESULT else parse_queue_timeout(row.body)

    read: list[tuple[_Row, AsyncResult | QueueTimeout]] = _read(rows, parse)
    _hand(tx, [(row, OrderItem(row.id, row.at, row.subject, row.trusted, told)) for row, told in read], take)


def _known_accounts(tx: Tx, accounts: set[uuid.UUID]) -> set[uuid.UUID]:
    if not accounts:
        return set()
    return {row["id"] for row in tx.rows(_SQL["known_accounts"], {"accounts": sorted(accounts)})}


def _report(rows: Sequence[_Row]) -> None:
    info, error = _log.info, _log.error
    for row in rows:
        # "unknown-…" is money that this database knows nothing of: it was restored from before
        say = error if row.outcome.startswith("unknown-") else info
        say("callback.settled", inbox=row.id, kind=row.kind, subject=row.subject.hex, outcome=row.outcome)


def _count(rows: Sequence[_Row]) -> None:
    now = time.monotonic()
    metrics.settled((row.outcome for row in rows), waited_s=(row.waited_s + now - row.taken for row in rows))
