"""Pages that are watched (protocol §6): each keeps its border when its query is run again, so that no gap is left.

The border is the answer's ``continueCursor``. Further runs get it as ``paginationOpts.endCursor``; the client holds it
as the query's journal, and gives it back after a reconnect.
"""

from __future__ import annotations

import json
from typing import Final

from rufaa.sync.values import JsonValue

_LONGEST_JOURNAL: Final = 4096


def is_open(args: JsonValue) -> bool:
    """Whether these are the arguments of a page whose border the query is free to choose."""
    options = _options(args)
    return options is not None and options.get("endCursor") is None


def bordered(args: JsonValue, journal: str) -> JsonValue:
    """The same arguments, with the border that ``journal`` says."""
    options = _options(args)
    if options is None or not isinstance(args, list) or not isinstance(args[0], dict):
        return args
    return [{**args[0], "paginationOpts": {**options, "endCursor": journal}}]


def border(text: str) -> str | None:
    """The journal for an answer, whose JSON is ``text``; None: this is no page."""
    answer = json.loads(text)
    cursor = answer.get("continueCursor") if isinstance(answer, dict) else None
    return cursor if isinstance(cursor, str) and len(cursor) <= _LONGEST_JOURNAL else None


def _options(args: JsonValue) -> dict[str, JsonValue] | None:
    if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
        return None
    options = args[0].get("paginationOpts")
    return options if isinstance(options, dict) else None
