"""Referrals by the million, made by SQL past the law, as if the law had made them: with particulars, fee, prompt,
history, books and audit. Each is a copy of one that the operations made, with ids, codes and phones of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

TABLES: Final = ("particulars", "fee", "referral", "referral_search", "prompt", "history", "transfer", "audit")
_ALL: Final = ("numbered", "particulars", "fees", "referrals", "words", "prompts", "history", "transfers", "audit")
_CHUNK: Final = 20_000


def ringing(world: Any, count: int) -> None:
    """``count`` more referrals whose prompt was sent a moment ago and is waited for: phones ``25470xxxxxxx``."""
    from support import value

    referral, prompt = world.prompted("254708374149")
    _send(prompt)
    start = int(value("SELECT count(*) FROM prompt"))
    for first in range(start, start + count, _CHUNK):
        filled(_ALL, referral=uuid.UUID(referral), first=first, last=min(first + _CHUNK, start + count) - 1)
    analyse()


def asked(world: Any, count: int) -> None:
    """``count`` more referrals, one of them by the operations, whose prompt is due and was sent by nobody yet."""
    from support import execute, value

    start = int(value("SELECT count(*) FROM prompt")) + 1
    referral, prompt = world.prompted(f"2547{start - 1:08d}")
    filled((*_ALL, "unsent"), referral=uuid.UUID(referral), first=start, last=start + count - 2)
    execute("UPDATE prompt SET next_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    analyse()


def waiting(world: Any, count: int) -> list[dict[str, Any]]:
    """``count`` more referrals that nobody was asked to pay yet: ``id`` and ``phone`` of each."""
    from support import value

    first = int(value("SELECT count(*) FROM fee"))
    names = (*(name for name in _ALL if name != "prompts"), "waiting")
    found = filled(names, referral=uuid.UUID(world.waiting()), first=first, last=first + count - 1)
    analyse()
    return found


def analyse() -> None:
    from support import rows

    for table in TABLES:
        rows(f"ANALYZE {table}")


def _send(prompt: uuid.UUID) -> None:
    """As dispatch leaves a prompt that M-Pesa took: by the law's own moves."""
    from support import execute

    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    execute(
        "UPDATE prompt SET state = 'pending', event = 'accepted', lease_until = NULL,"
        " next_at = rufaa_now() + interval '15 minutes',"  # nobody asks about them before they are told of
        " merchant_request_id = 'm-' || replace(id::text, '-', ''),"
        " checkout_request_id = 'ws_CO_' || replace(id::text, '-', '') WHERE id = %(id)s",
        id=prompt,
    )


def filled(names: Sequence[str], **params: Any) -> list[dict[str, Any]]:
    """Run these statements of ``population.sql``, past the law and in one transaction. The rows of the last one."""
    from rufaa.db.atomic import Tx, unit
    from rufaa.db.sql import load

    statements = load(__file__, "population.sql")

    def fill(tx: Tx) -> list[dict[str, Any]]:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("SET LOCAL statement_timeout = 0")
        found: list[dict[str, Any]] = []
        for name in names:
            found = tx.rows(statements[name], params)
        return found

    return unit(fill)
