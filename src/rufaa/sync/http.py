"""The HTTP function API (protocol §2) as an ASGI application: ``/api/query``, ``/api/mutation``, ``/api/action``, …

Here a request becomes a call, and its outcome a status and a body. What a function failed with is always HTTP 200;
other statuses say that the request was bad or that the server could not take it. Nothing is decided about functions.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from rufaa.log import trace
from rufaa.sync import body, headers, request, timestamps, values
from rufaa.sync.calls import ApplicationFailure, Calls, Failure, Outcome, Success, TookTooLong
from rufaa.sync.refusal import BadRequest
from rufaa.sync.registry import FunctionKind, Registry
from rufaa.sync.request import Request
from rufaa.sync.runtime import AuthError, Identity, Overloaded, Runtime

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ROOT: Final = "/api/"
_RUN: Final = "run/"
_KINDS: Final = {
    "query": FunctionKind.QUERY,
    "query_at_ts": FunctionKind.QUERY,
    "mutation": FunctionKind.MUTATION,
    "action": FunctionKind.ACTION,
}
_AGAIN: Final = ((b"retry-after", b"5"),)
_log: Final = logging.getLogger("rufaa.sync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server holds and waits for. The body's is Convex's: 16 MiB of arguments and room for the rest."""

    body_bytes: int = 16 * 1024 * 1024 + 2000
    body_s: float = 30.0
    held_bytes: int = 64 * 1024 * 1024  # of all bodies being read or worked on
    call_s: float = 25.0
    running: int = 1000  # calls at once, including mutations whose caller has gone


@dataclass(frozen=True, slots=True)
class _Answer:
    """``close`` where the client may still be sending, and would be read for ever."""

    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False


class FunctionApi:
    """An ASGI 3 application for the ``http`` scope, serving everything under ``/api/``.

    ``development`` shows callers the text of unexpected errors. ``now_ns`` is the clock of consistent queries: those
    read the latest state, and are refused once their timestamp is older than 30 s. Call ``aclose`` before the event
    loop ends: mutations outlive their requests.
    """

    def __init__(
        self,
        registry: Registry,
        runtime: Runtime,
        *,
        development: bool,
        limits: Limits | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        limits = limits or Limits()
        self._runtime = runtime
        self._patience_s = limits.call_s
        self._now_ns = now_ns
        self.calls = Calls(
            registry, runtime, development=development, deadline_s=limits.call_s, most_running=limits.running
        )
        self._bodies = body.Bodies(most_bytes=limits.body_bytes, most_held=limits.held_bytes, deadline_s=limits.body_s)

    async def aclose(self) -> int:
        """Let what runs finish, within the deadline of a call. Returns how many calls are still running then."""
        return await self.calls.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"the function API serves http, not {scope['type']}")
        try:
            answer = await self._answer(scope, receive)
        except body.Disconnected:
            return
        await _send(send, answer, cors=headers.cors(scope["headers"]))

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        try:
            return await self._dispatch(scope, receive)
        except BadRequest as error:
            return _error(error.status, error.code, error.message, close=error.close)
        except AuthError as error:
            return _error(error.status, error.code, error.message)
        except Overloaded as error:
            return _error(503, "Overloaded", error.message, headers=_AGAIN)
        except TookTooLong as error:
            return _error(503, "SystemTimeoutError", _too_long(may_be_done=error.may_be_done), headers=_AGAIN)
        except body.Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: a caller is always answered
            _log.error("request.failed request_id=%s error=%s", secrets.token_hex(8), trace(error))
            return _error(500, "InternalServerError", "Your request couldn't be completed. Try again later.")

    async def _dispatch(self, scope: Scope, receive: Receive) -> _Answer:
        method = scope["method"]
        if method == "OPTIONS":
            return _Answer(204, "", headers=tuple(headers.preflight(scope["headers"])))
        endpoint = _endpoint(scope)
        allowed = _methods(endpoint)
        if method not in allowed:
            allow = ", ".join((*allowed, "OPTIONS")).encode()
            return _error(405, "MethodNotAllowed", f"Use {' or '.join(allowed)}", headers=((b"allow", allow),))
        form = headers.default_form(headers.get(scope["headers"], b"convex-client"))
        token = headers.bearer_token(headers.get(scope["headers"], b"authorization"))
        if endpoint == "query_ts":
            return _Answer(200, values.dumps({"ts": timestamps.encode(self._now_ns())}))
        if endpoint == "function":
            raise BadRequest("This needs an admin key, and none is accepted here", code="BadDeployKey", status=403)
        if method == "GET":
            asked = request.from_query_string(scope["query_string"], default=form)
            return await self._call(asked, kind=FunctionKind.QUERY, identity=await self._authenticate(token))
        if not headers.is_json(headers.get(scope["headers"], b"content-type")):
            raise BadRequest("Expected request with `Content-Type: application/json`")
        path = request.run_path(endpoint.removeprefix(_RUN)) if endpoint.startswith(_RUN) else None
        identity = await self._authenticate(token)  # before the body: who may not speak need not be listened to
        async with self._bodies.read(receive) as raw:
            fields = request.fields(raw)
            if endpoint == "query_at_ts":
                request.check_snapshot(fields, now_ns=self._now_ns())
            asked = request.from_fields(fields, path=path, default=form)
            return await self._call(asked, kind=_KINDS.get(endpoint), identity=identity)

    async def _authenticate(self, token: str | None) -> Identity | None:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._runtime.authenticate(token)
        except TimeoutError:
            raise TookTooLong(may_be_done=False) from None

    async def _call(self, asked: Request, *, kind: FunctionKind | None, identity: Identity | None) -> _Answer:
        outcome = await self.calls.call(asked.name, kind=kind, args=asked.args, identity=identity, form=asked.form)
        return _Answer(200, _outcome_text(outcome))


def _endpoint(scope: Scope) -> str:
    """The path below ``/api/``, wherever this application is mounted. Raises ``BadRequest`` for one not served."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    endpoint = path.removeprefix(_ROOT)
    if endpoint == path or not _methods(endpoint):
        raise BadRequest("There is nothing at this address", code="NotFound", status=404)
    return endpoint


def _methods(endpoint: str) -> tuple[str, ...]:
    if endpoint == "query":
        return ("GET", "POST")
    if endpoint in _KINDS or endpoint in ("query_ts", "function") or endpoint.startswith(_RUN):
        return ("POST",)
    return ()


def _outcome_text(outcome: Outcome) -> str:
    match outcome:
        case Success(text):
            return f'{{"status":"success","value":{text}}}'
        case Failure(message):
            return values.dumps({"status": "error", "errorMessage": message})
        case ApplicationFailure(message, data):  # the key's presence makes the clients throw ConvexError
            return values.dumps({"status": "error", "errorMessage": message, "errorData": data})
        case _:
            assert_never(outcome)


def _too_long(*, may_be_done: bool) -> str:
    if may_be_done:
        return "The function took too long. It was not stopped and may still take effect: look before you repeat it."
    return "The request took too long. Nothing was changed. Try again later."


def _error(
    status: int, code: str, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = (), close: bool = False
) -> _Answer:
    return _Answer(status, values.dumps({"code": code, "message": message}), headers=headers, close=close)


async def _send(send: Send, answer: _Answer, *, cors: list[tuple[bytes, bytes]]) -> None:
    content = answer.text.encode()
    fixed = [(b"cache-control", b"no-store"), *cors, *answer.headers]
    if content:
        fixed += [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if answer.close:
        fixed.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": fixed})
    await send({"type": "http.response.body", "body": content})
