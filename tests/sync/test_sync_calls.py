"""What holds for every call: it is answered, within its deadline, and a mutation once begun is never cancelled."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest

from rufaa.sync.calls import ApplicationFailure, Calls, Failure, Form, Outcome, Success, TookTooLong
from rufaa.sync.registry import FunctionKind, Registry
from rufaa.sync.runtime import Overloaded

MESSAGE = re.compile(r"\[Request ID: [0-9a-f]{16}\] Server Error(?:\n(.*))?", re.DOTALL)


@pytest.fixture
def registry(make_registry: Any) -> Registry:
    built: Registry = make_registry()
    return built


def make_calls(
    registry: Registry, runtime: Any, *, development: bool = False, deadline_s: float = 10.0, most_running: int = 10
) -> Calls:
    return Calls(registry, runtime, development=development, deadline_s=deadline_s, most_running=most_running)


async def call(
    calls: Calls, name: str, kind: FunctionKind | None = FunctionKind.QUERY, args: Any = None, form: Form = Form.WIRE
) -> Outcome:
    return await calls.call(name, kind=kind, args={} if args is None else args, identity="somebody", form=form)


def text_of(outcome: Outcome) -> str | None:
    """The message after the line with the request id."""
    assert isinstance(outcome, Failure | ApplicationFailure)
    match = MESSAGE.fullmatch(outcome.message)
    assert match, outcome.message
    return match[1]


def test_a_result_is_json_text_in_the_form_asked_for(registry: Registry, runtime: Any) -> None:
    calls = make_calls(registry, runtime)
    args = {"v": {"b": {"$integer": "BwAAAAAAAAA="}, "a": 1}}
    assert asyncio.run(call(calls, "values:echo", args=args)) == Success('{"a":1.0,"b":{"$integer":"BwAAAAAAAAA="}}')
    assert asyncio.run(call(calls, "values:echo", args=[args], form=Form.PLAIN)) == Success('{"a":1.0,"b":"7"}')


def test_identity_and_ambient_arguments_reach_the_runtime(registry: Registry, runtime: Any) -> None:
    calls = make_calls(registry, runtime)
    outcome = asyncio.run(call(calls, "auth:whoami", args={"demoUserId": "admin"}))
    assert outcome == Success('{"ambient":{"demoUserId":"admin"},"identity":"somebody"}')


@pytest.mark.parametrize(
    ("name", "kind", "args", "message"),
    [
        ("no:such", FunctionKind.QUERY, {}, "Could not find public function for 'no:such'."),
        (
            "counter:inc",
            FunctionKind.QUERY,
            {},
            "Trying to execute counter.js:inc as Query, but it is defined as Mutation.",
        ),
        (
            "counter:get",
            FunctionKind.ACTION,
            {},
            "Trying to execute counter.js:get as Action, but it is defined as Query.",
        ),
        (
            "both:echo",
            FunctionKind.QUERY,
            {},
            "Trying to execute both.js:echo as Query, but it is defined as Mutation and Action.",
        ),
        (
            "counter:get",
            FunctionKind.QUERY,
            {"name": {"$integer": "x"}},
            (
                "Invalid arguments for counter.js:get: $integer must hold base64 text of the standard alphabet, padded "
                "(at name)"
            ),
        ),
        (
            "counter:get",
            FunctionKind.QUERY,
            [{}, {}],
            "Invalid arguments for counter.js:get: Expected one object with the arguments, got 2 values",
        ),
        (
            "counter:get",
            FunctionKind.QUERY,
            [7],
            "Invalid arguments for counter.js:get: The arguments must be an object",
        ),
        (
            "counter:get",
            FunctionKind.QUERY,
            {"$bytes": "AQID"},
            "Invalid arguments for counter.js:get: The arguments must be an object",
        ),
        (
            "counter:get",
            FunctionKind.QUERY,
            {"name": 7},
            (
                "ArgumentValidationError: 'name': expected string, got number.\n"
                "Accepted: {name?: string, demoUserId?: string}"
            ),
        ),
    ],
)
def test_what_cannot_be_run_fails_as_a_function(
    registry: Registry, runtime: Any, *, name: str, kind: FunctionKind, args: Any, message: str
) -> None:
    outcome = asyncio.run(call(make_calls(registry, runtime), name, kind, args))
    assert isinstance(outcome, Failure)
    assert text_of(outcome) == message


def test_a_function_of_two_kinds_runs_as_either_and_by_default_as_the_first(registry: Registry, runtime: Any) -> None:
    calls = make_calls(registry, runtime)
    for kind in (FunctionKind.MUTATION, FunctionKind.ACTION, None):
        assert asyncio.run(call(calls, "both:echo", kind, {"v": "x"})) == Success('"x"')


def test_a_refusal_carries_code_message_and_data(registry: Registry, runtime: Any) -> None:
    calls = make_calls(registry, runtime)
    wire = asyncio.run(call(calls, "errors:convexQuery"))
    assert isinstance(wire, ApplicationFailure)
    assert wire.data == {
        "code": "not-there",
        "message": "No such thing",
        "data": {"n": {"$integer": "BwAAAAAAAAA="}},
    }
    text = (
        'Uncaught ConvexError: {"code":"not-there","data":{"n":{"$integer":"BwAAAAAAAAA="}},"message":"No such thing"}'
    )
    assert text_of(wire) == text
    plain = asyncio.run(call(calls, "errors:convexQuery", form=Form.PLAIN))
    assert isinstance(plain, ApplicationFailure)
    assert plain.data == {"code": "not-there", "message": "No such thing", "data": {"n": "7"}}
    assert text_of(plain) == text


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("errors:plainQuery", FunctionKind.QUERY, "LookupError"),
        ("errors:result", FunctionKind.QUERY, "InvalidValue"),
        ("errors:huge", FunctionKind.QUERY, "InvalidValue"),
        ("errors:unwritable", FunctionKind.MUTATION, "InvalidValue"),
    ],
)
def test_an_unexpected_error_is_withheld_and_logged_without_its_text(
    registry: Registry, runtime: Any, caplog: pytest.LogCaptureFixture, *, name: str, kind: FunctionKind, error: str
) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = asyncio.run(call(make_calls(registry, runtime), name, kind))
    assert isinstance(outcome, Failure)
    assert text_of(outcome) is None
    [record] = caplog.records
    line = record.getMessage()
    request_id = outcome.message[13:29]
    assert line.startswith(f"function.failed request_id={request_id} function={name} kind={kind} error={error} at ")
    assert "calls.py:" in line
    assert "254708374149" not in caplog.text


def test_development_shows_an_unexpected_error(registry: Registry, runtime: Any) -> None:
    outcome = asyncio.run(call(make_calls(registry, runtime, development=True), "errors:plainQuery"))
    assert isinstance(outcome, Failure)
    assert text_of(outcome) == "Uncaught LookupError: 254708374149 is not in the table"


def test_overload_is_not_an_outcome(registry: Registry, runtime: Any) -> None:
    with pytest.raises(Overloaded):
        asyncio.run(call(make_calls(registry, runtime), "errors:busy"))


def test_a_mutation_outlives_its_deadline_and_finishes(registry: Registry, runtime: Any) -> None:
    async def story() -> None:
        calls = make_calls(registry, runtime, deadline_s=0.05)
        with pytest.raises(TookTooLong) as late:
            await call(calls, "slow:mutation", FunctionKind.MUTATION)
        assert late.value.may_be_done
        assert runtime.done == []
        runtime.may_end.set()
        await asyncio.to_thread(runtime.ended.wait, 10)
        assert await calls.aclose() == 0

    asyncio.run(story())
    assert runtime.done == ["mutation"]


def test_a_query_is_cancelled_at_its_deadline(registry: Registry, runtime: Any) -> None:
    async def story() -> None:
        calls = make_calls(registry, runtime, deadline_s=0.05)
        with pytest.raises(TookTooLong) as late:
            await call(calls, "slow:query")
        assert not late.value.may_be_done
        runtime.may_end.set()
        assert await calls.aclose() == 0

    asyncio.run(story())
    assert runtime.done == []


@pytest.mark.parametrize(
    ("name", "kind", "done"),
    [("slow:mutation", FunctionKind.MUTATION, ["mutation"]), ("slow:query", FunctionKind.QUERY, [])],
)
def test_a_caller_that_goes_away_stops_a_query_but_never_a_mutation(
    registry: Registry, runtime: Any, name: str, kind: FunctionKind, done: list[str]
) -> None:
    async def story() -> None:
        calls = make_calls(registry, runtime)
        caller = asyncio.create_task(call(calls, name, kind))
        await asyncio.to_thread(runtime.began.wait, 10)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        runtime.may_end.set()
        assert await calls.aclose() == 0

    asyncio.run(story())
    assert runtime.done == done


def test_closing_waits_no_longer_than_a_caller(registry: Registry, runtime: Any) -> None:
    async def story() -> None:
        calls = make_calls(registry, runtime, deadline_s=0.05)
        with pytest.raises(TookTooLong):
            await call(calls, "slow:mutation", FunctionKind.MUTATION)
        assert await calls.aclose() == 1
        runtime.may_end.set()

    asyncio.run(story())


def test_calls_left_running_count_against_the_bound(registry: Registry, runtime: Any) -> None:
    async def story() -> None:
        calls = make_calls(registry, runtime, deadline_s=0.05, most_running=1)
        with pytest.raises(TookTooLong):
            await call(calls, "slow:mutation", FunctionKind.MUTATION)
        with pytest.raises(Overloaded):
            await call(calls, "counter:get")
        runtime.may_end.set()
        await asyncio.to_thread(runtime.ended.wait, 10)
        assert await calls.aclose() == 0
        assert await call(calls, "counter:get") == Success("0.0")

    asyncio.run(story())
