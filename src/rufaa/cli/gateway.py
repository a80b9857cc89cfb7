"""``rufaa gateway``: the public port alone."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn

from rufaa import log
from rufaa.cli import starting
from rufaa.cli.database import database_of_role
from rufaa.config import config

if TYPE_CHECKING:
    from rufaa.gateway.app import Gateway

_TICK_S: Final = 1.0
"""How often the header with the date is made anew."""


def command() -> None:
    """Serve callbacks, the function API and pages on RUFAA_HOST and RUFAA_PORT. Needs DATABASE_URL."""
    log.set_up(config().log)
    allow_connections()
    starting.load("rufaa.gateway.app", "rufaa.gateway.connections", "rufaa.gateway.sockets")
    settings = database_of_role("gateway")
    from rufaa.gateway import sockets  # noqa: PLC0415 - needs Django set up
    from rufaa.gateway.app import Gateway  # noqa: PLC0415 - as above
    from rufaa.gateway.connections import Connection  # noqa: PLC0415 - as above

    app = Gateway(settings)
    # What is there now stays: if the collector looked at all of it again and again, every answer would wait for that.
    gc.collect()
    gc.freeze()
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=Connection,
            **sockets.settings(),
            lifespan="on",
            log_config=None,
            log_level="warning",  # of uvicorn's own; ours are events
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whose X-Forwarded-For is believed is ours to say, see ingest.address
            timeout_graceful_shutdown=8,
        ),
        app,
        drain_s=settings.drain_s,
    )
    server.run()
    if not server.started:
        raise SystemExit(3)


class Server(uvicorn.Server):
    """Says on ``/readyz`` that it will stop; ``drain_s`` later refuses connections. A second signal hurries."""

    def __init__(self, config: uvicorn.Config, app: Gateway, *, drain_s: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_s = drain_s
        self._stops_at: float | None = None
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether it is to stop: at rest that is most of what we do. Here
        a signal says so."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            self._told.clear()
            left_s = _TICK_S if self._stops_at is None else self._stops_at - time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(left_s, 0.0), _TICK_S)):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)
        if self._stops_at is not None or not self.started or sig == signal.SIGINT:
            super().handle_exit(sig, frame)
            return
        self._app.stopping = True
        self._stops_at = time.monotonic() + self._drain_s

    async def on_tick(self, counter: int) -> bool:
        if self._stops_at is not None and time.monotonic() >= self._stops_at and not self.should_exit:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)


def allow_connections() -> None:
    """As many open connections as the system lets us have; the usual 1024 are soon taken by phones that stay connected.

    Where all are taken, new ones are closed unanswered, and accepted again when some have ended.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
