"""A scripted far side for the client: raw sockets that answer, wait, or cut the connection; and a keeper of tokens."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import aiohttp

from rufaa.daraja.client import Daraja, Timeouts, new_session

TOKEN = "test-token-aaaaaaaaaaaa"  # an invented one
STALE = {"requestId": "r", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}

P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


# ---------------------------------------------------------------- the far side


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class Far:
    """One raw socket server. ``requests`` are the whole ones that it read; ``connections`` counts accepts."""

    url: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # the other side hung up on a waiting handler

    async def read(self, reader: asyncio.StreamReader) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest if row)}
        request = Request(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
        self.requests.append(request)
        return request


Handler = Callable[[Far, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[Far]:
    far = Far()
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(far, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            far.gone.set()
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far.connections += 1
        task = asyncio.create_task(run(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, **options)
    scheme = "https" if options.get("ssl") else "http"
    far.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield far
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(status: int, body: object, *headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def answering(*answers: bytes) -> Handler:
    """Keep-alive: the n-th request of the server's life gets the n-th answer, and the last one for ever."""

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await far.read(reader)
            writer.write(answers[min(len(far.requests), len(answers)) - 1])
            await writer.drain()

    return handler


@dataclass
class Tokens:
    """A keeper with a list of tokens; remembers which were called rejected."""

    given: list[str | Exception] = field(default_factory=lambda: [TOKEN, TOKEN + "-2", TOKEN + "-3"])
    asked: list[str | None] = field(default_factory=list)

    async def token(self, *, rejected: str | None = None) -> str:
        self.asked.append(rejected)
        token = self.given[min(len(self.asked), len(self.given)) - 1]
        if isinstance(token, Exception):
            raise token
        return token


@asynccontextmanager
async def client(
    *, total_s: float = 5.0, connect_s: float = 2.0, session: aiohttp.ClientSession | None = None
) -> AsyncIterator[Daraja]:
    async with session or new_session() as opened:
        yield Daraja(opened, timeouts=Timeouts(connect_s=connect_s, total_s=total_s))


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def cutting(after: int | None, *, how: str, said: bytes = b"") -> Handler:
    """Read ``after`` bytes of the request (None: all of it), say ``said``, and cut the connection."""

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after is None:
            await far.read(reader)
        elif after:
            await reader.readexactly(after)
        if said:
            writer.write(said)
            await writer.drain()
        if how == "reset":
            reset(writer)

    return handler
