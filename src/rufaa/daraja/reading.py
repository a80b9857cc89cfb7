"""Bytes from outside → plain values: bounded in size and depth, and never an exception.

Numbers keep their text, so that no float rounds an amount and no giant integer stalls the parser. Whatever is said
twice in two ways (a repeated key) becomes ``DOUBTFUL``, and so do NaN and Infinity. What the values mean is never
decided here.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_BYTES: Final = 64 * 1024  # the longest real callback is under 1 KiB; the rest is somebody's joke
MAX_DEPTH: Final = 32  # a real callback has six levels

_SPACE: Final = " \t\n\r"  # of JSON
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)  # possessive, so linear on any input
_UNPRINTABLE: Final = re.compile(  # the last three lines turn text around, hide it or break its line where it is shown
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff"
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_IDENTIFIER: Final = re.compile(r"[!-~]{1,100}")
_CODE: Final = re.compile(r"[0-9A-Za-z_.-]{1,40}")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DIGITS: Final = re.compile(r"[0-9]{1,40}")


@dataclass(frozen=True, slots=True)
class Malformed:
    """The bytes are not the message that was expected. ``reason`` is for a log and holds none of its content."""

    reason: str


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number exactly as it was written."""

    text: str


class Doubt(Enum):
    """One value only: what was said in two ways, or cannot be a value at all."""

    DOUBTFUL = "doubtful"


DOUBTFUL: Final = Doubt.DOUBTFUL


def read_object(raw: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, object] | Malformed:
    """The JSON object in ``raw``: values are ``dict``, ``list``, ``str``, ``Number``, ``bool``, None or ``DOUBTFUL``.

    A byte order mark is skipped. Bytes that are not UTF-8 spoil only the string they stand in (they become U+FFFD,
    which no id, code or receipt may hold): a success must not be lost over a letter of its prose.
    """
    if len(raw) > max_bytes:
        return Malformed(f"longer than {max_bytes} bytes")
    text = raw.removeprefix(BOM_UTF8).decode("utf-8", "replace").strip(_SPACE)
    if not text:
        return Malformed("empty")
    if _too_deep(text):
        return Malformed(f"nested deeper than {MAX_DEPTH}")
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):  # the second only if the caller's own stack is nearly used up
        return Malformed("not JSON")
    if end != len(text):
        return Malformed("not JSON")
    if not isinstance(value, dict):
        return Malformed("not a JSON object")
    return value


def code_of(value: object) -> str | None:
    """A result or error code in its canonical text (``0`` → "0", "SFC_IC0003" stays), or None if it is none.

    Codes come as numbers and as strings (daraja.md §4, §5); booleans, 0.0 and "-0" are no codes.
    """
    if isinstance(value, Number):
        return value.text if _INTEGER.fullmatch(value.text) else None
    if isinstance(value, str) and _CODE.fullmatch(value):
        return None if value == "-0" else value
    return None


def error_code_of(value: object) -> str | None:
    """As ``code_of``, but a JSON number may have a point: ``405.001`` is an errorCode that looks like a number."""
    if isinstance(value, Number):
        return value.text if _CODE.fullmatch(value.text) else None
    return code_of(value)


def identifier_of(value: object) -> str | None:
    """An opaque id of 1–100 printable ASCII characters without spaces, safe in PostgreSQL text; else None."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def text_of(value: object, *, limit: int = 300) -> str:
    """Prose from outside, at most ``limit`` characters. What cannot be stored or seen becomes U+FFFD: NUL, control
    and direction characters, lone surrogates."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value[:limit]) if isinstance(value, str) else ""


def digits_of(value: object) -> str | None:
    """The digits of a non-negative whole number, given as JSON number or string; else None."""
    text = value.text if isinstance(value, Number) else value
    return text if isinstance(text, str) and _DIGITS.fullmatch(text) else None


def _too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif match[0] in "]}":
            depth -= 1
    return False


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        first: dict[str, object] = {}
        for key, value in pairs:
            if first.setdefault(key, value) != value:
                result[key] = DOUBTFUL
    return result


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=lambda _: DOUBTFUL
)
