"""Pull: all payments of the last two days, asked for every quarter of an hour, so that a lost notice is made good.

It runs for the accounts that are registered for it (``start``). What it tells are arrivals like any other; most are
known already.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from rufaa import ids
from rufaa.clock import EAT
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import NoNews
from rufaa.daraja.pull import LONGEST_WINDOW, ZONE_DOUBT, Pulled, PulledRow
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.payments import arrivals
from rufaa.payments.access import Accounts
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.machine import Channel
from rufaa.payments.settle import HandOn

_SQL: Final = sql.load(__file__, "pulls.sql")
_log = structlog.get_logger()

EVERY_S: Final = 900
"""daraja.md §18.9"""
AGAIN_AFTER_S: Final = 120
"""After an answer that told nothing."""
_CLOCK_SLACK: Final = timedelta(hours=1)
MOST_PAGES: Final = 50
"""Pages in one round; a full page is followed by a question for the next."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One account, and the window that it is asked about. ``before``: until when all was told; None: nothing yet."""

    account: uuid.UUID
    start: datetime
    end: datetime
    before: datetime | None


def start(tx: Tx, account: uuid.UUID) -> None:
    """From now on this account is asked."""
    tx.execute(_SQL["start"], {"account": account})
    tx.wake_workers()


def stop(tx: Tx, account: uuid.UUID) -> None:
    tx.execute(_SQL["stop"], {"account": account})


def claim(tx: Tx, *, limit: int) -> list[Pull]:
    """Accounts whose time has come. One whose asker dies is asked again a little later."""
    rows = tx.rows(_SQL["claim"], {"limit": limit, "again_s": AGAIN_AFTER_S, "longest_s": 2 * EVERY_S})
    return [Pull(row["account_id"], row["now"] - LONGEST_WINDOW, row["now"], row["pulled_until"]) for row in rows]


def next_pull_s(tx: Tx) -> float | None:
    """Seconds until the next account is asked; None if none ever is."""
    return tx.seconds(_SQL["next_due"])


@dataclass(frozen=True, slots=True)
class Taken:
    """``words`` of what one page told; ``known``: what could not be taken in, a person knows."""

    words: list[str]
    known: bool = True


def take(tx: Tx, pull: Pull, told: Pulled, *, hand_on: HandOn, cut_after: int | None = None) -> Taken:
    """What one page told; what this channel told before is not stored again. ``cut_after``: this page and those after
    it are too many, and a person is told of it after so many rows."""
    if cut_after is not None:
        _log.warning("pull.too_long", account=pull.account.hex, rows=cut_after)
        return Taken([], known=_ask_person(tx, pull.account, _UNREAD.format(count=cut_after)))
    said = tx.rows(_SQL["told"], {"account": pull.account, "numbers": [row.receipt_number for row in told.rows]})
    before = {(row["receipt_number"], row["amount_cents"]) for row in said}
    new = [row for row in told.rows if (row.receipt_number, row.amount.cents if row.amount else None) not in before]
    known = not told.unreadable or _ask_person(tx, pull.account, _UNREADABLE.format(count=told.unreadable))
    words = arrivals.take_in(tx, [_arrival(pull.account, row) for row in new], hand_on=hand_on)
    return Taken(words, known=known)


def _arrival(account: uuid.UUID, row: PulledRow) -> Arrival:
    return Arrival(
        account=account,
        channel=Channel.PULL,
        trusted=True,
        number=row.receipt_number,
        amount=row.amount,
        paid_at=row.paid_at,
        reference=row.account_reference,
        phone_shown=row.phone_shown,
        doubt=ZONE_DOUBT,
        body=row.told,
    )


_UNREADABLE: Final = (
    "Pull tells of {count} payments that cannot be read. Compare the account with the M-Pesa statement."
)
_UNREAD: Final = (
    "Pull tells of more payments in two days than are read at once: the first {count} are. Compare the account with the"
    " M-Pesa statement."
)
_NOT_TOLD: Final = (
    "Pull did not tell of everything for longer than two days: a payment from {since} to {until} whose notice was lost,"
    " too, is not in the books. Compare the account with the M-Pesa statement."
)
_AHEAD: Final = (
    "The clock of this server was ahead, and Pull was asked about a time that had not come: a payment before {until}"
    " whose notice was lost, too, is not in the books. Compare the account with the M-Pesa statement."
)


def _ask_person(tx: Tx, account: uuid.UUID, why: str) -> bool:
    """Whether a person is asked just that: while another question about the account is open, there is none."""
    about = {"id": ids.new_id(), "account": account, "why": why}
    if tx.execute(_SQL["open_task"], about):
        return True
    row = tx.row(_SQL["is_asked"], about)
    return row is not None and bool(row["asked"])


def done(tx: Tx, pull: Pull, *, after_s: float, whole: bool) -> None:
    """``whole``: every payment of the window was told. Of a time before it that nobody told of, a person knows; where
    none can be asked yet, one is later."""
    known = whole
    if whole and pull.before is not None:
        if pull.before < pull.start:
            known = _ask_person(tx, pull.account, _NOT_TOLD.format(since=_eat(pull.before), until=_eat(pull.start)))
        elif pull.before > pull.end + _CLOCK_SLACK:
            known = _ask_person(tx, pull.account, _AHEAD.format(until=_eat(pull.start)))
    until = pull.end if known else None
    tx.execute(_SQL["done"], {"account": pull.account, "after_s": after_s, "until": until})


def _eat(instant: datetime) -> str:
    return f"{instant.astimezone(EAT):%d %B %Y %H:%M}"


class Pulls:
    """Asks the accounts that are due."""

    def __init__(self, daraja: Daraja, accounts: Accounts, aside: Aside, *, hand_on: HandOn, at_once: int = 2) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._hand_on = hand_on
        self._at_once = at_once

    async def round(self) -> float | None:
        """Ask, take in, and note when to ask again; nothing is held back by a rate."""
        pulls = await self._aside.run(lambda: unit(lambda tx: claim(tx, limit=self._at_once), step=Step.PULL_CLAIM))
        await asyncio.gather(*map(self._pull, pulls))
        return None

    async def _pull(self, pull: Pull) -> None:
        try:
            account = await self._accounts.get(pull.account)
            offset, after_s, whole, known = 0, float(EVERY_S), False, True
            for page in range(MOST_PAGES + 1):
                with around(Step.PULL_CALL):
                    told = await self._daraja.pull_query(
                        account.credentials, account.tokens, start=pull.start, end=pull.end, offset=offset
                    )
                if isinstance(told, NoNews):
                    _log.warning("pull.no_news", account=pull.account.hex, code=told.code[:40])
                    after_s = AGAIN_AFTER_S
                    break
                if not told.rows and not told.unreadable:
                    whole = known
                    break
                known &= await self._take(pull, told, cut_after=offset if page == MOST_PAGES else None)
                offset += len(told.rows) + told.unreadable
            await self._aside.run(
                lambda: unit(lambda tx: done(tx, pull, after_s=after_s, whole=whole), step=Step.PULL_DONE)
            )
        except Exception:  # noqa: BLE001 - asked again a little later; the others must not wait for it
            _log.exception("pull.failed", account=pull.account.hex)

    async def _take(self, pull: Pull, told: Pulled, *, cut_after: int | None) -> bool:
        def taking(tx: Tx) -> Taken:
            return take(tx, pull, told, hand_on=self._hand_on, cut_after=cut_after)

        taken = await self._aside.run(lambda: unit(taking, step=Step.PULL_TAKE))
        _log.info("pull.taken", account=pull.account.hex, rows=len(told.rows), new=len(taken.words))
        return taken.known
