"""A small server of made-up functions, to hold the protocol against without any noun of Rufaa."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest
import uvicorn

from rufaa.errors import Kind, RufaaError
from rufaa.sync.http import FunctionApi, Limits
from rufaa.sync.registry import Function, FunctionKind, Registry
from rufaa.sync.runtime import AuthError, Committed, Once, Overloaded
from rufaa.sync.values import Int64, Value

ALL_VALUES: dict[str, object] = {
    "arr": [1.5, [], {}],
    "bool": True,
    "bytes": b"\x00\x10\x83",
    "inf": float("inf"),
    "int": Int64(-(2**63)),
    "nan": float("nan"),
    "neg0": -0.0,
    "ninf": float("-inf"),
    "null": None,
    "obj": {"_id": "x1"},
    "one": 1,
    "str": "é😀",
}


class NotThere(RufaaError):
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code = "not-there"


@dataclass
class Caller:
    """What the runtime below hands to a function: who calls, and the switches of the test."""

    identity: object
    ambient: Mapping[str, Value]
    began: threading.Event
    may_end: threading.Event
    ended: threading.Event
    done: list[str]


def build_registry() -> Registry:
    """Functions with the names that the recorded clients called, and some of our own."""
    registry = Registry(ambient={"demoUserId": str})
    _register_counters(registry)
    _register_values(registry)
    _register_failures(registry)
    _register_slow(registry)

    @registry.module("auth").query
    def whoami(caller: Caller) -> dict[str, object]:
        return {"identity": caller.identity, "ambient": caller.ambient}

    @registry.module("orders").mutation
    def choose(
        _: Caller, *, priority: Literal["Routine", "Urgent"], tags: list[str] | None = None, amount: float = 0.0
    ) -> object:
        return {"priority": priority, "tags": tags, "amount": amount}

    return registry


def _register_counters(registry: Registry) -> None:
    counts: dict[str, float] = {}
    counter = registry.module("counter")

    @counter.query
    def get(_: Caller, *, name: str | None = None) -> float:
        """How far a counter has counted."""
        return counts.get(name or "a", 0.0)

    @counter.mutation
    def inc(_: Caller, *, by: float = 1.0, name: str | None = None) -> float:
        counts[name or "a"] = counts.get(name or "a", 0.0) + by
        return counts[name or "a"]

    @registry.module("referrals").query
    def getReferral(_: Caller, *, name: str) -> float:  # noqa: N802 - the wire's spelling
        return counts.get(name, 0.0)

    @registry.module("dir/sub").query
    def count(_: Caller) -> int:
        return 0

    @registry.module("defaultmod").query
    def default(_: Caller) -> float:
        return 0.0


def _register_values(registry: Registry) -> None:
    messages: list[dict[str, str]] = []
    functions = registry.module("values")

    def echo(_: Caller, *, v: object) -> object:
        return v

    functions.query(echo)
    registry.module("actions").action(echo)
    registry.module("both").mutation(registry.module("both").action(echo))

    def everything(_: Caller) -> object:
        return ALL_VALUES

    everything.__name__ = "all"
    functions.query(everything)

    @registry.module("messages").mutation
    def send(_: Caller, *, author: str, body: str) -> str:
        messages.append({"author": author, "body": body})
        return "m0"

    def list_all(_: Caller) -> object:
        return messages

    list_all.__name__ = "list"
    registry.module("messages").query(list_all)


def _register_failures(registry: Registry) -> None:
    errors = registry.module("errors")

    @errors.query
    def plainQuery(_: Caller) -> None:  # noqa: N802
        raise LookupError("254708374149 is not in the table")

    @errors.query
    def convexQuery(_: Caller) -> None:  # noqa: N802
        raise NotThere("No such thing", n=Int64(7))

    @errors.mutation
    def convex(_: Caller, *, data: object) -> None:
        raise NotThere("No such thing", given=data)

    @errors.mutation
    def unwritable(_: Caller) -> None:
        raise NotThere("no", when={1, 2})

    @errors.query
    def result(_: Caller) -> object:
        return {"when": {1, 2}}

    @errors.query
    def huge(_: Caller) -> str:
        return "x" * (16 * 1024 * 1024)

    @errors.query
    def busy(_: Caller) -> None:
        raise Overloaded


def _register_slow(registry: Registry) -> None:
    slow = registry.module("slow")

    async def wait(caller: Caller, name: str) -> str:
        caller.began.set()
        assert await asyncio.to_thread(caller.may_end.wait, 10)
        caller.done.append(name)
        caller.ended.set()
        return name

    @slow.mutation
    async def mutation(caller: Caller) -> str:
        return await wait(caller, "mutation")

    @slow.query
    async def query(caller: Caller) -> str:
        return await wait(caller, "query")


@dataclass
class TestRuntime:
    """Runs functions in the event loop. Tokens: ``good`` is somebody, any other is refused."""

    __test__ = False

    began: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    done: list[str] = field(default_factory=list)
    committed: dict[tuple[uuid.UUID, int], Committed] = field(default_factory=dict)

    async def authenticate(self, token: str | None, /) -> object:
        if token is None:
            return None
        if token == "good" or token.startswith("eyJ"):  # as recorded tokens do
            return "somebody"
        if token == "broken":
            raise RuntimeError("the key store is gone")
        if token == "stuck":
            await asyncio.Event().wait()
        raise AuthError("Could not verify the token", code="InvalidAuthHeader")

    async def run(
        self,
        function: Function,
        _kind: FunctionKind,
        identity: object,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        /,
    ) -> object:
        caller = Caller(identity, ambient, self.began, self.may_end, self.ended, self.done)
        result = function.handler(caller, **args)
        return await result if asyncio.iscoroutine(result) else result

    async def run_once(
        self,
        function: Function,
        identity: object,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        once: Once,
        /,
    ) -> Committed:
        key = (once.session, once.request)
        if key not in self.committed:
            text = once.write(await self.run(function, FunctionKind.MUTATION, identity, ambient, args))
            self.committed[key] = Committed(text, max(once.floor_ns + 1, await self.now_ns()))
        return self.committed[key]

    async def now_ns(self) -> int:
        return 1_800_000_000_000_000_000


HANGING = b"<hanging>"
GONE = b"<gone>"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request put to an ASGI application by hand, in pieces that a real client would not send."""

    def __init__(self, app: FunctionApi) -> None:
        self.app = app
        self.unread = 0

    def __call__(
        self,
        method: str,
        path: str,
        *,
        json_body: object = None,
        chunks: Sequence[bytes] | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        pieces = list(chunks) if chunks is not None else [b"" if json_body is None else json.dumps(json_body).encode()]
        return asyncio.run(self.exchange(method, path, pieces=pieces, query=query, headers=headers or {}))

    async def exchange(
        self, method: str, path: str, *, pieces: list[bytes], query: str = "", headers: Mapping[str, str]
    ) -> Reply:
        """Ends with the answer. ``HANGING`` among the pieces is a client that stops there, ``GONE`` one that left."""
        sent: list[Any] = []
        queue = list(pieces)

        async def receive() -> dict[str, Any]:
            piece = queue.pop(0)
            if piece is HANGING:
                await asyncio.Event().wait()
            if piece is GONE:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(queue)}

        async def send(message: Any) -> None:
            sent.append(message)

        wanted = {"content-type": "application/json", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in wanted.items() if value],
        }
        await self.app(scope, receive, send)
        self.unread = len(queue)
        if not sent:
            return Reply(0, {}, b"")
        start, body = sent
        headers_sent: dict[str, str] = {}
        for name, value in start["headers"]:
            key = name.decode()
            headers_sent[key] = f"{headers_sent[key]}, {value.decode()}" if key in headers_sent else value.decode()
        return Reply(start["status"], headers_sent, body["body"])

    def call(self, kind: str, path: str, args: object, *, format: str | None = None, **headers: str) -> Any:  # noqa: A002
        """A function call by POST; the body of its answer, which must be HTTP 200."""
        body = {"path": path, "args": args, **({"format": format} if format else {})}
        reply = self("POST", f"/api/{kind}", json_body=body, headers=headers)
        assert reply.status == 200, reply
        return reply.json

    def hanging(self, *pieces: bytes) -> list[bytes]:
        """The pieces of a body that never ends."""
        return [*pieces, HANGING]

    def gone(self, *pieces: bytes) -> list[bytes]:
        """The pieces of a body whose sender goes away."""
        return [*pieces, GONE]


@pytest.fixture
def runtime() -> TestRuntime:
    return TestRuntime()


@pytest.fixture
def make_registry() -> Callable[[], Registry]:
    return build_registry


@pytest.fixture
def make_exchange(runtime: TestRuntime) -> Callable[..., Exchange]:
    def make(*, development: bool = False, now_ns: Callable[[], int] | None = None, **limits: Any) -> Exchange:
        clock = {"now_ns": now_ns} if now_ns else {}
        return Exchange(
            FunctionApi(build_registry(), runtime, development=development, limits=Limits(**limits), **clock)
        )

    return make


@pytest.fixture
def exchange(make_exchange: Callable[..., Exchange]) -> Exchange:
    return make_exchange()


@pytest.fixture
def server(runtime: TestRuntime) -> Iterator[str]:
    """The address of a uvicorn with the functions above, on a free port, in a thread that ends with the test."""
    app = FunctionApi(build_registry(), runtime, development=False)
    config = uvicorn.Config(app, lifespan="off", ws="none", loop="asyncio", log_level="error")
    running = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    # connections wait in the listener's backlog until uvicorn accepts, so there is nothing to wait for here
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join(timeout=10)
    listener.close()
    assert not thread.is_alive()
