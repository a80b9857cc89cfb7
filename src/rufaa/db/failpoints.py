"""The places where a process may die between an effect and the knowledge of it, by name.

Each commit and each network call of the money's path is a ``Step`` and stands between two failpoints, ``<step>:before``
and ``<step>:after``. In production they do nothing. A test kills a real process at each of them, or drives a simulation
through them; another holds that every commit of these modules names its step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from rufaa.errors import InvalidArgument


class Step(StrEnum):
    """What has an effect: on the database where it commits, on the world outside where it calls."""

    FUNCTION_COMMIT = "function.commit"  # what a person did
    # dispatch
    DISPATCH_TIDY = "dispatch.tidy"  # withdrawn, given up, lease expired
    DISPATCH_CLAIM = "dispatch.claim"
    DISPATCH_CALL = "dispatch.call"  # the push
    DISPATCH_RECORD = "dispatch.record"
    # the shared access token
    TOKEN_BEGIN = "token.begin"  # noqa: S105 - names of steps, here and below
    TOKEN_CALL = "token.call"  # noqa: S105
    TOKEN_STORE = "token.store"  # noqa: S105
    TOKEN_END = "token.end"  # noqa: S105 - it could not be renewed: let others try
    # ingest
    INGEST_STORE = "ingest.store"
    INGEST_ANSWER = "ingest.answer"  # the 200
    # settlement
    SETTLE_BATCH = "settle.batch"
    SETTLE_ALONE = "settle.alone"  # a callback of a batch that failed
    SETTLE_GIVE_UP = "settle.give-up"  # one that cannot be settled at all becomes a person's task
    # queries
    QUERY_OVERDUE = "query.overdue"
    QUERY_CLAIM = "query.claim"
    QUERY_CALL = "query.call"
    QUERY_SETTLE = "query.settle"
    # payments of unknown prompts
    STRAY_CLAIM = "stray.claim"
    STRAY_CALL = "stray.call"
    STRAY_NOTE = "stray.note"
    # refunds
    ORDER_TIDY = "order.tidy"  # leases that ran out, orders that hear nothing
    ORDER_CLAIM = "order.claim"
    ORDER_CALL = "order.call"  # the reversal or the payout
    ORDER_RECORD = "order.record"
    # questions for a transaction's status
    INQUIRY_CLAIM = "inquiry.claim"
    INQUIRY_CALL = "inquiry.call"
    INQUIRY_NOTE = "inquiry.note"
    # all payments of the last two days
    PULL_CLAIM = "pull.claim"
    PULL_CALL = "pull.call"
    PULL_TAKE = "pull.take"
    PULL_DONE = "pull.done"  # when it is asked next
    # messages
    NOTICE_TIDY = "notice.tidy"  # leases that ran out
    NOTICE_CLAIM = "notice.claim"
    NOTICE_CALL = "notice.call"  # the message to the gateway
    NOTICE_RECORD = "notice.record"

    @property
    def before(self) -> str:
        return f"{self}:before"

    @property
    def after(self) -> str:
        return f"{self}:after"


POINTS: Final = tuple(point for step in Step for point in (step.before, step.after))

_reached: Callable[[str], None] | None = None


class UnknownPoint(InvalidArgument):
    """There is no failpoint of that name."""

    code = "unknown-failpoint"


def reach(point: str) -> None:
    """The process is at ``point``. Does nothing unless somebody listens."""
    if _reached is not None:
        _reached(point)


def listen(reached: Callable[[str], None] | None) -> None:
    """Call ``reached`` at every failpoint of this process from now on; None: nobody listens."""
    global _reached  # noqa: PLW0603 - one hook a process, so that an unarmed failpoint costs one look
    _reached = reached


@contextmanager
def around(step: Step) -> Iterator[None]:
    """An effect between its two failpoints; the second is reached however the effect ends."""
    reach(step.before)
    try:
        yield
    finally:
        reach(step.after)


def die_at(where: str) -> None:
    """Arm ``where``: a failpoint, or ``failpoint=n`` for its n-th time. The process then dies by SIGKILL there."""
    point, _, times = where.partition("=")
    if point not in POINTS or not (times or "1").isdigit() or int(times or "1") < 1:
        raise UnknownPoint(f"There is no failpoint {where[:80]!r}. Use one of: {', '.join(POINTS)}; or one with =n.")
    left = int(times or "1")

    def reached(here: str) -> None:
        nonlocal left
        if here == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    listen(reached)
