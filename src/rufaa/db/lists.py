"""How lists go to PostgreSQL: those of one plain type as arrays in binary, others as psycopg writes them.

Settlement and its kind write rows in sets, so that each column is a list (``unnest(%(ids)s::uuid[], …)``). psycopg
asks of each value how it is written, and whether it needs quotes; here a list is asked once.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Final

from psycopg import DataError, postgres, pq
from psycopg.abc import DumperKey
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, RecursiveDumper
from psycopg.types.array import ListDumper

_NULL: Final = b"\xff\xff\xff\xff"  # in place of a length
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's
_MICROSECOND: Final = timedelta(microseconds=1)
_TRUE: Final = b"\0\0\0\x01\x01"
_FALSE: Final = b"\0\0\0\x01\0"
_length: Final = struct.Struct(">i").pack
_whole_number: Final = struct.Struct(">iq").pack
_float: Final = struct.Struct(">id").pack
_head: Final = struct.Struct(">iiIii").pack  # dimensions, if there are nulls, their type, how many, the first's number


def register(adapters: AdaptersMap) -> None:
    """Lists are written so over every connection that is made with ``adapters`` from now on."""
    adapters.register_dumper(list, _OfList)


def _ids(values: Iterable[uuid.UUID | None]) -> list[bytes]:
    return [_NULL if value is None else b"\0\0\0\x10" + value.int.to_bytes(16, "big") for value in values]


def _texts(values: Iterable[str | None]) -> list[bytes]:
    return _bytes([None if value is None else value.encode() for value in values])


def _bytes(values: Iterable[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


def _whole(values: Iterable[int | None]) -> list[bytes]:
    try:
        return [_NULL if value is None else _whole_number(8, value) for value in values]
    except struct.error:
        raise DataError("bigint out of range") from None


def _floats(values: Iterable[float | None]) -> list[bytes]:
    return [_NULL if value is None else _float(8, value) for value in values]


def _truths(values: Iterable[bool | None]) -> list[bytes]:
    return [_NULL if value is None else _TRUE if value else _FALSE for value in values]


def _instants(values: Iterable[datetime | None]) -> list[bytes]:
    try:
        return _whole([None if value is None else (value - _EPOCH) // _MICROSECOND for value in values])
    except TypeError:
        raise DataError("an instant without its zone") from None


_WRITTEN: Final[Mapping[type, tuple[str, Callable[[Any], list[bytes]]]]] = {
    uuid.UUID: ("uuid", _ids),
    str: ("text", _texts),
    bytes: ("bytea", _bytes),
    int: ("int8", _whole),
    float: ("float8", _floats),
    bool: ("bool", _truths),
    datetime: ("timestamptz", _instants),
}
"""By the type of the values, which may be None, too: PostgreSQL's type, and how they are written with their lengths."""


def _type_of(values: list[Any]) -> type | None:
    """The type of all ``values``, if it is one of ``_WRITTEN``; words of an enumeration are texts."""
    types = set(map(type, values)) - {NoneType}
    if len(types) == 1 and not types.isdisjoint(_WRITTEN):
        return types.pop()
    return str if types and all(issubclass(each, str) for each in types) else None


class _OfList(RecursiveDumper):
    """Finds who writes a list, since psycopg asks for that first. It writes none itself."""

    format = pq.Format.BINARY

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:  # noqa: A002 - psycopg's name
        return _OfList, _type_of(obj) or ListDumper(list, self._tx).get_key(obj, format)

    def upgrade(self, obj: list[Any], format: PyFormat) -> Dumper:  # noqa: A002 - as above
        values = _type_of(obj)
        return _Array(values) if values is not None else ListDumper(list, self._tx).upgrade(obj, format)

    def dump(self, _obj: list[Any]) -> bytes:
        raise AssertionError("a list is written by the one that knows its type")


class _Array(Dumper):
    """Writes lists of one type."""

    format = pq.Format.BINARY

    def __init__(self, values: type) -> None:
        super().__init__(list)
        name, self._write = _WRITTEN[values]
        self._element_oid, self.oid = postgres.types[name].oid, postgres.types[name].array_oid

    def dump(self, obj: list[Any]) -> bytes:
        written = self._write(obj)
        return b"".join([_head(1, _NULL in written, self._element_oid, len(written), 1), *written])
