"""Registering functions, and holding arguments against their annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from rufaa.sync import values
from rufaa.sync.arguments import ArgumentValidationError
from rufaa.sync.names import BadName
from rufaa.sync.registry import Arguments, Function, FunctionKind, Registry
from rufaa.sync.values import Int64, Value


def send(
    caller: object,
    *,
    author: str,
    urgent: bool,
    amount: float | None = None,
    status: Literal["pending", "paid"] = "pending",
    tags: list[str] | None = None,
    options: dict[str, Value] | None = None,
    grid: list[list[float]] | None = None,
    note: str = "",
    reviewer: str | None,
    anything: object = None,
    results: str | list[float] | None = None,
    number_or_word: float | Literal["all"] = "all",
    either: values.Value = None,
) -> None:
    """Send it.

    To whoever.
    """


@pytest.fixture
def registry() -> Registry:
    registry = Registry(ambient={"demoUserId": str})
    registry.module("messages").mutation(send)
    return registry


def the(registry: Registry, name: str = "messages:send") -> Function:
    function = registry.get(name)
    assert function is not None
    return function


REQUIRED: dict[str, Value] = {"author": "a", "urgent": True, "reviewer": "r"}


def test_a_query_may_have_another_name_than_its_python_function(registry: Registry) -> None:
    def list_(caller: object, *, search: str = "") -> list[str]:
        """Lists."""
        return []

    assert registry.module("messages").query(name="list")(list_) is list_

    assert the(registry, "messages:list").handler is list_
    assert registry.get("messages:list_") is None
    with pytest.raises(BadName):
        registry.module("messages").query(name="no name")(list_)


def test_a_function_can_be_looked_up_and_described(registry: Registry) -> None:
    function = the(registry)
    assert registry.functions() == [function]
    assert registry.get("messages:other") is None
    assert (function.name, function.kinds, function.handler) == ("messages:send", (FunctionKind.MUTATION,), send)
    assert function.doc == "Send it.\n\nTo whoever."
    assert [parameter.text for parameter in function.parameters] == [
        "author: string",
        "urgent: boolean",
        "amount?: number",
        'status?: "pending" | "paid"',
        "tags?: list of string",
        "options?: object of any value",
        "grid?: list of list of number",
        "note?: string",
        "reviewer: string | null",
        "anything?: any value",
        "results?: string | list of number",
        'number_or_word?: number | "all"',
        "either?: any value",
    ]
    assert [parameter.text for parameter in function.ambient] == ["demoUserId?: string"]


def test_functions_are_listed_by_name(registry: Registry) -> None:
    registry.module("a/b").query(send)
    registry.module("z").action(send)
    assert [function.name for function in registry.functions()] == ["a/b:send", "messages:send", "z:send"]


def test_arguments_become_keyword_arguments_and_ambient_ones_apart(registry: Registry) -> None:
    bound = the(registry).bind(
        {
            **REQUIRED,
            "amount": Int64(1000),
            "tags": ["x"],
            "options": {"id": Int64(1)},
            "grid": [[1.0, Int64(2)]],
            "anything": b"x",
            "results": [Int64(3)],
            "number_or_word": "all",
            "demoUserId": "u",
        }
    )
    assert bound == Arguments(
        own={
            **REQUIRED,
            "amount": 1000.0,
            "tags": ["x"],
            "options": {"id": Int64(1)},
            "grid": [[1.0, 2.0]],
            "anything": b"x",
            "results": [3.0],
            "number_or_word": "all",
        },
        ambient={"demoUserId": "u"},
    )
    assert type(bound.own["amount"]) is float


def test_null_counts_as_absent_where_the_default_says_it_may(registry: Registry) -> None:
    given: dict[str, Value] = {**REQUIRED, "reviewer": None, "amount": None, "tags": None, "demoUserId": None}
    assert the(registry).bind(given) == Arguments(own={**REQUIRED, "reviewer": None}, ambient={})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"author": 1.0}, "'author': expected string, got number."),
        ({"author": None}, "'author': expected string, got null."),
        ({"note": None}, "'note': expected string, got null."),
        ({"urgent": "yes"}, "'urgent': expected boolean, got string."),
        ({"urgent": 1.0}, "'urgent': expected boolean, got number."),
        ({"amount": "1000"}, "'amount': expected number, got string."),
        ({"amount": True}, "'amount': expected number, got boolean."),
        ({"amount": Int64(2**53 + 1)}, "'amount': expected number, got bigint."),
        ({"status": "Paid"}, '\'status\': expected "pending" | "paid", got another string.'),
        ({"status": ["paid"]}, '\'status\': expected "pending" | "paid", got list.'),
        ({"tags": "x"}, "'tags': expected list of string, got string."),
        ({"tags": ["x", b"y"]}, "'tags[1]': expected string, got bytes."),
        ({"options": []}, "'options': expected object of any value, got list."),
        ({"grid": [[1.0], [1.0, {}]]}, "'grid[1][1]': expected number, got object."),
        ({"results": [1.0, "x"]}, "'results': expected string | list of number, got list."),
        ({"number_or_word": "some"}, "'number_or_word': expected number | \"all\", got string."),
        ({"number_or_word": None}, "'number_or_word': expected number | \"all\", got null."),
        ({"amuont": 1.0}, "Unknown: 'amuont'."),
        ({"demoUserId": 7.0}, "'demoUserId': expected string, got number."),
        ({"p" * 1024: 1.0}, f"Unknown: '{'p' * 40}…'."),
        (
            dict.fromkeys("qrstuvw"),
            "Unknown: 'q', 'r', 's', 't', 'u' and 2 more.",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_accepted(
    registry: Registry, changed: dict[str, Value], fault: str
) -> None:
    with pytest.raises(ArgumentValidationError) as refused:
        the(registry).bind({**REQUIRED, **changed})
    first, accepted = str(refused.value).split("\n")
    assert first == fault
    assert accepted == (
        'Accepted: {author: string, urgent: boolean, amount?: number, status?: "pending" | "paid", '
        "tags?: list of string, options?: object of any value, grid?: list of list of number, note?: string, "
        "reviewer: string | null, anything?: any value, results?: string | list of number, "
        'number_or_word?: number | "all", either?: any value, demoUserId?: string}'
    )


def test_all_faults_are_named_at_once_and_no_value_is_repeated(registry: Registry) -> None:
    with pytest.raises(ArgumentValidationError) as refused:
        the(registry).bind({"author": ["a secret"], "other": "a secret", "status": "a secret"})
    assert str(refused.value).startswith(
        "Missing: 'urgent', 'reviewer'. Unknown: 'other'. 'author': expected string, got list. "
        '\'status\': expected "pending" | "paid", got another string.\nAccepted: {'
    )
    assert "secret" not in str(refused.value)


def test_stacked_decorators_make_one_function_of_two_kinds() -> None:
    registry = Registry()
    module = registry.module("mpesa")

    @module.action
    @module.mutation
    def push(caller: object) -> None: ...

    assert the(registry, "mpesa:push").kinds == (FunctionKind.MUTATION, FunctionKind.ACTION)


def test_a_name_is_taken_once() -> None:
    module = Registry().module("messages")
    module.mutation(send)
    with pytest.raises(TypeError, match="messages:send is registered twice"):
        module.mutation(send)

    def other(caller: object) -> None: ...

    other.__name__ = "send"
    with pytest.raises(TypeError, match="messages:send is registered twice"):
        module.action(other)


def test_a_query_is_nothing_else() -> None:
    module = Registry().module("messages")
    module.query(send)
    with pytest.raises(TypeError, match="a query only reads"):
        module.mutation(send)


def no_caller() -> None: ...
def keyword_caller(*, caller: object) -> None: ...
def positional(caller: object, name: str) -> None: ...
def starred(caller: object, *names: str) -> None: ...
def keywords(caller: object, **names: str) -> None: ...
def bare(caller, *, name) -> None: ...  # type: ignore[no-untyped-def]
def integer(caller: object, *, name: int) -> None: ...
def numbers(caller: object, *, name: Literal[1, 2]) -> None: ...
def union(caller: object, *, name: str | int) -> None: ...
def number_keys(caller: object, *, name: dict[float, str]) -> None: ...
def inner(caller: object, *, name: list[int] | None = None) -> None: ...
def ambient(caller: object, *, demoUserId: str) -> None: ...  # noqa: N803 - the wire's spelling


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (no_caller, "the first parameter is the caller"),
        (keyword_caller, "the first parameter is the caller"),
        (positional, "keyword-only parameters, not name"),
        (starred, "keyword-only parameters, not names"),
        (keywords, "keyword-only parameters, not names"),
        (bare, "name has no annotation"),
        (integer, "<class 'int'> cannot annotate an argument"),
        (numbers, "cannot annotate an argument"),
        (union, "<class 'int'> cannot annotate an argument"),
        (number_keys, "cannot annotate an argument"),
        (inner, "<class 'int'> cannot annotate an argument"),
        (ambient, "demoUserId is an ambient argument"),
    ],
)
def test_a_function_that_cannot_be_served_is_refused_at_once(handler: Callable[..., Any], message: str) -> None:
    registry = Registry(ambient={"demoUserId": str})
    with pytest.raises(TypeError, match=message):
        registry.module("m").query(handler)
    assert registry.functions() == []


@pytest.mark.parametrize("name", ["m.js", "", "a//b", "m:f"])
def test_a_module_is_registered_by_its_plain_name(name: str) -> None:
    with pytest.raises(BadName):
        Registry().module(name)
