"""The public port as one ASGI application: callbacks, the function API, health and metrics, and Django for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

import asyncpg
import structlog
from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

from rufaa import functions
from rufaa.config import MB, Config, Mode
from rufaa.db.aside import Aside
from rufaa.db.listen import Listener
from rufaa.functions.runtime import Runtime
from rufaa.gateway import exchange, monitor, published, ticks
from rufaa.gateway.bodies import Bodies
from rufaa.gateway.connections import Connection
from rufaa.gateway.exchange import Exchange
from rufaa.gateway.monitor import Answer, Monitor
from rufaa.gateway.published import Published
from rufaa.gateway.ticks import Ticks
from rufaa.gateway.vitals import Vitals
from rufaa.ingest.address import PREFIX_LENGTH, PREFIXES, callback_networks
from rufaa.ingest.batcher import BEHIND, Batcher
from rufaa.ingest.endpoint import Endpoint
from rufaa.metrics import Sample
from rufaa.signin.issuers import Issuers
from rufaa.sync.http import FunctionApi
from rufaa.sync.live import LiveQueries
from rufaa.sync.websocket import Limits, SyncApi

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API: Final = "/api/"
FUNCTION_THREADS: Final = 8
SYNC_LIMITS: Final = Limits()
_log = structlog.get_logger()


class Gateway:
    """Made once a process; its parts live from ASGI's start-up to its shutdown."""

    def __init__(self, config: Config) -> None:
        if config.database_url is None:
            raise AssertionError("a gateway needs DATABASE_URL")
        self._config = config
        self._url = config.database_url
        # a2wsgi and django-stubs type WSGI and ASGI each in their own way: any application is one here
        django: Any = WSGIMiddleware(cast("Any", get_wsgi_application()), workers=8)
        # a file that is somewhat too large comes through, so that a page can say so where it was chosen
        self._django = Bodies(django, upload_bytes=2 * config.attachment_bytes + MB)
        self._listener = Listener(self._url)
        self._aside = Aside(threads=FUNCTION_THREADS, name="function")
        self._issuers = Issuers(config.oidc_issuers)
        self._runtime = Runtime(
            self._aside,
            self._listener,
            keys=config.secret_keys,
            issuer=config.public_url,
            token_life=timedelta(seconds=config.token_life_s),
            issuers=self._issuers,
            demo=config.demo,
        )
        self._exchange = Exchange(self._runtime.callers)
        self._api = FunctionApi(functions.load(), self._runtime, development=config.mode is not Mode.PRODUCTION)
        self._queries = LiveQueries(self._api.calls, self._listener)
        # callbacks come over connections, too: screens never take the last of them
        screens = min(SYNC_LIMITS.connections, Connection.most * 3 // 4)
        self.sync = SyncApi(
            self._api.calls, self._runtime, self._queries, limits=replace(SYNC_LIMITS, connections=screens)
        )
        self.ticks = Ticks(self._listener, keys=config.secret_keys)
        self._published = Published(keys=config.secret_keys, issuer=config.public_url)
        self._pool: asyncpg.Pool | None = None
        self._batcher: Batcher | None = None
        self._parts: list[asyncio.Task[None]] = []
        self._ingest: Endpoint | None = None
        self._vitals = Vitals(self._url)
        self._monitor = Monitor(
            self._vitals,
            parts={"parts": self._parts_trouble},
            ready={
                "listening": lambda: "" if self._listener.connected.is_set() else "not connected for notifications",
                "callbacks": self._batcher_trouble,
                "stopping": lambda: "told to stop" if self.stopping else "",
            },
            pools=self._connections,
        )
        self.stopping = False
        """Set when the end is near: requests are still answered, but no more should come here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self.sync(scope, receive, send)
            case _:
                raise AssertionError(f"unknown scope {scope['type']}")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path[:PREFIX_LENGTH] in PREFIXES:
            assert self._ingest is not None
            await self._ingest(scope, receive, send)
        elif path == exchange.PATH:
            await self._exchange(scope, receive, send)
        elif path.startswith(API):
            await self._api(scope, receive, send)
        elif path == ticks.PATH:
            await self.ticks(scope, receive, send)
        elif path in published.PATHS:
            await self._published(scope, receive, send)
        elif path == monitor.HEALTH:
            await _send(send, await self._monitor.health())
        elif path == monitor.READY:
            await _send(send, await self._monitor.ready())
        elif path == monitor.METRICS and self._config.metrics_token is not None:
            await _send(send, await self._metrics(scope, token=self._config.metrics_token))
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await self._start(stack)
            except Exception as error:  # noqa: BLE001 - whatever it is, the server must say it and end
                _log.exception("gateway.not_started")
                await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, stack: AsyncExitStack) -> None:
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=4, timeout=5, command_timeout=5, reset=_leaves_nothing
        )
        stack.push_async_callback(self._close_pool)
        await stack.enter_async_context(self._issuers)
        await self._vitals.start()
        stack.push_async_callback(self._vitals.aclose)
        self._batcher = Batcher(self._pool)
        self._ingest = Endpoint(
            self._batcher,
            keys=self._config.secret_keys,
            trusted_proxies=self._config.trusted_proxies,
            callback_networks=callback_networks(self._config),
        )
        self._parts = [
            asyncio.create_task(work()) for work in (self._batcher.run, self._listener.run, self._runtime.tidy)
        ]
        for task in self._parts:
            stack.push_async_callback(_end, task)
        await self.sync.start()
        stack.push_async_callback(self._api.aclose)
        stack.push_async_callback(self._queries.aclose)
        stack.callback(self._aside.close)

    async def _close_pool(self) -> None:
        assert self._pool is not None
        try:
            async with asyncio.timeout(3):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _metrics(self, scope: Scope, *, token: str) -> Answer:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        if len(given) == 1 and monitor.may_see_metrics(given[0], token):
            return await self._monitor.metrics()
        return Answer(401, "text/plain", b"Authorization: Bearer <RUFAA_METRICS_TOKEN> is needed.\n")

    def _parts_trouble(self) -> str:
        if any(task.done() for task in self._parts):
            return "a part has ended"
        # a full disk still answers questions
        return "callbacks cannot be stored" if self._batcher is not None and self._batcher.fails else ""

    def _batcher_trouble(self) -> str:
        assert self._batcher is not None
        return f"{self._batcher.backlog} wait to be stored" if self._batcher.backlog >= BEHIND else ""

    def _connections(self) -> Sequence[Sample]:
        assert self._pool is not None
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        callbacks = monitor.connections_of("callbacks", used=size - idle, idle=idle, waiting=0)
        screens: list[Sample] = [
            ("rufaa_sync_connections", {}, float(self.sync.connections)),
            ("rufaa_sync_watches", {}, float(self.sync.watches)),
            ("rufaa_live_pages", {}, float(self.ticks.open)),
        ]
        return [*monitor.function_connections(), *callbacks, *screens]


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _leaves_nothing(_connection: object) -> None:
    """The batcher's statement is a transaction of its own, and leaves nothing on its connection to be reset."""


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
