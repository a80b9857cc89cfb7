"""How often whoever has a link, or none, may do what costs others something: counted in PostgreSQL, for all processes.

A rule gives so many uses. They are counted from the first for as long as the rule lasts; the last of them closes it
for as long again. So nobody gets more than twice the number less one in any time of that length, and whoever is told to
wait is told until when. Who it is, is kept as a keyed digest: the table names no phone, no address and no link.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import secret
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError

_SQL: Final = sql.load(__file__, "limits.sql")
_LABEL: Final = "paypage-allowance"
_TIDIES: Final = 20
"""Rows that are over and that each use takes away: more than it can add."""
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


@dataclass(frozen=True, slots=True)
class Rule:
    """``most`` uses in ``window_s`` seconds. ``name`` is kept with what was counted."""

    name: str
    most: int
    window_s: int


RING_ADDRESS: Final = Rule("ring-address", 30, _HOUR_S)  # a mobile network shows many phones as one address
RING_LINK: Final = Rule("ring-link", 5, _HOUR_S)
RING_LINK_DAY: Final = Rule("ring-link-day", 12, _DAY_S)
RING_PHONE: Final = Rule("ring-phone", 3, _HOUR_S)
RING_PHONE_DAY: Final = Rule("ring-phone-day", 6, _DAY_S)
BIRTH_ADDRESS: Final = Rule("birth-address", 5, _HOUR_S)
BIRTH_LINK: Final = Rule("birth-link", 5, _HOUR_S)
UNKNOWN_LINK: Final = Rule("unknown-link", 20, 600)


class TooOften(RufaaError):
    """It was done too often. ``until``: from then on it may be done again."""

    kind = Kind.UNAVAILABLE
    code = "too-often"

    def __init__(self, rule: Rule, *, until: datetime, wait_s: int) -> None:
        super().__init__(f"That was done too often. Try again in {wait_s} s.", secondsLeft=wait_s)
        self.rule = rule
        self.until = until
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Use:
    """One use of what a rule allows, to ``whose`` account it goes."""

    rule: Rule
    whose: str


def take(tx: Tx, keys: Sequence[str], *uses: Use) -> bool:
    """Count each use. Raises ``TooOften`` at the first that is not allowed; the caller's rollback undoes the others.

    Whoever takes several names them in one order, that of the rules above: each row is locked until the commit. Returns
    whether one of them was the last that is allowed for now.
    """
    last = False
    for use in uses:
        params = {
            "key": _key(keys, use),
            "rule": use.rule.name,
            "most": use.rule.most,
            "window_s": use.rule.window_s,
        }
        taken = tx.row(_SQL["take"], params)
        if taken is None:
            until = tx.row(_SQL["until"], params)
            assert until is not None  # it was there a moment ago, and only what is over is taken away
            raise TooOften(use.rule, until=until["ends_at"], wait_s=max(1, round(until["wait_s"])))
        last = last or taken["used"] == use.rule.most
    tx.execute(_SQL["tidy"], {"most": _TIDIES})
    return last


def give_back(tx: Tx, keys: Sequence[str], *uses: Use) -> None:
    """What was taken in this transaction did no harm after all."""
    for use in uses:
        tx.execute(_SQL["give_back"], {"key": _key(keys, use)})


def network_of(source: str) -> str:
    """Whose address it is: an IPv6 customer has a whole /64. What is no address is one and the same."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _key(keys: Sequence[str], use: Use) -> str:
    return secret.signature(keys, _LABEL, f"{use.rule.name}:{use.whose}")
