"""Writing the audit: what was shown, and the seal on what is there.

What was written to a record is noted by triggers (``migrations/0002_guards.sql``), so that no writer can forget it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import structlog

from rufaa import clock, trail
from rufaa.audit import chain
from rufaa.audit.chain import Block, Entry
from rufaa.db import sql
from rufaa.db.atomic import Tx, look, unit
from rufaa.trail import Reading

_SQL: Final = sql.load(__file__, "operations.sql")
_log = structlog.get_logger()

SAME_S: Final[Mapping[Reading, float]] = {
    Reading.READ: 15 * 60.0,
    Reading.MONEY_READ: 15 * 60.0,
    Reading.LISTED: 60 * 60.0,
    Reading.MONEY_LISTED: 60 * 60.0,
    Reading.FILE_READ: 0.0,  # each is one
    Reading.LETTER_READ: 0.0,
}
"""For so long after an entry, showing the same to the same person by the same way is the same reading: a screen that
keeps itself true, and lists that stand open all day."""
BLOCK: Final = 1000
"""How many entries one block seals at most."""
SEAL_EVERY_S: Final = 1.0
ROUND_S: Final = 5.0
"""After so long a round ends, however much is left: a whole day may be unsealed where the database was brought here."""


def note_shown(tx: Tx, who: uuid.UUID | None, shown: Collection[tuple[uuid.UUID, Reading]]) -> None:
    """Note what the present work shows to ``who``; None where nobody signed in, and the origin says the rest.

    It belongs at the end of the transaction that read it: an answer leaves once its entries are committed.
    """
    if not shown:
        return
    came = trail.origin()
    by = {"actor": who, "channel": str(came.channel), "place": came.place}
    if len(shown) == 1:
        ((referral, kind),) = shown
        one = {"kind": str(kind), "referral": referral, "same_s": SAME_S[kind]}
        tx.execute(_SQL["shown"], {**by, **one})
        return
    ordered = sorted(shown)
    many = {
        "kinds": [str(kind) for _, kind in ordered],
        "referrals": [referral for referral, _ in ordered],
        "same_s": [SAME_S[kind] for _, kind in ordered],
    }
    tx.execute(_SQL["all_shown"], {**by, **many})


def head(tx: Tx) -> Block | None:
    """The last block; None before the first."""
    row = tx.row(_SQL["head"])
    if row is None:
        return None
    return Block(row["number"], row["at_us"], row["up_to"], row["entries"], bytes(row["previous"]), bytes(row["hash"]))


# --- the seal ------------------------------------------------------------------------------------------------------


class Sealer:
    """Seals entries into blocks, in the order of their numbers, a second or two after they were written.

    Writers do not wait for it, nor for each other. A number may have been given out and not be visible yet. So the
    sealer remembers how far numbers were given out, and its own transaction's number, which is higher than that of any
    transaction that has such an entry number. Once all transactions below are over, nothing can appear there any more.
    """

    def __init__(self, *, block: int = BLOCK, lasts_s: float = ROUND_S) -> None:
        self._block = block
        self._lasts_s = lasts_s
        self._mark: tuple[int, int] | None = None
        self.behind = False
        """Whether the last round ended before it was through: there is more to seal at once."""

    def round(self) -> int:
        """Seal what can be sealed, for some seconds at most; how many entries that were."""
        count = 0
        self.behind = False
        if self._mark is not None:
            up_to, xid = self._mark
            until = time.monotonic() + self._lasts_s
            while True:
                sealed = unit(lambda tx: self._seal(tx, up_to, xid))
                if sealed is None:
                    return count  # somebody writes yet
                count += sealed
                if sealed < self._block:
                    break
                if time.monotonic() >= until:
                    self.behind = True
                    return count
        self._mark = look(_mark)
        return count

    def _seal(self, tx: Tx, up_to: int, xid: int) -> int | None:
        """The next block. None: there may be entries up to ``up_to`` that nobody can see yet."""
        turn = tx.row(_SQL["turn"])
        assert turn is not None
        if not turn["ours"] or turn["begun_below"] <= xid:  # another server than the one that gave us the number
            return 0
        if turn["over_below"] <= xid:
            return None
        last = head(tx)
        after = 0 if last is None else last.up_to
        rows = tx.tuples(_SQL["unsealed"], {"after": after, "up_to": up_to, "most": self._block})
        if not rows:
            return 0
        now = tx.row(_SQL["now_us"])
        assert now is not None
        block = chain.sealed(
            1 if last is None else last.number + 1,
            at_us=now["now_us"],
            up_to=rows[-1][0],
            previous=chain.GENESIS if last is None else last.hash,
            entries=[Entry(*row) for row in rows],
        )
        tx.execute(_SQL["seal"], block._asdict())
        if last is None or _day(last) != _day(block):
            _log.info("audit.head", head=block.name, sealed=block.up_to)
        return len(rows)


def _mark(tx: Tx) -> tuple[int, int] | None:
    """How far numbers are given out, and a transaction's number above all that have one. None: nothing is unsealed."""
    due = tx.row(_SQL["due"])
    assert due is not None
    if not due["due"]:
        return None
    given, own = tx.row(_SQL["given_out"]), tx.row(_SQL["own_transaction"])
    assert given is not None
    assert own is not None
    return given["up_to"], own["xid"]


def _day(block: Block) -> object:
    return datetime.fromtimestamp(block.at_us / 1_000_000, clock.EAT).date()
