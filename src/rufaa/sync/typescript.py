"""The functions of a registry as TypeScript types, for front ends on the npm package ``convex``.

``api`` has every function under its first kind. What is a mutation and an action too is in ``actions`` as the latter,
and a list that can be read in pages is in ``paginated`` with the types that ``usePaginatedQuery`` wants.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from rufaa.sync.arguments import (
    Accepts,
    Boolean,
    Either,
    Fields,
    ListOf,
    Nullable,
    Number,
    OneOf,
    Parameter,
    RecordOf,
    Text,
)
from rufaa.sync.registry import Function, FunctionKind

PAGE_OPTIONS: Final = "paginationOpts"
"""The argument that asks for a page (protocol §6)."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_COMMENT: Final = re.compile(r"^    (\w+): .*?  # (.+)$", re.MULTILINE)


def declarations(functions: Iterable[Function], *, answers: Callable[[Function], Accepts], page: type) -> str:
    """The text of an ``api.d.ts``. ``answers`` tells the shape of a function's answers; ``page`` is the ``TypedDict``
    of a page, generic over its rows.
    """
    listed = list(functions)
    shapes = {function.name: answers(function) for function in listed}
    named: dict[str, Fields] = {}
    for shape in shapes.values():
        _gather(shape, named, page=page)
    lines = [
        'import type { FunctionReference, PaginationOptions, PaginationResult } from "convex/server";',
        *(line for fields in sorted(named.values(), key=lambda each: each.text) for line in _interface(fields)),
    ]
    lines += _constant(
        "api",
        "Every function. A list is read whole through it, up to its limit.",
        {
            function.name: (function, function.kinds[0], _own(function), _type(_whole(shapes[function.name], page)))
            for function in listed
        },
    )
    lines += _constant(
        "paginated",
        "Lists in pages, for `usePaginatedQuery`.",
        {
            function.name: (function, FunctionKind.QUERY, function.parameters, _type(only))
            for function in listed
            if (only := _page_of(shapes[function.name], page)) is not None
        },
    )
    lines += _constant(
        "actions",
        "What can be called as an action besides, for `useAction`.",
        {
            function.name: (function, kind, _own(function), _type(shapes[function.name]))
            for function in listed
            for kind in function.kinds[1:]
        },
    )
    return "\n".join(lines) + "\n"


_Entry = tuple[Function, FunctionKind, tuple[Parameter, ...], str]


def _constant(name: str, doc: str, entries: Mapping[str, _Entry]) -> Iterator[str]:
    yield from ("", f"/** {doc} */", f"export declare const {name}: {{")
    module = None
    for full, (function, kind, parameters, answer) in entries.items():
        home, _, own = full.rpartition(":")
        if "/" in home:
            raise TypeError(f"{full}: a module in a folder has no place in these types")
        if home != module:
            if module is not None:
                yield "  };"
            yield f"  {_key(home)}: {{"
            module = home
        yield f"    /** {_one_line(function.doc)} */"
        arguments = _arguments((*parameters, *function.ambient))
        yield f'    {_key(own)}: FunctionReference<"{kind}", "public", {arguments}, {answer}>;'
    if module is not None:
        yield "  };"
    yield "};"


def _own(function: Function) -> tuple[Parameter, ...]:
    return tuple(parameter for parameter in function.parameters if parameter.name != PAGE_OPTIONS)


def _arguments(parameters: Iterable[Parameter]) -> str:
    listed = []
    for parameter in parameters:
        if parameter.name == PAGE_OPTIONS:
            listed.append(f"{PAGE_OPTIONS}: PaginationOptions")
        else:
            listed.append(f"{_key(parameter.name)}{'?' if parameter.optional else ''}: {_type(parameter.accepts)}")
    return f"{{ {'; '.join(listed)} }}" if listed else "{}"


def _whole(shape: Accepts, page: type) -> Accepts:
    """What a list answers that is not asked for a page."""
    if isinstance(shape, Either):
        rest = tuple(member for member in shape.members if not _is_page(member, page))
        return rest[0] if len(rest) == 1 else Either(rest)
    return shape


def _page_of(shape: Accepts, page: type) -> Accepts | None:
    members = shape.members if isinstance(shape, Either) else (shape,)
    return next((member for member in members if _is_page(member, page)), None)


def _is_page(shape: Accepts, page: type) -> bool:
    return isinstance(shape, Fields) and shape.declared is page


def _gather(shape: Accepts, named: dict[str, Fields], *, page: type) -> None:
    """Every ``TypedDict`` in ``shape``, by the name that it has in TypeScript too."""
    match shape:
        case Fields(filled=filled):
            for each in filled:
                _gather(each, named, page=page)
            if shape.declared is page:
                return
            if named.setdefault(shape.text, shape) != shape:
                raise TypeError(f"two TypedDicts are called {shape.text}")
            for field in shape.fields:
                _gather(field.accepts, named, page=page)
        case Either(members=members):
            for member in members:
                _gather(member, named, page=page)
        case Nullable(inner=inner) | ListOf(inner=inner) | RecordOf(inner=inner):
            _gather(inner, named, page=page)
        case _:
            pass


def _interface(fields: Fields) -> Iterator[str]:
    comments = dict(_COMMENT.findall(inspect.getsource(fields.declared)))
    yield from ("", f"/** {_one_line(inspect.getdoc(fields.declared) or '')} */", f"export interface {fields.text} {{")
    for field in fields.fields:
        if field.name in comments:
            yield f"  /** {_one_line(comments[field.name])} */"
        yield f"  {_key(field.name)}{'?' if field.optional else ''}: {_type(field.accepts)};"
    yield "}"


def _type(shape: Accepts) -> str:
    match shape:
        case Text():
            return "string"
        case Number():
            return "number"
        case Boolean():
            return "boolean"
        case OneOf() | Nullable(inner=OneOf()):
            return shape.text
        case Nullable(inner=inner):
            return f"{_type(inner)} | null"
        case Either(members=members):
            return " | ".join(_type(member) for member in members)
        case ListOf(inner=inner):
            return f"Array<{_type(inner)}>"
        case RecordOf(inner=inner):
            return f"Record<string, {_type(inner)}>"
        case Fields(filled=(row,)):
            return f"PaginationResult<{_type(row)}>"
        case Fields():
            return shape.text
        case _:
            return "any"


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else f'"{name}"'


def _one_line(text: str) -> str:
    return " ".join(text.replace("*/", "* /").replace("``", "`").split())
