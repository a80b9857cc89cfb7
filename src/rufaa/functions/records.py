"""Mutations that run once: what was committed under a client's own numbers for it, and what it was answered.

Each function takes the mutation's own transaction. The table's unique constraint makes a second one with the same
numbers wait for the first, in whatever process, and then find its record.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.functions.waiting import Waiting, again
from rufaa.sync.runtime import Once

KEPT_DAYS: Final = 14
"""A client that comes back later than this with a mutation of before has it run again."""
_MOST: Final = 1000
_SQL: Final = sql.load(__file__, "records.sql")


class RequestTaken(RufaaError):
    """The session used this request number for another call, or somebody else did: nothing was done."""

    kind = Kind.CONFLICT
    code = "request-taken"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a committed mutation has to answer: a text, or what has to be looked up."""

    answer: str | Waiting
    ts_ns: int


def claim(tx: Tx, once: Once, *, caller: uuid.UUID) -> Kept | None:
    """None: it is this transaction's to run and to ``keep``. Otherwise what it answered when it was run.

    Raises ``RequestTaken`` where the record is of another call or another person.
    """
    if tx.row(_SQL["claim"], {**_numbers(once), "digest": once.digest, "caller": caller}) is not None:
        return None
    row = tx.row(_SQL["kept"], _numbers(once))
    if row is None or bytes(row["digest"]) != once.digest or row["caller"] != caller:
        raise RequestTaken("This request number was used for another call. Nothing was done; reload the page.")
    return Kept(_answer(row), row["ts_ns"])


def keep(tx: Tx, once: Once, result: object) -> Kept:
    """Remember what the mutation returned. Raises what ``once.write`` raises."""
    answer: str | Waiting = result if isinstance(result, Waiting) else once.write(result)
    is_waiting = isinstance(answer, Waiting)
    row = tx.row(
        _SQL["keep"],
        {
            **_numbers(once),
            "result": None if is_waiting else answer,
            "waiting": json.dumps(answer.remembered()) if isinstance(answer, Waiting) else None,
            "floor_ns": once.floor_ns,
        },
    )
    assert row is not None
    return Kept(answer, row["ts_ns"])


def now_ns(tx: Tx) -> int:
    """The database's clock, in nanoseconds since 1970."""
    row = tx.row(_SQL["now"])
    assert row is not None
    return int(row["now_ns"])


def forget(tx: Tx) -> int:
    """Delete records that are older than anybody comes back for, a batch of them; how many there were."""
    return tx.execute(_SQL["forget"], {"days": KEPT_DAYS, "most": _MOST})


def _answer(row: Mapping[str, Any]) -> str | Waiting:
    if row["result"] is not None:
        return str(row["result"])
    told = row["waiting"]
    return again(json.loads(told) if isinstance(told, str) else told)


def _numbers(once: Once) -> dict[str, object]:
    return {"session": once.session, "request": once.request}
