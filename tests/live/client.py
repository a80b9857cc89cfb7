"""The real Python client, led by lines of JSON on stdin; what it shows goes to stdout as lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from convex import ConvexClient, ConvexError


def tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def failure(error: Exception) -> dict[str, Any]:
    return {"message": str(error), **({"data": error.data} if isinstance(error, ConvexError) else {})}


class Led:
    """Its calls block the whole process until they return, so that each is made in its turn."""

    def __init__(self, url: str) -> None:
        self._client = ConvexClient(url)
        self._watching: dict[int, asyncio.Task[None]] = {}

    def watch(self, *, id: int, name: str, args: dict[str, Any]) -> None:  # noqa: A002 - the word of the lines
        self._watching[id] = asyncio.create_task(self._watch(id, name, args))

    async def _watch(self, number: int, name: str, args: dict[str, Any]) -> None:
        async for value in self._client.subscribe(name, args):
            tell(watch=number, value=value)

    def unwatch(self, *, id: int) -> None:  # noqa: A002
        self._watching.pop(id).cancel()

    def mutate(self, *, id: int, name: str, args: dict[str, Any]) -> None:  # noqa: A002
        self._call(id, lambda: self._client.mutation(name, args))

    def act(self, *, id: int, name: str, args: dict[str, Any]) -> None:  # noqa: A002
        self._call(id, lambda: self._client.action(name, args))

    def auth(self, *, tokens: list[str]) -> None:
        self._client.set_auth(tokens[0])

    def _call(self, number: int, call: Any) -> None:
        try:
            tell(done=number, value=call())
        except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
            tell(done=number, error=failure(error))


async def main() -> None:
    led = Led(os.environ["RUFAA_URL"])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        getattr(led, command.pop("do"))(**command)


asyncio.run(main())
