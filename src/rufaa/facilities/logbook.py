"""The logbook: every sign-in, and what was done to people, roles, prices and facilities. Entries only grow in number.

What tables can tell is written by triggers, so that nobody forgets it; what only an edge knows is written here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rufaa.db import sql
from rufaa.db.atomic import Tx

_SQL: Final = sql.load(__file__, "logbook.sql")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as people read it. ``actor`` None: nobody who was signed in; ``person``: whom it is about."""

    id: int
    at: datetime
    kind: str
    person: uuid.UUID | None
    name: str | None
    actor: uuid.UUID | None
    by: str | None
    channel: str
    address: str
    about: Mapping[str, Any]


def note(
    tx: Tx,
    kind: str,
    *,
    person: uuid.UUID | None = None,
    facility: uuid.UUID | None = None,
    actor: uuid.UUID | None = None,
    address: str = "",
    about: Mapping[str, object] | None = None,
    same_s: float = 0.0,
) -> bool:
    """Write an entry; whether one was written. The same again from the same address within ``same_s`` seconds is not:
    what a stranger can cause must not fill the database.
    """
    values = {"kind": kind, "person": person, "facility": facility, "actor": actor, "address": address[:64]}
    return bool(tx.execute(_SQL["note"], {**values, "about": json.dumps(about or {}), "same_s": same_s}))


def of_person(tx: Tx, person: uuid.UUID, *, kinds: str = "", at: uuid.UUID | None = None, limit: int) -> list[Entry]:
    """The newest ``limit`` entries about ``person``; with ``kinds``, a regular expression, those alone; with ``at``, a
    facility, none that is about another one."""
    return _entries(tx.rows(_SQL["of_person"], {"person": person, "kinds": kinds, "at": at, "limit": limit}))


def of_facility(tx: Tx, facility: uuid.UUID, *, kinds: str = "", limit: int) -> list[Entry]:
    """As ``of_person``, about a facility."""
    return _entries(tx.rows(_SQL["of_facility"], {"facility": facility, "kinds": kinds, "limit": limit}))


def _entries(rows: list[dict[str, Any]]) -> list[Entry]:
    return [Entry(**{**row, "about": json.loads(row["about"])}) for row in rows]
