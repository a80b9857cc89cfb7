"""One call of a function, from the JSON of its arguments to the JSON of its outcome.

What holds for every call, whichever way it came, is here: the lookup, the validation, the deadline, that a mutation
once begun is never cancelled, and what a failure tells the caller. How it is written on the wire is the edge's part.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from rufaa import metrics
from rufaa.errors import RufaaError
from rufaa.log import trace
from rufaa.sync import names, values
from rufaa.sync.arguments import ArgumentValidationError
from rufaa.sync.registry import Arguments, Function, FunctionKind, Registry
from rufaa.sync.runtime import Identity, Once, Overloaded, Runtime
from rufaa.sync.values import InvalidValue, JsonValue

MAX_RESULT: Final = 16 * 1024 * 1024  # characters of JSON
_ID_BEGINS: Final = "[Request ID: "
_log: Final = logging.getLogger("rufaa.sync")


class Form(StrEnum):
    """How values are written in an answer (protocol §2.1)."""

    WIRE = "convex_encoded_json"
    PLAIN = "json"


@dataclass(frozen=True, slots=True)
class Success:
    """``text`` is the JSON of the value, in the form that was asked for. Equal values have equal texts.

    ``ts_ns`` is when it was committed, for a mutation that was to run once.
    """

    text: str
    ts_ns: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """The function failed, or was refused as a function. Never an HTTP status of its own (protocol §2.2)."""

    message: str
    invalid: bool = False  # it was not even begun


@dataclass(frozen=True, slots=True)
class ApplicationFailure:
    """The function refused (a ``RufaaError``): the client throws ``ConvexError`` with ``data``."""

    message: str
    data: JsonValue


Outcome = Success | Failure | ApplicationFailure


class TookTooLong(Exception):
    """The deadline passed. ``may_be_done``: it was left running, and may yet take effect."""

    def __init__(self, *, may_be_done: bool) -> None:
        super().__init__("deadline passed")
        self.may_be_done = may_be_done


@dataclass(frozen=True, slots=True)
class Named:
    """A mutation under the client's own numbers for it (``runtime.Once``)."""

    session: uuid.UUID
    request: int
    digest: bytes
    floor_ns: int


@dataclass(frozen=True, slots=True)
class _Call:
    """A call whose arguments are valid."""

    function: Function
    kind: FunctionKind
    identity: Identity | None
    arguments: Arguments
    form: Form
    request_id: str
    named: Named | None


class Calls:
    """Runs functions of ``registry`` with ``runtime``.

    ``deadline_s`` is how long a caller waits; ``most_running`` bounds what runs at once, including mutations whose
    caller has gone. ``development`` shows callers the text of unexpected errors.
    """

    def __init__(
        self, registry: Registry, runtime: Runtime, *, development: bool, deadline_s: float, most_running: int
    ) -> None:
        self._registry = registry
        self._runtime = runtime
        self._development = development
        self._deadline_s = deadline_s
        self._most_running = most_running
        self._running: set[asyncio.Task[Outcome]] = set()

    async def call(
        self,
        name: str,
        *,
        kind: FunctionKind | None,
        args: JsonValue,
        identity: Identity | None,
        form: Form,
        named: Named | None = None,
    ) -> Outcome:
        """Call the function with the canonical ``name``; ``kind`` None means the one it is registered as.

        ``args`` is an object, or a list of one object. A ``named`` mutation runs once, however often it is called, and
        its text is of the wire form. Raises ``Overloaded`` and ``TookTooLong``.
        """
        function = self._registry.get(name)
        kind = kind if function is None else kind or function.kinds[0]
        began, status = time.monotonic(), "abandoned"
        try:
            outcome = await self._call(name, function, kind=kind, args=args, identity=identity, form=form, named=named)
            status = _status(outcome)
        except Overloaded:
            status = "overloaded"
            raise
        except TookTooLong:
            status = "slow"
            raise
        finally:
            known = None if function is None else function.name
            metrics.called(known, kind, status, took_s=time.monotonic() - began)
        return outcome

    async def _call(
        self,
        name: str,
        function: Function | None,
        *,
        kind: FunctionKind | None,
        args: JsonValue,
        identity: Identity | None,
        form: Form,
        named: Named | None,
    ) -> Outcome:
        request_id = secrets.token_hex(8)
        if function is None:
            return Failure(_message(request_id, f"Could not find public function for '{name}'."), invalid=True)
        assert kind is not None
        if kind not in function.kinds:
            return Failure(_message(request_id, _wrong_kind(function, kind)), invalid=True)
        try:
            arguments = function.bind(_decoded(args))
        except InvalidValue as error:
            return Failure(_message(request_id, f"Invalid arguments for {names.as_file(name)}: {error}"), invalid=True)
        except ArgumentValidationError as error:
            return Failure(_message(request_id, f"ArgumentValidationError: {error}"), invalid=True)
        return await self._run(_Call(function, kind, identity, arguments, form, request_id, named))

    async def aclose(self) -> int:
        """Let what runs finish, for as long as a caller would wait. Returns how many calls are still running then."""
        if self._running:
            await asyncio.wait(self._running, timeout=self._deadline_s)
        return len(self._running)

    async def _run(self, call: _Call) -> Outcome:
        if len(self._running) >= self._most_running:
            raise Overloaded
        task = asyncio.create_task(self._execute(call), name=f"function {call.function.name} {call.request_id}")
        self._running.add(task)
        task.add_done_callback(self._finished)
        may_be_cancelled = call.kind is FunctionKind.QUERY
        try:
            # wait() neither cancels the task when this caller is cancelled, nor when the time is up
            await asyncio.wait({task}, timeout=self._deadline_s)
        except asyncio.CancelledError:
            if may_be_cancelled:
                task.cancel()
            raise
        if task.done():
            return task.result()
        _log.error(
            "function.slow request_id=%s function=%s kind=%s", call.request_id, call.function.name, call.kind.value
        )
        if may_be_cancelled:
            task.cancel()
        raise TookTooLong(may_be_done=not may_be_cancelled)

    def _finished(self, task: asyncio.Task[Outcome]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have gone: an Overloaded that nobody awaits is not worth a warning

    async def _execute(self, call: _Call) -> Outcome:
        try:
            if call.named is not None:
                return await self._once(call, call.named)
            result = await self._runtime.run(
                call.function, call.kind, call.identity, call.arguments.ambient, call.arguments.own
            )
            return Success(_result(result, form=call.form))
        except (Overloaded, TookTooLong):
            raise
        except RufaaError as error:
            try:
                return _refused(error, call=call)
            except InvalidValue as unwritable:
                return self._unexpected(unwritable, call=call)
        except Exception as error:  # noqa: BLE001 - whatever a function raises must be answered, never drop the caller
            return self._unexpected(error, call=call)

    async def _once(self, call: _Call, named: Named) -> Success:
        assert call.kind is FunctionKind.MUTATION
        once = Once(
            named.session, named.request, named.digest, named.floor_ns, lambda result: _result(result, form=Form.WIRE)
        )
        committed = await self._runtime.run_once(
            call.function, call.identity, call.arguments.ambient, call.arguments.own, once
        )
        return Success(committed.text, committed.ts_ns)

    def _unexpected(self, error: Exception, *, call: _Call) -> Failure:
        """Log without the exception's own text, which may quote arguments, unless this is development."""
        _log.error(
            "function.failed request_id=%s function=%s kind=%s error=%s",
            call.request_id,
            call.function.name,
            call.kind.value,
            trace(error),
            exc_info=error if self._development else None,
        )
        shown = f"Uncaught {type(error).__name__}: {_utf8(str(error))}" if self._development else ""
        return Failure(_message(call.request_id, shown))


def _status(outcome: Outcome) -> str:
    match outcome:
        case Success():
            return "ok"
        case ApplicationFailure():
            return "refused"
        case Failure(invalid=invalid):
            return "invalid" if invalid else "failed"
        case _:
            assert_never(outcome)


def _decoded(args: JsonValue) -> Mapping[str, values.Value]:
    """The arguments by name. Raises ``InvalidValue``."""
    if isinstance(args, list):
        if len(args) != 1:
            raise InvalidValue(f"Expected one object with the arguments, got {len(args)} values")
        args = args[0]
    decoded = values.decode(args)
    if not isinstance(decoded, dict):
        raise InvalidValue("The arguments must be an object")
    return decoded


def _result(result: object, *, form: Form) -> str:
    text = values.dumps(_written(result, form=form))
    if len(text) > MAX_RESULT:
        raise InvalidValue(f"The return value is too large (actual: {len(text)}, limit: {MAX_RESULT})")
    return text


def _refused(error: RufaaError, *, call: _Call) -> ApplicationFailure:
    data: dict[str, object] = {"code": error.code, "message": error.message, "data": error.data}
    text = values.dumps(_written(data, form=Form.WIRE))
    return ApplicationFailure(
        _message(call.request_id, f"Uncaught ConvexError: {text}"), data=_written(data, form=call.form)
    )


def _written(value: object, *, form: Form) -> JsonValue:
    match form:
        case Form.WIRE:
            return values.encode(value)
        case Form.PLAIN:
            return values.encode_plain(value)
        case _:
            assert_never(form)


def message(text: str) -> str:
    """The text of a failure before any function was looked up."""
    return _message(secrets.token_hex(8), text)


def _message(request_id: str, text: str) -> str:
    return f"{_ID_BEGINS}{request_id}] Server Error" + (f"\n{text}" if text else "")


def same(one: Outcome, other: Outcome) -> bool:
    """Whether a client that shows ``one`` has nothing new in ``other``: the ids of their runs do not count."""
    match one, other:
        case (Failure(message), Failure(new)):
            return one.invalid == other.invalid and _without_id(message) == _without_id(new)
        case (ApplicationFailure(message, data), ApplicationFailure(new, new_data)):
            return data == new_data and _without_id(message) == _without_id(new)
        case _:
            return one == other


def _without_id(message: str) -> str:
    return message.partition("] ")[2] if message.startswith(_ID_BEGINS) else message


def _wrong_kind(function: Function, kind: FunctionKind) -> str:
    defined = " and ".join(each.value.capitalize() for each in function.kinds)
    name = names.as_file(function.name)
    return f"Trying to execute {name} as {kind.value.capitalize()}, but it is defined as {defined}."


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
