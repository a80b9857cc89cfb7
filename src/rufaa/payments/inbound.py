"""What the inbox hands on to payments: reports that were read, and not judged yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from rufaa.daraja.c2b import C2bNotice
from rufaa.daraja.results import AsyncResult, QueueTimeout
from rufaa.db.atomic import Tx


@dataclass(frozen=True, slots=True)
class C2bItem:
    """One C2B confirmation at the secret address of ``account``, which this database has."""

    inbox: int
    heard_at: datetime  # when it was stored
    account: uuid.UUID
    trusted: bool  # whether its sender may speak for Safaricom
    notice: C2bNotice


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One post to a secret address of ``order``: its result, or that it was not processed in time."""

    inbox: int
    heard_at: datetime
    order: uuid.UUID  # this database may not have it
    trusted: bool
    told: AsyncResult | QueueTimeout


TakeArrivals: TypeAlias = Callable[[Tx, Sequence[C2bItem]], Sequence[str]]
TakeResults: TypeAlias = Callable[[Tx, Sequence[OrderItem]], Sequence[str]]
"""Both act inside the transaction that closes the inbox rows, take the items in their order, and answer for each, in
the same places, a word for what became of it: one of ``metrics.VERDICTS``, perhaps with ``: why`` behind."""
