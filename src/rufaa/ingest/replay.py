"""Settling a stored report once more, after what kept it from being taken in was mended.

The inbox only grows, and each of its rows is settled once: what is settled here is a new row with the same bytes, or
the old one where it was never settled. Nothing stays unless it is taken in now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError

from rufaa.db import sql
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step
from rufaa.errors import Kind as ErrorKind
from rufaa.errors import RufaaError
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import UNREADABLE, Handlers, settle_one
from rufaa.payments import strays, unread

_SQL: Final = sql.load(__file__, "replay.sql")
_log = structlog.get_logger()

AGAIN: Final = frozenset({"failed", "malformed", "unknown-prompt", "unknown-account", "unknown-order"})
"""What became of a report that may be settled once more: it changed nothing. The word before a colon."""


class NoSuchReport(RufaaError):
    """No stored report has this number."""

    kind = ErrorKind.NOT_FOUND
    code = "no-such-report"


class AlreadyTakenIn(RufaaError):
    """The report was taken in: settling it once more could count it twice. ``data.outcome`` says what it meant."""

    kind = ErrorKind.CONFLICT
    code = "already-taken-in"


class StillNotTakenIn(RufaaError):
    """What kept the report from being taken in is not mended."""

    kind = ErrorKind.CONFLICT
    code = "still-not-taken-in"


@dataclass(frozen=True, slots=True)
class Replayed:
    """``as_report``: the number of the row that was settled; ``outcome``: what it meant, a word as in the inbox."""

    as_report: int
    kind: Kind
    outcome: str
    tasks_closed: int


def replay(report: int, handlers: Handlers) -> Replayed:
    """Settle it, in a transaction of its own. Raises ``NoSuchReport``, ``AlreadyTakenIn`` and ``StillNotTakenIn``."""
    try:
        return unit(lambda tx: _replay(tx, report, handlers), step=Step.SETTLE_ALONE)
    except (RufaaError, OperationalError, InterfaceError):  # the last two: the database's own trouble
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is not mended
        _log.exception("ingest.replay_failed", inbox=report)
        raise StillNotTakenIn(f"It still fails: {type(error).__name__}. Nothing was changed.") from None


def _replay(tx: Tx, report: int, handlers: Handlers) -> Replayed:
    row = tx.row(_SQL["lock"], {"id": report})
    if row is None:
        raise NoSuchReport(f"There is no stored report {report}.")
    # A statement of its own, since another replay may have committed while this one waited for the lock
    row |= tx.row(_SQL["became"], {"id": report}) or {"replayed_as": None}
    _check(row)
    settled_before = row["settled_at"] is not None
    again = report
    if settled_before:
        copy = tx.row(_SQL["copy"], {"id": report, "source": source_of(report)})
        assert copy is not None
        again = copy["id"]
    outcome = _settled(tx, again, handlers)
    closed = _close_tasks(tx, row) if settled_before else 0
    return Replayed(again, Kind(row["kind"]), outcome, closed)


def source_of(report: int) -> str:
    """What stands as the source of a row that is a replay; no address looks like this."""
    return f"replay of {report}"


def _check(row: dict[str, Any]) -> None:
    report = row["id"]
    if row["replayed_as"] is not None:
        raise AlreadyTakenIn(
            f"Stored report {report} was taken in as report {row['replayed_as']}. It is not settled again, since it"
            " could count twice.",
            outcome=row["replayed_outcome"],
            report=row["kind"],
        )
    if row["settled_at"] is None:
        return
    word = str(row["outcome"]).partition(":")[0]
    if row["told"] or word not in AGAIN:
        raise AlreadyTakenIn(
            f"Stored report {report} was taken in. It is not settled again, since it could count twice.",
            outcome=row["outcome"],
            report=row["kind"],
        )


def _settled(tx: Tx, report: int, handlers: Handlers) -> str:
    outcome = settle_one(tx, report, handlers)
    if outcome is None:
        raise StillNotTakenIn(f"Stored report {report} is being settled by a worker. Nothing was changed; look again.")
    if outcome.partition(":")[0] in AGAIN:
        raise StillNotTakenIn(f"It still cannot be taken in: {outcome}. Nothing was changed.", outcome=outcome)
    return outcome


def _close_tasks(tx: Tx, row: dict[str, Any]) -> int:
    """What a person was asked because of this report alone."""
    kind, subject = Kind(row["kind"]), row["subject"]
    closed = strays.replayed(tx, inbox=row["id"])
    if tx.rows(_SQL["others_left"], {"id": row["id"], "kind": kind, "subject": subject}):
        return closed  # the one task is about those too
    return closed + unread.replayed(tx, subject, why_prompt=UNREADABLE)
