"""Reading the audit: of one referral for those who may, and the whole chain for whoever verifies it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from rufaa import ids
from rufaa.audit import chain
from rufaa.audit.chain import Block, Entry, Verdict
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right
from rufaa.referrals import queries as referrals
from rufaa.referrals.queries import ReferralNotFound, Seen
from rufaa.trail import Channel

_SQL: Final = sql.load(__file__, "queries.sql")
_BATCH: Final = 10_000
_LARGEST_ID: Final = 2**63 - 1

Row = TypeVar("Row", Block, Entry)


@dataclass(frozen=True, slots=True)
class Noted:
    """One entry as people read it. ``name`` None: nobody who signed in."""

    id: int
    at: datetime
    kind: str
    channel: Channel
    place: str
    name: str | None

    @property
    def is_reading(self) -> bool:
        return self.kind.endswith((".read", ".listed"))


def of_referral(
    tx: Tx, actor: Actor, referral: object, *, readings: bool | None = None, after: int | None = None, limit: int
) -> tuple[Seen, list[Noted]]:
    """The newest ``limit`` entries of a referral that are older than the entry ``after``; all, or readings or writes.

    Raises ``ReferralNotFound``, and ``Forbidden`` for who may see the referral and not its audit.
    """
    seen = referrals.see(tx, actor, referral)
    if not seen.rights & {Right.SEE_AUDIT, Right.SEE_AUDIT_OWN}:
        raise Forbidden("You may not see who read and changed this referral.", right=Right.SEE_AUDIT)
    return seen, entries(tx, seen.referral.pk, readings=readings, after=after, limit=limit)


def entries(
    tx: Tx, referral: uuid.UUID, *, readings: bool | None = None, after: int | None = None, limit: int
) -> list[Noted]:
    """As ``of_referral``; no right is asked."""
    if after is not None and not 0 < after <= _LARGEST_ID:
        return []
    values = {"referral": referral, "readings": readings, "after": after, "limit": limit}
    return [
        Noted(row["id"], row["at"], row["kind"], Channel(row["channel"]), row["place"], _name(row))
        for row in tx.rows(_SQL["of_referral"], values)
    ]


def _name(row: dict[str, Any]) -> str | None:
    """Who is gone from the people is still told apart."""
    if row["actor"] is None:
        return None
    return str(row["name"] or row["actor"].hex)


def known(tx: Tx, word: str) -> uuid.UUID:
    """The referral with this id, account code, or id of before. Raises ``ReferralNotFound``."""
    row = None if "\x00" in word else tx.row(_SQL["known"], {"id": ids.from_wire(word), "word": word})
    if row is None:
        raise ReferralNotFound
    found: uuid.UUID = row["id"]
    return found


def verify(tx: Tx, *, noted: str | None = None) -> Verdict:
    """Walk the whole chain, in one transaction's sight, with no limit of time. ``noted``: see ``chain.walk``.

    It has to come first in its transaction, one that ``look`` opened.
    """
    tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    tx.execute("SET LOCAL statement_timeout = 0")

    def blocks(after: int) -> list[Block]:
        rows = tx.tuples(_SQL["blocks"], {"after": after, "most": _BATCH})
        return [Block(n, at, up_to, count, bytes(before), bytes(own)) for n, at, up_to, count, before, own in rows]

    def entries(after: int) -> list[Entry]:
        return [Entry(*row) for row in tx.tuples(_SQL["entries"], {"after": after, "most": _BATCH})]

    first = -_LARGEST_ID  # whatever stands there: what comes before the first is no block of ours, and is found
    return chain.walk(_all(blocks, first), _all(entries, first), noted=noted)


def _all(read: Callable[[int], list[Row]], after: int) -> Iterator[Row]:
    while rows := read(after):
        yield from rows
        after = rows[-1][0]


def unsealed_for_s(tx: Tx) -> float | None:
    """How long the oldest entry waits for its seal; None where all are sealed."""
    return tx.seconds(_SQL["oldest_unsealed"])
