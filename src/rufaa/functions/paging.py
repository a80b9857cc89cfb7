"""Lists of referrals: whole up to a limit, or in the pages of ``usePaginatedQuery``."""

from __future__ import annotations

import uuid
from typing import Final

from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.functions import documents, shapes
from rufaa.functions.runtime import Caller
from rufaa.ids import from_wire
from rufaa.referrals import queries
from rufaa.referrals.machine import Status
from rufaa.referrals.queries import PAGE_LIMIT, Box, Page
from rufaa.sync.values import Value

_END: Final = "end"


class InvalidCursor(RufaaError):
    """The cursor is not one that this query gave out."""

    kind = Kind.INVALID
    code = "InvalidCursor"  # the word that the clients look for, to start over


def paged(
    caller: Caller,
    options: dict[str, Value] | None,
    box: Box,
    *,
    status: Status | None = None,
    physician: uuid.UUID | None = None,
    nothing: bool = False,
) -> shapes.Page[shapes.Referral] | list[shapes.Referral]:
    """An array of at most 1,000 newest referrals; with ``options`` one page and where the next begins."""
    if options is None:
        page = Page((), None) if nothing else queries.listed(caller.actor, box, status=status, physician=physician)
        return list(documents.referrals(caller.tx, caller.actor, page.rows))
    size, after = _size(options), _cursor(options)
    if after == _END or nothing:
        page = Page((), None)
    else:
        page = queries.listed(caller.actor, box, status=status, physician=physician, after=after, limit=size)
    return {
        "page": list(documents.referrals(caller.tx, caller.actor, page.rows)),
        "isDone": page.after is None,
        "continueCursor": page.after or _END,
        "splitCursor": None,
        "pageStatus": None,
    }


def _size(options: dict[str, Value]) -> int:
    size = options.get("numItems")
    if not isinstance(size, float) or not size.is_integer() or not 1 <= size <= PAGE_LIMIT:
        raise InvalidArgument(
            f"paginationOpts.numItems must be a whole number from 1 to {PAGE_LIMIT}.", argument="paginationOpts"
        )
    return int(size)


def _cursor(options: dict[str, Value]) -> str | None:
    cursor = options.get("cursor")
    if cursor is None:
        return None
    if not isinstance(cursor, str) or (cursor != _END and from_wire(cursor) is None):
        raise InvalidCursor("InvalidCursor: this cursor is not from this query; start from the first page.")
    return cursor
