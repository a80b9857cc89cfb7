"""The hold switch: while an account is held, none of its prompts is sent, and everything else goes on.

A prompt that is asked for meanwhile is committed and waits. Whoever is told of it is told how to pay by hand. The rule
itself stands where prompts are claimed (``dispatch.sql``); this is who turns the switch, and how it is turned back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.payments import access

_SQL: Final = sql.load(__file__, "hold.sql")

HELD_FOR_S: Final = 1800
"""How long a prompt that was asked for before or during a hold may wait: then nobody expects its phone to ring."""
GIVEN_UP: Final = "held-too-long"
"""The code of a prompt that waited so long."""
_LONGEST: Final = 200


class AlreadyHeld(RufaaError):
    """The account's prompts are on hold already. ``data`` has since when and why."""

    kind = Kind.CONFLICT
    code = "already-held"


class NotHeld(RufaaError):
    """The account's prompts are not on hold."""

    kind = Kind.CONFLICT
    code = "not-held"


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold; ``released_at`` None: it lasts."""

    held_at: datetime
    reason: str
    by: str
    released_at: datetime | None
    released_by: str | None


def hold(tx: Tx, account: uuid.UUID, *, reason: str, by: str) -> int:
    """From the commit on, none of the account's prompts is claimed. Returns how many wait now.

    Those that were claimed before are or will be sent: the lock of the budget, under which workers claim, keeps this
    from committing in between. Raises ``AlreadyHeld``.
    """
    why, who = _said("reason", reason), _said("by", by)
    access.lock(tx, account)
    values = {"id": ids.new_id(), "account": account, "reason": why, "by": who}
    if not tx.execute(_SQL["hold"], values):
        held = held_now(tx)[account]
        raise AlreadyHeld(
            sentence(
                "The account is on hold since %(since)s UTC: %(reason)s (by %(by)s). Nothing was changed.",
                since=f"{held.held_at:%Y-%m-%d %H:%M}",
                reason=held.reason,
                by=held.by,
            ),
            since=held.held_at.isoformat(),
            reason=held.reason,
        )
    return _waiting(tx, account)


def release(tx: Tx, account: uuid.UUID, *, by: str) -> int:
    """Prompts go out again: what still waits one after the other at the account's rate, the first at once.

    Returns how many wait. Raises ``NotHeld``.
    """
    who = _said("by", by)
    access.lock(tx, account)  # before the hold's row, as who holds takes them
    if not tx.execute(_SQL["release"], {"account": account, "by": who}):
        raise NotHeld("The account is not on hold. Nothing was changed.")
    access.forgo_burst(tx, account)
    tx.wake_workers()
    return _waiting(tx, account)


def held_now(tx: Tx) -> dict[uuid.UUID, Hold]:
    """The holds that last, by account."""
    return {
        row["account_id"]: Hold(row["held_at"], row["reason"], row["held_by"], None, None)
        for row in tx.rows(_SQL["held_now"])
    }


def holds(tx: Tx, account: uuid.UUID) -> list[Hold]:
    """All holds of an account, newest first."""
    return [
        Hold(row["held_at"], row["reason"], row["held_by"], row["released_at"], row["released_by"])
        for row in tx.rows(_SQL["holds"], {"account": account})
    ]


def _waiting(tx: Tx, account: uuid.UUID) -> int:
    return len(tx.rows(_SQL["waiting"], {"account": account}))


def _said(name: str, text: str) -> str:
    words = " ".join(text.split())
    if not 1 <= len(words) <= _LONGEST or "\x00" in words:
        raise InvalidArgument(
            sentence("%(argument)s has 1 to %(limit)s characters: it is kept for ever.", argument=name, limit=_LONGEST),
            argument=name,
        )
    return words
