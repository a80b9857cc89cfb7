"""How a function is called on the wire (protocol §4), and the one spelling that Rufaa works with.

Clients write ``referrals:getReferral``, ``referrals.js:getReferral`` or ``referrals`` (its default function), and the
Python client changes from the first to the second when it reconnects. Which functions exist is the registry's matter.
"""

from __future__ import annotations

import re
from typing import Final

from rufaa.sync.values import shorten

DEFAULT_FUNCTION: Final = "default"
_EXTENSION: Final = ".js"
_LONGEST: Final = 1024
_COMPONENT: Final = re.compile(r"[A-Za-z0-9_.]{1,64}")
_FUNCTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class BadName(Exception):
    """No function can be called like this."""


def canonical(text: str) -> str:
    """``module/path:function``: without ``.js``, always with the function. Raises ``BadName``."""
    if text.startswith("function://"):
        raise BadName("Function handles are not supported; call a function by its name, module:function")
    if len(text) > _LONGEST:
        raise BadName(f"A function name has at most {_LONGEST} characters")
    path, colon, function = text.rpartition(":")
    if not colon:
        path, function = text, DEFAULT_FUNCTION
    if not _FUNCTION.fullmatch(function):
        raise BadName(f"'{shorten(function)}' cannot name a function: at most 64 letters, digits, _, no digit first")
    return f"{module(path)}:{function}"


def module(path: str) -> str:
    """The module ``path`` without its ``.js``. Raises ``BadName``."""
    *folders, last = path.split("/")
    stem, dot, extension = last.rpartition(".")
    if dot and (not stem or f".{extension}" != _EXTENSION):
        raise BadName(f"'{shorten(path)}' cannot name a module: its extension, if any, is {_EXTENSION}")
    components = (*folders, stem if dot else last)
    for component in components:
        if not _COMPONENT.fullmatch(component) or not any(letter.isalnum() for letter in component):
            raise BadName(
                f"'{shorten(path)}' cannot name a module: parts of letters, digits, _ and ., at most 64 each, "
                "with / between them"
            )
    return "/".join(components)


def as_file(name: str) -> str:
    """``messages.js:send`` for the canonical ``messages:send``: the spelling of Convex's own messages."""
    path, _, function = name.rpartition(":")
    return f"{path}{_EXTENSION}:{function}"
