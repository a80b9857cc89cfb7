"""Lists: whole up to a limit, or in the pages of ``usePaginatedQuery`` (docs/reference/convex-protocol.md §6).

A page is the range (cursor, end] of its list. The end is ``endCursor`` where that is given, and ``numItems`` then
counts for nothing: who re-runs a page, and names the ``continueCursor`` that it had, sees it grow and shrink in place.
Cursors are the keys of rows, so that a row which leaves the list moves no other; the list's end has a word of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from rufaa import reads
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.functions.shapes import Page
from rufaa.ids import from_wire
from rufaa.sync.values import Value

MOST: Final = 1000
"""How many rows a list or a page has at most."""
_END: Final = "end"

Item = TypeVar("Item")
Row = TypeVar("Row")


class InvalidCursor(RufaaError):
    """The cursor is not one that this query gave out."""

    kind = Kind.INVALID
    code = "InvalidCursor"  # the word that the clients look for, to start over

    def __init__(self) -> None:
        super().__init__("InvalidCursor: this cursor is not from this query; start from the first page.")


def is_id(cursor: str) -> bool:
    """Whether ``cursor`` may be the key of a row whose key is its id."""
    return from_wire(cursor) is not None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item, Row]):
    """One list. ``read`` gives its first rows in (after, until], at most so many, in the list's order; None is the
    list's own beginning or end. ``key`` is a row's cursor, ``render`` makes documents of rows.
    """

    read: Callable[[str | None, str | None, int], Sequence[Item]]
    key: Callable[[Item], str]
    render: Callable[[Sequence[Item]], list[Row]]
    is_cursor: Callable[[str], bool] = is_id

    def answer(self, options: dict[str, Value] | None, *, most: int = MOST) -> Page[Row] | list[Row]:
        """The first ``most`` rows; with ``options`` one page and where the next begins."""
        reads.note(reads.NOTHING)  # besides what its rows are read from: it may be known to be empty
        if options is None:
            return self.render(self.read(None, None, most))
        size, after, end = _size(options), self._cursor(options, "cursor"), self._cursor(options, "endCursor")
        if after == _END:
            return self._page([], end=_END)
        if end is not None:
            found = self.read(after, None if end == _END else end, MOST + 1)
            return self._page(found[:MOST], end=end, cut=len(found) > MOST)
        found = self.read(after, None, size + 1)
        rows = found[:size]
        return self._page(rows, end=self.key(rows[-1]) if len(found) > size else _END)

    def _page(self, rows: Sequence[Item], *, end: str, cut: bool = False) -> Page[Row]:
        """``cut``: the range has more rows than fit; the client has to ask for its two halves instead."""
        status: Literal["SplitRecommended", "SplitRequired"] | None = None
        if cut:
            status = "SplitRequired"
        elif len(rows) > MOST * 3 // 4:
            status = "SplitRecommended"
        return {
            "page": self.render(rows),
            "isDone": end == _END,
            "continueCursor": end,
            "splitCursor": self.key(rows[(len(rows) - 1) // 2]) if len(rows) > 2 else None,
            "pageStatus": status,
        }

    def _cursor(self, options: dict[str, Value], name: str) -> str | None:
        cursor = options.get(name)
        if cursor is None:
            return None
        if not isinstance(cursor, str) or (cursor != _END and not self.is_cursor(cursor)):
            raise InvalidCursor
        return cursor


def _size(options: dict[str, Value]) -> int:
    size = options.get("numItems")
    if not isinstance(size, float) or not size.is_integer() or not 1 <= size <= MOST:
        raise InvalidArgument(
            f"paginationOpts.numItems must be a whole number from 1 to {MOST}.", argument="paginationOpts"
        )
    return int(size)
