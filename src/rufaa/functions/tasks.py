"""``tasks:…``: what only a person can settle."""

from __future__ import annotations

from rufaa.errors import InvalidArgument
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.runtime import Caller
from rufaa.payments import finance

register = REGISTRY.module("tasks")


@register.query
def listOpen(caller: Caller) -> list[shapes.Task]:
    """Open tasks about this person's money, oldest first. For finance people."""
    return [documents.task(row) for row in finance.tasks(caller.tx, caller.actor)]


@register.mutation
def close(caller: Caller, *, taskId: str, outcome: str) -> bool:
    """Say what came of a contradiction, a stray or a claim that somebody looked into. False: there is no such task."""
    if not outcome.strip():
        raise InvalidArgument("Say what came of it: it is kept for ever.", argument="outcome")
    return finance.close_task(caller.tx, caller.actor, taskId, outcome=outcome)
