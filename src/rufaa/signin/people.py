"""People as the pages of signing in need them: whom a demo offers, and what somebody chose for themselves."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import look, unit
from rufaa.facilities import operations

_SQL: Final = sql.load(__file__, "people.sql")


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody whom a visitor of the demo may be. ``roles``: what they are, and where."""

    username: str
    name: str
    roles: Sequence[str]


def cast() -> list[Part]:
    """Whom the demo's sign-in offers: at most twelve people with a role, in the order in which they were added."""
    return [Part(row["username"], row["name"], row["roles"]) for row in look(lambda tx: tx.rows(_SQL["cast"]))]


def speak(user: uuid.UUID, language: str) -> None:
    """From now on ``user`` is answered in ``language``, in which browser they may sign in."""
    unit(lambda tx: operations.set_language(tx, user, language), actor=user)
