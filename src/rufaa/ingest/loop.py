"""From the inbox to settlement: takes stored callbacks in their order, in batches, and names what became of each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from rufaa import metrics
from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.db import sql
from rufaa.db.atomic import Tx, look, unit
from rufaa.db.failpoints import Step
from rufaa.payments import strays
from rufaa.payments.machine import Channel, Report
from rufaa.payments.operations import open_task_for_prompt
from rufaa.payments.plan import Item
from rufaa.payments.settle import HandOn, settle

_SQL: Final = sql.load(__file__, "loop.sql")
_log = structlog.get_logger()

BATCH: Final = 500
UNKNOWN_PROMPT: Final = "unknown-prompt"
_UNREADABLE: Final = "A callback for this prompt could not be taken in; its bytes are kept in the inbox."


def settle_inbox(*, hand_on: HandOn, limit: int = BATCH) -> int:
    """Settle the oldest unsettled callbacks, as many as ``limit``; returns how many were settled or named.

    A batch that fails is taken apart: each of its callbacks is settled alone. One that still fails by itself is named
    so and becomes a person's task, since the others must not wait for it; one that met a passing trouble of the
    database (a lock, a lost connection) stays for the next round.
    """
    try:
        return unit(lambda tx: _settle(tx, limit=limit, hand_on=hand_on), step=Step.SETTLE_BATCH)
    except Exception:  # noqa: BLE001 - whatever one callback does to us, the others must not wait for it
        _log.exception("ingest.batch_failed")
        return _settle_one_by_one(hand_on=hand_on, limit=limit)


def _settle_one_by_one(*, hand_on: HandOn, limit: int) -> int:
    closed = 0
    for row in look(lambda tx: tx.rows(_SQL["peek"], {"limit": limit})):
        try:
            closed += unit(partial(_settle, limit=1, hand_on=hand_on, only=row["id"]), step=Step.SETTLE_ALONE)
        except (OperationalError, InterfaceError):
            _log.exception("ingest.callback_waits", inbox=row["id"])
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("ingest.callback_failed", inbox=row["id"])
            failed = f"failed: {type(error).__name__}"
            unit(partial(_give_to_person, row["id"], row["subject"], failed), step=Step.SETTLE_GIVE_UP)
            metrics.SETTLED.labels(verdict="failed").inc()
            closed += 1
    return closed


def _give_to_person(inbox: int, prompt: uuid.UUID, outcome: str, tx: Tx) -> None:
    _name({inbox: outcome}, tx)
    _ask_person(inbox, prompt, tx)


def _ask_person(inbox: int, prompt: uuid.UUID, tx: Tx) -> None:
    if tx.rows(_SQL["known"], {"prompt": prompt}):
        open_task_for_prompt(tx, prompt, kind="contradiction", why=_UNREADABLE)
    else:
        strays.hand_over(tx, prompt, inbox=inbox, why=_UNREADABLE)


def _settle(tx: Tx, *, limit: int, hand_on: HandOn, only: int | None = None) -> int:
    rows = tx.rows(_SQL["take"], {"limit": limit, "only": only})
    if not rows:
        return 0
    read = [_Read(row["id"], row["waited_s"], *_read(row)) for row in rows]
    items = [entry.item for entry in read if entry.item is not None]
    verdicts = settle(tx, items, hand_on=hand_on)
    place = 0
    for entry in read:
        if entry.item is not None:
            verdict = verdicts[place]
            entry.outcome = str(verdict) if verdict is not None else UNKNOWN_PROMPT
            place += 1
    _name({entry.id: entry.outcome for entry in read}, tx)
    for entry in read:
        if entry.item is None:  # the right secret, and no report: whatever it meant, somebody should look
            _ask_person(entry.id, entry.prompt, tx)
        elif entry.outcome == UNKNOWN_PROMPT:
            item = entry.item
            strays.take_in(
                tx, entry.prompt, item.report, result_desc=item.result_desc, paid_at=item.paid_at, inbox=entry.id
            )
    _report(read)
    transaction.on_commit(partial(_count, read))  # a batch that is taken apart is counted once
    return len(rows)


def _name(outcomes: Mapping[int, str], tx: Tx) -> None:
    """Close inbox rows with what became of each."""
    tx.execute(_SQL["name"], {"ids": list(outcomes), "outcomes": list(outcomes.values())})


@dataclass(slots=True)
class _Read:
    id: int
    waited_s: float  # since its commit, when it was taken
    prompt: uuid.UUID
    item: Item | None
    outcome: str
    taken: float = field(default_factory=time.monotonic)


def _read(row: Mapping[str, Any]) -> tuple[uuid.UUID, Item | None, str]:
    match parse_stk_callback(bytes(row["body"])):
        case Malformed(reason=reason):
            return row["subject"], None, f"malformed: {reason}"
        case StkCallback() as callback:
            report = Report(
                channel=Channel.CALLBACK,
                result_code=callback.result_code,
                trusted=row["trusted"],
                checkout_request_id=callback.checkout_request_id or None,
                merchant_request_id=callback.merchant_request_id or None,
                amount=callback.amount,
                receipt_number=callback.receipt_number,
                phone_shown=callback.phone_shown,
            )
            item = Item(row["subject"], report, callback.result_desc, callback.transaction_at, inbox=row["id"])
            return row["subject"], item, ""


def _report(read: Sequence[_Read]) -> None:
    for entry in read:
        # "unknown-prompt" is money that this database knows nothing of: it was restored from before the push
        say = _log.error if entry.outcome == UNKNOWN_PROMPT else _log.info
        say("callback.settled", inbox=entry.id, prompt=entry.prompt.hex, outcome=entry.outcome)


def _count(read: Sequence[_Read]) -> None:
    for entry in read:
        metrics.settled(entry.outcome, waited_s=entry.waited_s + time.monotonic() - entry.taken)
