"""The port on loopback on which a worker shows how it is: ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from rufaa import metrics
from rufaa.gateway.monitor import HEALTH, METRICS, READY, Answer, Monitor

HOST: Final = "127.0.0.1"


class Rounds:
    """When each loop last ended a round; a loop that has not for longer than its bound is in trouble."""

    def __init__(self, bounds_s: Mapping[str, float], *, now: Callable[[], float] = time.monotonic) -> None:
        self._bounds_s = bounds_s
        self._now = now
        self._done_at = dict.fromkeys(bounds_s, now())

    def done(self, loop: str) -> None:
        """Raises KeyError for a loop that has no bound: nobody would notice that it is stuck."""
        if loop not in self._done_at:
            raise KeyError(loop)
        self._done_at[loop] = self._now()
        metrics.round_done(loop)

    def trouble(self, loop: str) -> str:
        """Empty where all is well."""
        age_s = self._now() - self._done_at[loop]
        return f"no round for {age_s:.0f} s" if age_s > self._bounds_s[loop] else ""


@asynccontextmanager
async def port(number: int, monitor: Monitor) -> AsyncIterator[None]:
    """Answers on the port until the block ends."""
    app = web.Application()
    for path, answer in ((HEALTH, monitor.health), (READY, monitor.ready), (METRICS, monitor.metrics)):
        app.router.add_get(path, _handler(answer))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, number).start()
        yield
    finally:
        await runner.cleanup()


def _handler(answer: Callable[[], Awaitable[Answer]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        told = await answer()
        return web.Response(status=told.status, body=told.body, headers={"Content-Type": told.content_type})

    return handle
