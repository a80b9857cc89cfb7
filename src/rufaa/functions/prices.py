"""``prices:…``: what referrals cost, and who is paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rufaa.facilities import queries
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.sync.values import Value

register = REGISTRY.module("prices")


@register.query(name="list")
def list_(
    caller: Caller, *, paginationOpts: dict[str, Value] | None = None
) -> shapes.Page[shapes.Price] | list[shapes.Price]:
    """Prices of referrals from facilities that the caller administers, and of those that pay a facility whose finance
    they do, in the order in which they were first set. The one for a receiving facility wins over the one for any."""

    def read(after: str | None, until: str | None, limit: int) -> Sequence[dict[str, Any]]:
        return queries.prices(caller.tx, caller.actor, after=after, until=until, limit=limit)

    def render(rows: Sequence[dict[str, Any]]) -> list[shapes.Price]:
        return [documents.price(row) for row in rows]

    return Listing(read, lambda row: row["id"].hex, render).answer(paginationOpts)
