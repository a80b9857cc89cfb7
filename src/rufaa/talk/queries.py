"""Reading what is said about a referral: for those alone who see its medical part."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor
from rufaa.referrals.queries import Seen

SHOWN: Final = 100
"""So many comments are shown unless somebody asks for all."""
_MOST: Final = 10_000
_SQL: Final = sql.load(__file__, "queries.sql")


@dataclass(frozen=True, slots=True)
class Said:
    """One comment as it is shown. ``own``: it is by whoever looks."""

    id: uuid.UUID
    at: datetime
    text: str
    author: str
    facility: str
    own: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """What one person sees of the talk about a referral. ``more``: there are older comments than these."""

    comments: Sequence[Said]
    more: bool


def about(tx: Tx, actor: Actor, seen: Seen, *, all_of_it: bool = False) -> Talk | None:
    """The comments about a referral, oldest first; None for who sees its money alone."""
    if not seen.medical:
        return None
    referral = seen.referral.pk
    reads.note(reads.topic("talk", referral))
    most = _MOST if all_of_it else SHOWN
    found = tx.rows(_SQL["comments"], {"referral": referral, "limit": most + 1})
    reads.note(*(reads.topic("person", row["author_id"]) for row in found))
    return Talk(
        comments=[
            Said(
                id=row["id"],
                at=row["created_at"],
                text=row["text"],
                author=row["author"],
                facility=row["facility"],
                own=row["author_id"] == actor.user,
            )
            for row in reversed(found[:most])
        ],
        more=len(found) > most,
    )
