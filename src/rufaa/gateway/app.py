"""The public port as one ASGI application: callbacks, the function API, health, and Django for everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any, Final, cast

import asyncpg
import structlog
from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

from rufaa import functions
from rufaa.config import Config, Mode
from rufaa.db.aside import Aside
from rufaa.db.listen import Listener
from rufaa.functions.runtime import Runtime
from rufaa.ingest.address import PREFIX, callback_networks
from rufaa.ingest.batcher import Batcher
from rufaa.ingest.endpoint import Endpoint
from rufaa.sync.http import FunctionApi

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API: Final = "/api/"
HEALTH: Final = "/healthz"
FUNCTION_THREADS: Final = 8
_HEALTH_S: Final = 2.0
_log = structlog.get_logger()


class Gateway:
    """Made once a process; its parts live from ASGI's start-up to its shutdown."""

    def __init__(self, config: Config) -> None:
        if config.database_url is None:
            raise AssertionError("a gateway needs DATABASE_URL")
        self._config = config
        self._url = config.database_url
        # a2wsgi and django-stubs type WSGI and ASGI each in their own way: any application is one here
        self._django: Any = WSGIMiddleware(cast("Any", get_wsgi_application()), workers=8)
        self._listener = Listener(self._url)
        self._aside = Aside(threads=FUNCTION_THREADS, name="function")
        runtime = Runtime(self._aside, self._listener, keys=config.secret_keys, demo=config.demo)
        self._api = FunctionApi(functions.load(), runtime, development=config.mode is not Mode.PRODUCTION)
        self._pool: asyncpg.Pool | None = None
        self._parts: list[asyncio.Task[None]] = []
        self._ingest: Endpoint | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})
            case _:
                raise AssertionError(f"unknown scope {scope['type']}")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(PREFIX):
            assert self._ingest is not None
            await self._ingest(scope, receive, send)
        elif path.startswith(API):
            await self._api(scope, receive, send)
        elif path == HEALTH:
            await self._health(send)
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await self._start(stack)
            except Exception as error:  # noqa: BLE001 - whatever it is, the server must say it and end
                _log.exception("gateway.not_started")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, stack: AsyncExitStack) -> None:
        self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=4, timeout=5, command_timeout=5)
        stack.push_async_callback(self._close_pool)
        batcher = Batcher(self._pool)
        self._ingest = Endpoint(
            batcher,
            keys=self._config.secret_keys,
            trusted_proxies=self._config.trusted_proxies,
            callback_networks=callback_networks(self._config),
        )
        self._parts = [asyncio.create_task(work()) for work in (batcher.run, self._listener.run)]
        for task in self._parts:
            stack.push_async_callback(_end, task)
        stack.push_async_callback(self._api.aclose)
        stack.callback(self._aside.close)

    async def _close_pool(self) -> None:
        assert self._pool is not None
        try:
            async with asyncio.timeout(3):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _health(self, send: Send) -> None:
        """200 where a call would work: the database answers, and news from it would reach us."""
        assert self._pool is not None
        trouble = "" if self._listener.connected.is_set() else "not listening"
        if any(task.done() for task in self._parts):
            trouble = "a part has ended"
        try:
            async with asyncio.timeout(_HEALTH_S):
                await self._pool.fetchval("SELECT 1", timeout=_HEALTH_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            trouble = f"database: {type(error).__name__}"
        body = json.dumps({"status": trouble or "ok"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 503 if trouble else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
