"""Where somebody is signed in, in words that tell one browser from another."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx

_SQL: Final = sql.load(__file__, "people.sql")
_BROWSERS: Final = (
    ("Edge", r"Edg[A-Za-z]*/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS: Final = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("Mac", r"Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


@dataclass(frozen=True, slots=True)
class Session:
    """``browser`` is as the browser calls itself, in short; nothing where it does not say."""

    browser: str
    address: str
    began_at: datetime
    here: bool


def listed(tx: Tx, user: uuid.UUID, *, here: str | None) -> Sequence[Session]:
    """Where ``user`` is signed in now, at most 50, the newest first; ``here`` is the key of the session that asks."""
    return [
        Session(named(row["user_agent"]), str(row["ip"]), row["created_at"], row["session_key"] == here)
        for row in tx.rows(_SQL["sessions"], {"user": user})
    ]


def named(agent: str) -> str:
    """``Firefox · Windows`` out of what a browser says of itself."""
    found = [next((name for name, form in names if re.search(form, agent)), "") for names in (_BROWSERS, _SYSTEMS)]
    return " · ".join(each for each in found if each)
