"""What functions say they answer: read from their annotations, held against values, written as TypeScript."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

import pytest

from rufaa.sync import answers, typescript
from rufaa.sync.arguments import Mismatch
from rufaa.sync.registry import Function, Registry
from rufaa.sync.values import Value

Row = TypeVar("Row")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(TypedDict):
    """A part of a thing."""

    weight: float  # in grams */ and more


class Thing(TypedDict):
    """A thing."""

    name: str
    colour: Colour
    parts: list[Part]
    kind: NotRequired[Literal["big"] | None]
    more: NotRequired[dict[str, bool] | str]
    anything: NotRequired[Value]


class Pages(TypedDict, Generic[Row]):
    """A page."""

    page: list[Row]
    first: Row
    isDone: bool


class NotYet:
    """What the runtime makes an answer of."""


def get(caller: object, *, name: str) -> Thing | None:
    """One thing."""


def things(
    caller: object,
    *,
    colour: Colour | None = None,
    paginationOpts: dict[str, Value] | None = None,  # noqa: N803 - the wire's own spelling
) -> Pages[Thing] | list[Thing]:
    """Things."""
    return []


def make(caller: object, *, tags: list[str], note: float | str = "") -> NotYet | str:
    """Make one."""
    return ""


def silent(caller: object):  # type: ignore[no-untyped-def]
    """Says nothing."""


def strange(caller: object) -> set[str]:
    """Answers what no wire has."""
    return set()


@pytest.fixture
def registry() -> Registry:
    registry = Registry(ambient={"demoUserId": str})
    module = registry.module("things")
    module.query(get)
    module.query(things)
    module.mutation(make)
    module.action(make)
    registry.module("odd").query(silent)
    registry.module("odd").query(strange)
    return registry


def the(registry: Registry, name: str) -> Function:
    function = registry.get(name)
    assert function is not None
    return function


def whole() -> dict[str, Any]:
    return {"name": "box", "colour": "red", "parts": [{"weight": 1.5}]}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        whole(),
        whole() | {"kind": None, "more": "words", "anything": [1.0]},
        whole() | {"kind": "big", "more": {"a": True}, "parts": []},
    ],
)
def test_what_is_declared_is_accepted(registry: Registry, answer: Any) -> None:
    assert answers.of(the(registry, "things:get")).check(answer) == answer


@pytest.mark.parametrize(
    ("answer", "path", "says"),
    [
        ("box", (), "expected Thing, got string"),
        ({"name": "box", "colour": "red"}, (), "expected Thing, got an object without 'parts'"),
        (whole() | {"size": 1.0}, (), "expected Thing, got the unknown field 'size'"),
        (whole() | {"colour": "green"}, ("colour",), 'expected "red" | "blue", got another string'),
        (whole() | {"name": None}, ("name",), "expected string, got null"),
        (whole() | {"parts": [{}]}, ("parts", 0), "expected Part, got an object without 'weight'"),
        (whole() | {"parts": [{"weight": "1"}]}, ("parts", 0, "weight"), "expected number, got string"),
        (whole() | {"kind": "small"}, ("kind",), 'expected "big", got another string'),
        (whole() | {"more": 1.0}, ("more",), "expected object of boolean | string, got number"),
    ],
)
def test_what_is_not_declared_is_no_answer(registry: Registry, answer: Any, path: tuple[Any, ...], says: str) -> None:
    with pytest.raises(Mismatch) as refused:
        answers.of(the(registry, "things:get")).check(answer)

    assert (refused.value.path, str(refused.value)) == (path, says)


def test_a_page_is_of_its_rows(registry: Registry) -> None:
    shape = answers.of(the(registry, "things:things"))

    assert shape.check({"page": [whole()], "first": whole(), "isDone": True})
    assert shape.check([whole()]) == [whole()]
    with pytest.raises(Mismatch):
        shape.check({"page": [{"weight": 1.5}], "first": whole(), "isDone": True})
    with pytest.raises(Mismatch):
        shape.check({"page": [], "first": None, "isDone": True})


def test_what_the_runtime_makes_an_answer_of_is_none_itself(registry: Registry) -> None:
    make_one = the(registry, "things:make")

    assert answers.of(make_one, besides=(NotYet,)).text == "string"
    with pytest.raises(TypeError, match=r"things:make: .*NotYet"):
        answers.of(make_one)


def test_an_annotation_that_is_missing_or_no_values_is_refused(registry: Registry) -> None:
    with pytest.raises(TypeError, match="odd:silent does not say what it answers"):
        answers.of(the(registry, "odd:silent"))
    with pytest.raises(TypeError, match="odd:strange: set"):
        answers.of(the(registry, "odd:strange"))


EXPECTED = """\
import type { FunctionReference, PaginationOptions, PaginationResult } from "convex/server";

/** A part of a thing. */
export interface Part {
  /** in grams * / and more */
  weight: number;
}

/** A thing. */
export interface Thing {
  name: string;
  colour: "red" | "blue";
  parts: Array<Part>;
  kind?: "big" | null;
  more?: Record<string, boolean> | string;
  anything?: any;
}

/** Every function. A list is read whole through it, up to its limit. */
export declare const api: {
  things: {
    /** One thing. */
    get: FunctionReference<"query", "public", { name: string; demoUserId?: string | null }, Thing | null>;
    /** Make one. */
    make: FunctionReference<"mutation", "public", { tags: Array<string>; note?: number | string; \
demoUserId?: string | null }, string>;
    /** Things. */
    things: FunctionReference<"query", "public", { colour?: "red" | "blue" | null; demoUserId?: string | null }, \
Array<Thing>>;
  };
};

/** Lists in pages, for `usePaginatedQuery`. */
export declare const paginated: {
  things: {
    /** Things. */
    things: FunctionReference<"query", "public", { colour?: "red" | "blue" | null; \
paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Thing>>;
  };
};

/** What can be called as an action besides, for `useAction`. */
export declare const actions: {
  things: {
    /** Make one. */
    make: FunctionReference<"action", "public", { tags: Array<string>; note?: number | string; \
demoUserId?: string | null }, string>;
  };
};
"""


def test_all_of_it_as_typescript(registry: Registry) -> None:
    functions = [function for function in registry.functions() if not function.name.startswith("odd:")]

    text = typescript.declarations(functions, answers=lambda each: answers.of(each, besides=(NotYet,)), page=Pages)

    assert text == EXPECTED


def test_two_documents_of_one_name_are_refused() -> None:
    class Part(TypedDict):
        """Another part."""

        name: str

    def other(caller: object) -> Part:
        return {"name": ""}

    other.__annotations__["return"] = Part
    registry = Registry()
    registry.module("things").query(get)
    registry.module("things").query(other)

    with pytest.raises(TypeError, match="two TypedDicts are called Part"):
        typescript.declarations(registry.functions(), answers=answers.of, page=Pages)


def test_a_module_in_a_folder_is_refused() -> None:
    registry = Registry()
    registry.module("dir/things").query(get)

    with pytest.raises(TypeError, match="dir/things:get: a module in a folder"):
        typescript.declarations(registry.functions(), answers=answers.of, page=Pages)
