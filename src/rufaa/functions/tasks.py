"""``tasks:…``: what only a person can settle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rufaa.errors import InvalidArgument
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.payments import finance
from rufaa.referrals import queries
from rufaa.sync.values import Value

register = REGISTRY.module("tasks")


@register.query
def listOpen(
    caller: Caller,
    *,
    kind: shapes.TaskKind | None = None,
    referralId: str | None = None,
    paginationOpts: dict[str, Value] | None = None,
) -> shapes.Page[shapes.Task] | list[shapes.Task]:
    """Open tasks about this person's money, oldest first; at most 200 without ``paginationOpts``. ``kind`` and
    ``referralId`` list those of a kind, or about a referral's fee. For finance people."""
    fee = None
    if referralId is not None:
        row = queries.see(caller.tx, caller.actor, referralId).referral
        fee = row.fee_id or row.pk  # no fee yet: no task can be about it

    def read(after: str | None, until: str | None, limit: int) -> Sequence[dict[str, Any]]:
        return finance.tasks(caller.tx, caller.actor, kind=kind, fee=fee, after=after, until=until, limit=limit)

    def render(rows: Sequence[dict[str, Any]]) -> list[shapes.Task]:
        referrals = queries.of_fees([row["fee_id"] for row in rows if row["fee_id"] is not None])
        return [documents.task(row, referral=referrals.get(row["fee_id"])) for row in rows]

    return Listing(read, lambda row: row["id"].hex, render).answer(paginationOpts, most=finance.MOST_LISTED)


@register.query
def countOpen(caller: Caller) -> shapes.Counts:
    """How many tasks about this person's money are open, by kind. For finance people."""
    counts = finance.count_tasks(caller.tx, caller.actor)
    return {"counts": {kind: float(counts.get(kind, 0)) for kind in shapes.TASK_KINDS}, "countedTo": finance.COUNTED_TO}


@register.mutation
def close(caller: Caller, *, taskId: str, outcome: str) -> bool:
    """Say what came of a contradiction, a stray, a claim, a fee that nothing was given for, a refund that did not go,
    or a prompt that M-Pesa is not asked about any more, which somebody looked into. False: there is no such task."""
    if not outcome.strip():
        raise InvalidArgument("Say what came of it: it is kept for ever.", argument="outcome")
    return finance.close_task(caller.tx, caller.actor, taskId, outcome=outcome)
