"""Finding a referral by what somebody remembers of it: words of the name, a code, the end of a phone, a receipt number.

What may be found is what may be seen (``queries``): the index knows the gates, and each row passes the gate again.
"""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Side
from rufaa.payments import account_codes
from rufaa.referrals import queries
from rufaa.referrals.machine import Status
from rufaa.referrals.queries import Box, Seen

_SQL: Final = sql.load(__file__, "search.sql")
LONGEST: Final = 100
SHORTEST: Final = 2
_COMMON_SHARE: Final = 0.002
"""A word that more referrals than this have is common."""
_COUNTED_FOR_S: Final = 600.0
_NEWEST: Final = 20_000
"""At most so many are looked through, one by one."""
_RECEIPT: Final = re.compile(r"[0-9A-Z]{6,20}")
_TELLING: Final = re.compile(r".{6}|[0-9]{3}")
"""Few referrals have a word that begins so, if no common one does."""
_GATE: Final = re.compile(r"@[a-z][0-9a-f]{32}")
_PHONE: Final = re.compile(r"[0-9\s+()\-]+")


def is_enough(text: str) -> bool:
    """Whether ``text`` is long enough to look for, and not longer than anybody types."""
    return SHORTEST <= len(text.strip()) <= LONGEST and "\x00" not in text


def found(
    tx: Tx,
    actor: Actor,
    text: str,
    box: Box = Box.ALL,
    *,
    status: Status | None = None,
    after: str | None = None,
    limit: int,
) -> Sequence[Seen]:
    """The first ``limit`` referrals that ``text`` finds and ``actor`` may see, newest first; of a page as ``listed``.

    ``text`` is the beginnings of words of the name, of the account code or of the facility's own number; the last three
    or more digits of a phone; or, whole, a receipt number or the token of the patient's link.
    """
    queries.note_lists(actor, [status] if status is not None else list(Status))
    if not is_enough(text):
        return []
    sought = {_plain(text), account_codes.read(text) or _plain(text)}
    keys = {key for each in sought for key in _by_words(tx, actor, each, box, status=status, after=after, limit=limit)}
    if after is None:
        keys |= _by_number(tx, text)
    seen = queries.visible(tx, actor, sorted(keys))
    if text.strip() and ids.from_wire(text.strip()) and after is None:
        by_token = queries.see_by_token(tx, actor, text.strip())
        seen += [by_token] if by_token is not None else []
    return seen[:limit]


def _by_words(
    tx: Tx, actor: Actor, text: str, box: Box, *, status: Status | None, after: str | None, limit: int
) -> set[uuid.UUID]:
    mine = sorted({facility for facility, _ in actor.memberships})
    among = {
        "state": status,
        "receiving": mine if box is Box.INCOMING else None,
        "referring": mine if box is Box.OUTGOING else None,
    }
    unreleased, released, money = _referring(actor), _receiving(actor), _payee(actor)
    shares = _shares(tx, text)
    uncommon = [word for word, share in shares.items() if share == 0.0]
    values = {
        "text": text,
        "looked_up": " ".join(uncommon) if any(map(_TELLING.search, uncommon)) else text,
        "medical": " | ".join([*unreleased, *released]),
        "unreleased": " | ".join(unreleased),
        "money": " | ".join(money),
        "after": None if after is None else ids.from_wire(after) or uuid.UUID(int=0),
        "limit": limit,
    }
    if any(each is not None for each in among.values()):
        return {row["id"] for row in tx.rows(_SQL["found_among"], {**values, **among})}
    if shares and not uncommon:
        seen = sum(_COMMON.share(_GATE.findall(each)[0]) for each in (*unreleased, *released, *money))
        density = math.prod(shares.values()) * min(seen, 1.0)
        newest = 2 * limit / density if density else math.inf  # of so many, twice as many as are wanted will do
        if newest < min(_NEWEST, density * _COMMON.referrals):  # less to look at than all that the index would find
            rows = tx.rows(_SQL["newest"], {**values, "newest": int(newest)})
            if len(rows) == limit:
                return {row["id"] for row in rows}
    return {row["id"] for row in tx.rows(_SQL["found"], values)}


class _Common:
    """The lexemes that are common, as they were counted some minutes ago: they say how to look, not what is found."""

    def __init__(self) -> None:
        self.referrals = 0
        self._shares: Mapping[str, float] = {}
        self._until = -math.inf

    def look(self, tx: Tx) -> None:
        if time.monotonic() >= self._until:
            rows = tx.rows(_SQL["common"], {"share": _COMMON_SHARE})
            self._shares = {row["lexeme"]: row["share"] for row in rows}
            self.referrals = rows[0]["referrals"] if rows else 0
            self._until = time.monotonic() + _COUNTED_FOR_S

    def forget(self) -> None:
        self._until = -math.inf

    def share(self, beginning: str) -> float:
        """Of the referrals with a common lexeme that begins so; 0 where there is none."""
        return min(1.0, sum(share for lexeme, share in self._shares.items() if lexeme.startswith(beginning)))


_COMMON: Final = _Common()


def _shares(tx: Tx, text: str) -> dict[str, float]:
    """Each word of ``text``, and the share of referrals that have one that begins so."""
    _COMMON.look(tx)
    words: list[str] = [row["word"] for row in tx.rows(_SQL["words"], {"text": text})]
    return {word: max(map(_COMMON.share, (word, f"${word}", f"#{word[::-1]}"))) for word in words}


def _referring(actor: Actor) -> list[str]:
    """The gates of ``queries._gates`` behind which particulars may be known from the first, as parts of a tsquery."""
    own = actor.facilities_with(Right.SEE_OWN, Side.REFERRING)
    return [
        *(f"('@p{actor.user.hex}' & '@f{each.hex}')" for each in own),
        *(f"'@f{each.hex}'" for each in actor.facilities_with(Right.SEE, Side.REFERRING)),
    ]


def _receiving(actor: Actor) -> list[str]:
    """The same, of those behind which they may be known once the referral is released."""
    return [f"'@r{each.hex}'" for each in actor.facilities_with(Right.SEE, Side.RECEIVING)]


def _payee(actor: Actor) -> list[str]:
    """Of those whose money may be seen."""
    return [f"'@m{each.hex}'" for each in actor.facilities_with(Right.SEE_MONEY, Side.PAYEE)]


def _plain(text: str) -> str:
    """A phone from where all ways to write it are the same; anything else as it is."""
    if not _PHONE.fullmatch(text):
        return text
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) == 12:
        return digits.removeprefix("254")
    return digits.removeprefix("0") if len(digits) == 10 else digits


def _by_number(tx: Tx, text: str) -> set[uuid.UUID]:
    number = text.strip().upper()
    if not _RECEIPT.fullmatch(number):
        return set()
    return {row["id"] for row in tx.rows(_SQL["of_receipt"], {"number": number})}
