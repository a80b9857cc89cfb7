"""What an argument accepts: the annotation of a parameter, read once at registration, is its validator.

``str``, ``float`` (a number), ``bool``, ``Literal["a", "b"]``, a ``StrEnum``, ``list[X]``, ``dict[str, X]``, a
``TypedDict`` (just its fields), ``Value`` or ``object`` (anything), and unions of these and ``None``. Meaning (is this
a phone number?) is checked by whoever knows it. What a function answers is read in the same way (``answers``).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NotRequired, Protocol, Union

from rufaa.sync.values import Int64, PathPart, Value, dumps, path_text, shorten

_NAMES_SHOWN: Final = 5
_SORTS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (Int64, "bigint"),
    (float, "number"),
    (str, "string"),
    (bytes, "bytes"),
    (list, "list"),
    (dict, "object"),
)


class Mismatch(Exception):
    """A value is not what the annotation accepts. ``found`` says what it is, never how it reads."""

    def __init__(self, found: str, *, expected: str, path: tuple[PathPart, ...] = ()) -> None:
        super().__init__(f"expected {expected}, got {found}")
        self.found = found
        self.expected = expected
        self.path = path


class ArgumentValidationError(Exception):
    """The arguments are not those of the function. The message names each fault and lists what is accepted."""


class Accepts(Protocol):
    """One annotation. ``text`` is how it is shown: ``string``, ``"a" | "b"``, ``list of number``."""

    @property
    def text(self) -> str: ...

    def check(self, value: Value) -> Value:
        """The value to hand to the function. Raises ``Mismatch``."""


@dataclass(frozen=True, slots=True)
class Anything:
    text: str = "any value"

    def check(self, value: Value) -> Value:
        return value


@dataclass(frozen=True, slots=True)
class Text:
    text: str = "string"

    def check(self, value: Value) -> Value:
        if isinstance(value, str):
            return value
        raise Mismatch(found(value), expected=self.text)


@dataclass(frozen=True, slots=True)
class Number:
    text: str = "number"

    def check(self, value: Value) -> Value:
        """A float. A ``bigint`` is taken where a float can hold it: whole amounts are often written as one."""
        if isinstance(value, float):
            return value
        if isinstance(value, Int64) and float(value) == value:
            return float(value)
        raise Mismatch(found(value), expected=self.text)


@dataclass(frozen=True, slots=True)
class Boolean:
    text: str = "boolean"

    def check(self, value: Value) -> Value:
        if isinstance(value, bool):
            return value
        raise Mismatch(found(value), expected=self.text)


@dataclass(frozen=True, slots=True)
class OneOf:
    choices: tuple[str, ...]

    @property
    def text(self) -> str:
        return " | ".join(dumps(choice) for choice in self.choices)

    def check(self, value: Value) -> Value:
        if isinstance(value, str) and value in self.choices:
            return value
        raise Mismatch("another string" if isinstance(value, str) else found(value), expected=self.text)


@dataclass(frozen=True, slots=True)
class Nullable:
    inner: Accepts

    @property
    def text(self) -> str:
        return f"{self.inner.text} | null"

    def check(self, value: Value) -> Value:
        return None if value is None else self.inner.check(value)


@dataclass(frozen=True, slots=True)
class Either:
    """The first of ``members`` that accepts the value."""

    members: tuple[Accepts, ...]

    @property
    def text(self) -> str:
        return " | ".join(member.text for member in self.members)

    def check(self, value: Value) -> Value:
        for member in self.members:
            with suppress(Mismatch):
                return member.check(value)
        raise Mismatch(found(value), expected=self.text)


@dataclass(frozen=True, slots=True)
class ListOf:
    inner: Accepts

    @property
    def text(self) -> str:
        return f"list of {self.inner.text}"

    def check(self, value: Value) -> Value:
        if not isinstance(value, list):
            raise Mismatch(found(value), expected=self.text)
        return [_check_within(self.inner, element, part=index) for index, element in enumerate(value)]


@dataclass(frozen=True, slots=True)
class RecordOf:
    inner: Accepts

    @property
    def text(self) -> str:
        return f"object of {self.inner.text}"

    def check(self, value: Value) -> Value:
        if not isinstance(value, dict):
            raise Mismatch(found(value), expected=self.text)
        return {name: _check_within(self.inner, content, part=name) for name, content in value.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a ``Fields``."""

    name: str
    accepts: Accepts
    optional: bool  # it may be absent; null is another matter


@dataclass(frozen=True, slots=True)
class Fields:
    """A ``TypedDict``: an object with just these fields. ``filled`` is what a generic one is made of."""

    declared: type
    filled: tuple[Accepts, ...]
    fields: tuple[Field, ...]

    @property
    def text(self) -> str:
        return self.declared.__name__

    def check(self, value: Value) -> Value:
        if not isinstance(value, dict):
            raise Mismatch(found(value), expected=self.text)
        known = {field.name for field in self.fields}
        for name in value:
            if name not in known:
                raise Mismatch(f"the unknown field '{shorten(name)}'", expected=self.text)
        checked: dict[str, Value] = {}
        for field in self.fields:
            if field.name in value:
                checked[field.name] = _check_within(field.accepts, value[field.name], part=field.name)
            elif not field.optional:
                raise Mismatch(f"an object without '{field.name}'", expected=self.text)
        return checked


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function. Absent and null are the same for an ``optional`` one that accepts null."""

    name: str
    accepts: Accepts
    optional: bool

    @property
    def text(self) -> str:
        if not self.optional:
            return f"{self.name}: {self.accepts.text}"
        accepts = self.accepts.inner if isinstance(self.accepts, Nullable) else self.accepts
        return f"{self.name}?: {accepts.text}"

    def counts_as_absent(self, value: Value) -> bool:
        return value is None and self.optional and isinstance(self.accepts, Nullable)


def read(annotation: object) -> Accepts:
    """What a resolved annotation accepts. Raises ``TypeError`` for one that cannot be held against the wire."""
    accepts = _read_plain(annotation) or _read_compound(typing.get_origin(annotation), typing.get_args(annotation))
    if accepts is None:
        raise TypeError(
            f"{annotation!r} cannot annotate an argument: use str, float, bool, Literal of strings, a StrEnum, "
            "list[X], dict[str, X], a TypedDict, object, Value, or a union of these and None"
        )
    return accepts


def _read_plain(annotation: object) -> Accepts | None:
    plain: tuple[tuple[object, Accepts], ...] = (
        (str, Text()),
        (float, Number()),
        (bool, Boolean()),
        (list, ListOf(Anything())),
        (dict, RecordOf(Anything())),
        (object, Anything()),
        (Any, Anything()),
    )
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return OneOf(tuple(member.value for member in annotation))
    if typing.is_typeddict(annotation):
        return _read_fields(typing.cast("type", annotation), ())
    return next((accepts for known, accepts in plain if annotation is known), None)


def _read_fields(declared: type, filled: tuple[Any, ...]) -> Fields:
    """The fields of a ``TypedDict``; ``filled`` stands for its type variables, in their order."""
    variables = dict(zip(getattr(declared, "__parameters__", ()), filled, strict=True))
    fields = []
    for name, hint in typing.get_type_hints(declared, include_extras=True).items():
        optional = typing.get_origin(hint) is NotRequired
        plain = typing.get_args(hint)[0] if optional else hint
        inside = tuple(variables[variable] for variable in getattr(plain, "__parameters__", ()))
        annotation = variables.get(plain, plain[inside] if inside else plain)
        fields.append(Field(name, read(annotation), optional))
    return Fields(declared, tuple(read(each) for each in filled), tuple(fields))


def _read_compound(origin: object, inner: tuple[Any, ...]) -> Accepts | None:
    if origin is Literal and all(isinstance(choice, str) for choice in inner):
        return OneOf(inner)
    if origin in (Union, types.UnionType):
        members = tuple(read(member) for member in inner if member is not types.NoneType)
        either = members[0] if len(members) == 1 else Either(members)
        return Nullable(either) if types.NoneType in inner else either
    if origin is list:
        return ListOf(read(inner[0]))
    if origin is dict and inner[0] is str:
        return RecordOf(read(inner[1]))
    if typing.is_typeddict(origin):
        return _read_fields(typing.cast("type", origin), inner)
    return None


def bind(args: Mapping[str, Value], parameters: Sequence[Parameter]) -> dict[str, Value]:
    """The keyword arguments for a function that has ``parameters``. Raises ``ArgumentValidationError``."""
    known = {parameter.name: parameter for parameter in parameters}
    faults = _missing(args, parameters) + _unknown(args, known)
    bound: dict[str, Value] = {}
    for name, value in args.items():
        parameter = known.get(name)
        if parameter is None or parameter.counts_as_absent(value):
            continue
        try:
            bound[name] = parameter.accepts.check(value)
        except Mismatch as mismatch:
            faults.append(f"'{path_text((name, *mismatch.path))}': {mismatch}.")
    if faults:
        accepted = ", ".join(parameter.text for parameter in parameters)
        raise ArgumentValidationError(f"{' '.join(faults)}\nAccepted: {{{accepted}}}")
    return bound


def found(value: Value) -> str:
    """What sort of value this is, in the words of the messages."""
    return next((word for sort, word in _SORTS if isinstance(value, sort)), "null")


def _check_within(accepts: Accepts, value: Value, *, part: PathPart) -> Value:
    try:
        return accepts.check(value)
    except Mismatch as mismatch:
        raise Mismatch(mismatch.found, expected=mismatch.expected, path=(part, *mismatch.path)) from None


def _missing(args: Mapping[str, Value], parameters: Sequence[Parameter]) -> list[str]:
    names = [parameter.name for parameter in parameters if not parameter.optional and parameter.name not in args]
    return [f"Missing: {_listed(names)}."] if names else []


def _unknown(args: Mapping[str, Value], known: Mapping[str, Parameter]) -> list[str]:
    names = [name for name in args if name not in known]
    return [f"Unknown: {_listed(names)}."] if names else []


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{shorten(name)}'" for name in names[:_NAMES_SHOWN])
    return shown + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")
