"""Mutations of the WebSocket: each under its client's numbers for it, run once, and answered whatever happens.

A client that lost its connection sends a mutation again on the next one, perhaps while the first run is still going,
perhaps to another node. Those of this process meet here, all others in the database (``runtime.Once``). Since a name
makes calling again safe, trouble that passes is waited out here, and only what lasts is told to the client.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from dataclasses import dataclass
from typing import Final

from rufaa.log import trace
from rufaa.sync import calls
from rufaa.sync.calls import Calls, Failure, Form, Named, Outcome, Success, TookTooLong
from rufaa.sync.effects import Run
from rufaa.sync.registry import FunctionKind
from rufaa.sync.runtime import Identity, Overloaded
from rufaa.sync.values import dumps

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_log: Final = logging.getLogger("rufaa.sync")


@dataclass(slots=True)
class Latest:
    """The highest timestamp that this process has seen, in nanoseconds since 1970 by the database's clock."""

    ts_ns: int = 0

    def saw(self, ts_ns: int) -> None:
        self.ts_ns = max(self.ts_ns, ts_ns)


@dataclass(frozen=True, slots=True)
class _Going:
    digest: bytes
    identity: Identity | None
    task: asyncio.Task[Outcome]


class Mutations:
    """``patience_s`` is for how long trouble that passes is waited out."""

    def __init__(self, made: Calls, latest: Latest, *, patience_s: float) -> None:
        self._calls = made
        self._latest = latest
        self._patience_s = patience_s
        self._going: dict[tuple[uuid.UUID, int], _Going] = {}

    async def run(self, asked: Run) -> Outcome:
        """What became of it, with its commit's timestamp where it succeeded. Raises nothing.

        Once begun it is finished, also if the one who waits is cancelled.
        """
        key = (asked.session, asked.request)
        digest = hashlib.sha256(dumps_safely(asked).encode()).digest()
        going = self._going.get(key)
        if going is None:
            task = asyncio.create_task(self._run(asked, digest), name=f"mutation {asked.name}")
            going = self._going[key] = _Going(digest, asked.identity, task)
            task.add_done_callback(lambda _: self._going.pop(key, None))
        elif going.digest != digest or going.identity != asked.identity:
            return Failure(calls.message("This request number is taken by another call of this session."), invalid=True)
        return await asyncio.shield(going.task)

    async def _run(self, asked: Run, digest: bytes) -> Outcome:
        try:
            return await self._patiently(asked, digest)
        except Exception as error:  # noqa: BLE001 - a mutation is always answered
            _log.error("mutation.failed error=%s", trace(error))
            return Failure(calls.message(""))

    async def _patiently(self, asked: Run, digest: bytes) -> Outcome:
        loop = asyncio.get_running_loop()
        until_s, pause_s, may_be_done = loop.time() + self._patience_s, _FIRST_PAUSE_S, False
        while True:
            try:
                return await self._try(asked, digest)
            except Overloaded as error:
                why = error.message
            except TookTooLong as error:
                may_be_done = may_be_done or error.may_be_done
                why = "The mutation took too long. Nothing was changed. Try again later."
            if loop.time() + pause_s > until_s:
                break
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if may_be_done:
            why = "The mutation took too long. It was not stopped and may still take effect: look before you repeat it."
        return Failure(calls.message(why))

    async def _try(self, asked: Run, digest: bytes) -> Outcome:
        outcome = await self._calls.call(
            asked.name,
            kind=FunctionKind.MUTATION,
            args=asked.args,
            identity=asked.identity,
            form=Form.WIRE,
            named=Named(asked.session, asked.request, digest, self._latest.ts_ns),
        )
        if isinstance(outcome, Success):
            self._latest.saw(outcome.ts_ns)
        return outcome


def dumps_safely(asked: Run) -> str:
    """What is called with what, as text; half a surrogate pair, which no function ever gets, becomes a mark."""
    return dumps([asked.name, asked.args]).encode("utf-8", "replace").decode()
