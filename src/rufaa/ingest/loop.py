"""From the inbox to settlement: takes stored callbacks in their order, in batches, and names what became of each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.db import sql
from rufaa.db.atomic import Tx, unit
from rufaa.payments.machine import Channel, Report
from rufaa.payments.plan import Item
from rufaa.payments.settle import HandOn, settle

_SQL: Final = sql.load(__file__, "loop.sql")
_log = structlog.get_logger()

BATCH: Final = 500


def settle_inbox(*, hand_on: HandOn, limit: int = BATCH) -> int:
    """Settle the oldest unsettled callbacks, as many as ``limit``; returns how many were taken.

    A batch that fails is taken apart: each of its callbacks is settled alone, and one that still fails is named so and
    left for a person, since the others must not wait for it.
    """
    try:
        return unit(lambda tx: _settle(tx, limit=limit, hand_on=hand_on))
    except Exception:  # noqa: BLE001 - whatever one callback does to us, the others must not wait for it
        _log.exception("ingest.batch_failed")
        return _settle_one_by_one(hand_on=hand_on, limit=limit)


def _settle_one_by_one(*, hand_on: HandOn, limit: int) -> int:
    waiting = unit(lambda tx: [row["id"] for row in tx.rows(_SQL["peek"], {"limit": limit})])
    for row_id in waiting:
        try:
            unit(partial(_settle, limit=1, hand_on=hand_on, only=row_id))
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("ingest.callback_failed", inbox=row_id)
            unit(partial(_name, {row_id: f"failed: {type(error).__name__}"}))
    return len(waiting)


def _settle(tx: Tx, *, limit: int, hand_on: HandOn, only: int | None = None) -> int:
    rows = tx.rows(_SQL["take"], {"limit": limit, "only": only})
    if not rows:
        return 0
    read = [_Read(row["id"], *_read(row)) for row in rows]
    items = [entry.item for entry in read if entry.item is not None]
    verdicts = settle(tx, items, hand_on=hand_on)
    place = 0
    for entry in read:
        if entry.item is not None:
            verdict = verdicts[place]
            entry.outcome = str(verdict) if verdict is not None else "unknown-prompt"
            place += 1
    _name({entry.id: entry.outcome for entry in read}, tx)
    _report(read)
    return len(rows)


def _name(outcomes: Mapping[int, str], tx: Tx) -> None:
    """Close inbox rows with what became of each."""
    tx.execute(_SQL["name"], {"ids": list(outcomes), "outcomes": list(outcomes.values())})


@dataclass(slots=True)
class _Read:
    id: int
    prompt: uuid.UUID
    item: Item | None
    outcome: str


def _read(row: Mapping[str, Any]) -> tuple[uuid.UUID, Item | None, str]:
    match parse_stk_callback(bytes(row["body"])):
        case Malformed(reason=reason):
            return row["prompt"], None, f"malformed: {reason}"
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
            item = Item(row["prompt"], report, callback.result_desc, callback.transaction_at, inbox=row["id"])
            return row["prompt"], item, ""


def _report(read: Sequence[_Read]) -> None:
    for entry in read:
        _log.info("callback.settled", inbox=entry.id, prompt=entry.prompt.hex, outcome=entry.outcome)
