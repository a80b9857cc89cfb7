"""Screens that show one referral each: over the WebSocket of the sync protocol, or asking each second over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Self

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FUNCTION: Final = "referrals:getReferral"
PAID: Final = '"status":"paid"'
ASKED: Final = '"prompt":{'
POLL_S: Final = 1.0
_OPENED_AT_ONCE: Final = 50


class Screen:
    """What one screen has seen of its referral, and when, on the system's monotonic clock."""

    def __init__(self, referral: str, token: str) -> None:
        self.referral = referral
        self.token = token
        self.shown = asyncio.Event()
        self.asked = asyncio.Event()
        self.paid = asyncio.Event()
        self.paid_at = 0.0

    def see(self, text: str, *, at: float) -> None:
        self.shown.set()
        if ASKED in text:
            self.asked.set()
        if PAID in text and not self.paid.is_set():
            self.paid_at = at
            self.paid.set()


class Live:
    """Opens a WebSocket for each of ``screens``; they have all seen their referral when it is entered."""

    def __init__(self, url: str, screens: Sequence[Screen]) -> None:
        self._url = url.replace("http:", "ws:") + "/api/1.48.0/sync"
        self._screens = screens
        self._open: list[ClientConnection] = []
        self._reading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        room = asyncio.Semaphore(_OPENED_AT_ONCE)

        async def begin(screen: Screen) -> None:
            async with room:
                await self._begin(screen)

        async with asyncio.TaskGroup() as opening:
            for screen in self._screens:
                opening.create_task(begin(screen))
        return self

    async def _begin(self, screen: Screen) -> None:
        socket = await connect(self._url, compression=None, max_size=None, ping_interval=None, close_timeout=5)
        self._open.append(socket)
        add = {"type": "Add", "queryId": 0, "udfPath": FUNCTION, "args": [{"referralId": screen.referral}]}
        for message in (
            {
                "type": "Connect",
                "sessionId": str(uuid.uuid4()),
                "connectionCount": 0,
                "lastCloseReason": "InitialConnect",
            },
            {"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": screen.token},
            {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]},
        ):
            await socket.send(json.dumps(message))
        self._reading.append(asyncio.create_task(self._read(socket, screen)))
        await screen.shown.wait()

    async def _read(self, socket: ClientConnection, screen: Screen) -> None:
        with suppress(ConnectionClosed):
            async for text in socket:
                at = time.monotonic()
                if '"type":"Transition"' in text:
                    assert isinstance(text, str)
                    screen.see(text, at=at)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(socket.close() for socket in self._open))
        await asyncio.gather(*self._reading)


class Polling:
    """Asks for each of ``screens`` once a second, begun evenly over a second, each after its own answer."""

    def __init__(self, url: str, screens: Sequence[Screen]) -> None:
        self._url = f"{url}/api/query"
        self._screens = screens
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=30)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        self._tasks = [
            asyncio.create_task(self._poll(screen, number * 0.618 % 1.0)) for number, screen in enumerate(self._screens)
        ]
        return self

    async def _poll(self, screen: Screen, phase_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + phase_s
        body = {"path": FUNCTION, "args": {"referralId": screen.referral}, "format": "convex_encoded_json"}
        headers = {"Authorization": f"Bearer {screen.token}"}
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.post(self._url, json=body, headers=headers) as answer:
                    text = await answer.text()
                    if answer.status == 200:
                        screen.see(text, at=time.monotonic())
            due = max(due + POLL_S, loop.time())

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()


async def all_of(screens: Sequence[Screen], event: Callable[[Screen], Awaitable[object]], *, within_s: float) -> bool:
    """Whether all of ``screens`` have had the event within that time."""
    try:
        async with asyncio.timeout(within_s):
            for screen in screens:
                await event(screen)
    except TimeoutError:
        return False
    return True
