"""Convex values and their two JSON forms (protocol §3): decoding what clients send, encoding what they get.

Everything that comes from a client passes ``loads`` and ``decode``; everything that goes out passes ``encode`` or
``encode_plain`` and ``dumps``. No meaning of any argument lives here.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

MAX_NESTING: Final = 64
MAX_ELEMENTS: Final = 8192
MAX_FIELDS: Final = 1024
MAX_FIELD_NAME: Final = 1024
MAX_VALUES: Final = 250_000  # in one JSON text; ours, not Convex's: 16 MiB of [] would hold the event loop for 1.3 s
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_LONGEST_INTEGER: Final = 20  # digits; longer literals go through float, whose cost does not grow with the square
_PATH_PART_SHOWN: Final = 40
_PATH_SHOWN: Final = 200


class Int64(int):
    """A JavaScript ``bigint`` of at most 64 bits. A plain ``int`` is written as a float, this one as an integer.

    Raises ``OverflowError`` outside of 64 bits.
    """

    __slots__ = ()

    def __new__(cls, value: int) -> Int64:
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise OverflowError("an Int64 has 64 bits")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"Int64({int(self)})"


if TYPE_CHECKING:
    JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
    Value: TypeAlias = "bool | float | Int64 | str | bytes | list[Value] | dict[str, Value] | None"
else:  # an argument annotated with Value takes any value; a recursive alias cannot be resolved when functions register
    JsonValue = object
    Value = object

PathPart: TypeAlias = str | int


class InvalidJson(Exception):
    """The bytes are not JSON. The message never quotes them."""


class InvalidValue(Exception):
    """This is not a Convex value. ``path`` is the place in it: field names and array indexes from the outside in."""

    def __init__(self, reason: str, *, path: tuple[PathPart, ...] = ()) -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"{reason} (at {path_text(path)})" if path else reason)


def path_text(path: tuple[PathPart, ...]) -> str:
    """``patient.phones[3]``, cut where it gets long: field names come from strangers."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shorten(part)}"
        if len(text) > _PATH_SHOWN:
            return text[:_PATH_SHOWN] + "…"
    return text


def shorten(text: str) -> str:
    """A name that a stranger chose, fit for a message: printable ASCII, at most 40 characters."""
    shown = text[: _PATH_PART_SHOWN + 1]
    safe = "".join(letter if " " <= letter <= "~" else "?" for letter in shown)
    return safe if len(text) <= _PATH_PART_SHOWN else safe[:_PATH_PART_SHOWN] + "…"


# --- JSON text --------------------------------------------------------------------------------------------------------


def loads(raw: bytes) -> JsonValue:
    """Parse JSON as a browser's ``JSON.parse`` would, and raise ``InvalidJson`` where Python would be more generous.

    Refused: what is not UTF-8, a byte order mark, ``NaN`` and ``Infinity``, numbers beyond a float, nesting deeper
    than the interpreter's stack, and more than 250,000 commas and brackets. Of a field given twice the last counts.
    Integers stay ``int`` as far as 20 digits, since the WebSocket counts with them; ``decode`` makes them floats.
    """
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise InvalidJson(f"The JSON has more than {MAX_VALUES} commas and brackets")
    try:
        text = raw.decode()
        parsed: JsonValue = json.loads(text, parse_constant=_refuse_constant, parse_float=_number, parse_int=_integer)
    except UnicodeDecodeError:
        raise InvalidJson("The text is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} (at character {error.pos})") from None
    except RecursionError:
        raise InvalidJson("The JSON is too nested") from None
    return parsed


def dumps(value: JsonValue) -> str:
    """JSON text without spaces. Floats keep their point (``1.0``): Python's client refuses a bare ``1``."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _refuse_constant(name: str) -> float:
    raise InvalidJson(f"{name} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidJson("A number is out of range")
    return number


def _integer(text: str) -> int | float:
    if text == "-0" or len(text) > _LONGEST_INTEGER:
        return _number(text)
    return int(text)


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(value: JsonValue) -> Value:
    """The value behind the wire form (protocol §3.1), within the limits of §3.2. Raises ``InvalidValue``."""
    return _decode(value, path=())


def _decode(value: JsonValue, *, path: tuple[PathPart, ...]) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        return _unicode(value, path=path)
    _check_nesting(path)
    if isinstance(value, list):
        _check_size(len(value), limit=MAX_ELEMENTS, what="An array", path=path)
        return [_decode(element, path=(*path, index)) for index, element in enumerate(value)]
    if len(value) == 1:
        [(form, content)] = value.items()
        if form.startswith("$"):
            return _decode_special(form, content, path=path)
    _check_size(len(value), limit=MAX_FIELDS, what="An object", path=path)
    decoded: dict[str, Value] = {}
    for name, content in value.items():
        _check_field_name(name, path=path)
        decoded[name] = _decode(content, path=(*path, name))
    return decoded


def _decode_special(form: str, content: JsonValue, *, path: tuple[PathPart, ...]) -> Value:
    if form == "$bytes":
        return _base64(content, form=form, path=path)
    if form == "$integer":
        packed = _base64(content, form=form, path=path)
        if len(packed) != 8:
            raise InvalidValue("$integer must hold 8 bytes", path=path)
        return Int64(int.from_bytes(packed, "little", signed=True))
    if form == "$float":
        packed = _base64(content, form=form, path=path)
        if len(packed) != 8:
            raise InvalidValue("$float must hold 8 bytes", path=path)
        (number,) = struct.unpack("<d", packed)
        if not _is_special(number):
            raise InvalidValue("$float must hold NaN, an infinity or -0.0; write other numbers as numbers", path=path)
        return float(number)
    raise InvalidValue(f"{shorten(form)} is not a form of value that is taken here", path=path)


def _base64(content: JsonValue, *, form: str, path: tuple[PathPart, ...]) -> bytes:
    if not isinstance(content, str):
        raise InvalidValue(f"{form} must hold base64 text", path=path)
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        raise InvalidValue(f"{form} must hold base64 text of the standard alphabet, padded", path=path) from None


# --- encoding ---------------------------------------------------------------------------------------------------------

Leaf: TypeAlias = Callable[["float | Int64 | bytes"], JsonValue]


def encode(value: object) -> JsonValue:
    """The wire form of ``value`` (``convex_encoded_json``, protocol §3.1), ready for ``dumps``.

    Takes a ``Value``, and for comfort ``int`` (as a float; refused where that would change it), tuples and any
    mapping. Fields come out sorted, so that equal values have equal texts. Raises ``InvalidValue``.
    """
    return _encode(value, leaf=_wire_leaf, path=())


def encode_plain(value: object) -> JsonValue:
    """The plain form (``json``, protocol §3.3), lossy by design: an Int64 becomes decimal text, bytes base64 text."""
    return _encode(value, leaf=_plain_leaf, path=())


def _encode(value: object, *, leaf: Leaf, path: tuple[PathPart, ...]) -> JsonValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _unicode(str.__str__(value), path=path)
    if isinstance(value, float | Int64 | bytes):
        return leaf(value)
    if isinstance(value, int):
        return _exact_float(value, path=path)
    if not isinstance(value, list | tuple | Mapping):
        raise InvalidValue(f"A {type(value).__name__} is not a Convex value", path=path)
    _check_nesting(path)
    if isinstance(value, list | tuple):
        _check_size(len(value), limit=MAX_ELEMENTS, what="An array", path=path)
        return [_encode(element, leaf=leaf, path=(*path, index)) for index, element in enumerate(value)]
    _check_size(len(value), limit=MAX_FIELDS, what="An object", path=path)
    for name in value:
        if not isinstance(name, str):
            raise InvalidValue("A field name must be a string", path=path)
        _check_field_name(name, path=path)
    return {str.__str__(name): _encode(value[name], leaf=leaf, path=(*path, name)) for name in sorted(value)}


def _wire_leaf(value: float | Int64 | bytes) -> JsonValue:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Int64):
        return {"$integer": base64.b64encode(value.to_bytes(8, "little", signed=True)).decode()}
    if _is_special(value):
        return {"$float": base64.b64encode(struct.pack("<d", value)).decode()}
    return float(value)


def _plain_leaf(value: float | Int64 | bytes) -> JsonValue:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Int64):
        return str(int(value))
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _exact_float(value: int, *, path: tuple[PathPart, ...]) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if number != value:
        raise InvalidValue("An integer does not fit a float; wrap it in Int64", path=path)
    return number


# --- rules of both directions -----------------------------------------------------------------------------------------


def _is_special(number: float) -> bool:
    return not math.isfinite(number) or (number == 0 and math.copysign(1, number) < 0)


def _unicode(text: str, *, path: tuple[PathPart, ...]) -> str:
    """``text``, if it can be written as UTF-8. JavaScript can send half a surrogate pair; PostgreSQL takes none."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue("A string has an unpaired surrogate", path=path) from None
    return text


def _check_nesting(path: tuple[PathPart, ...]) -> None:
    if len(path) >= MAX_NESTING:
        raise InvalidValue(f"Value is too nested (maximum nesting {MAX_NESTING})", path=path)


def _check_size(size: int, *, limit: int, what: str, path: tuple[PathPart, ...]) -> None:
    if size > limit:
        raise InvalidValue(f"{what} has {size} entries (maximum {limit})", path=path)


def _check_field_name(name: str, *, path: tuple[PathPart, ...]) -> None:
    if len(name) > MAX_FIELD_NAME:
        raise InvalidValue(f"A field name has {len(name)} characters (maximum {MAX_FIELD_NAME})", path=path)
    if name.startswith("$"):
        raise InvalidValue(f"The field name {shorten(name)} begins with $, which is reserved", path=path)
    if not all(" " <= letter <= "~" for letter in name):
        raise InvalidValue(f"The field name {shorten(name)} has a character outside of printable ASCII", path=path)
