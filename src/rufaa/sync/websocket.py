"""The WebSocket of the sync protocol (§5) as an ASGI application: ``/api/sync`` and ``/api/{version}/sync``.

Here a socket, its tasks and the clock are put around a ``connection``, which decides everything. Each connection has
two tasks: one reads, one writes what ``next`` gives as fast as the client takes it; a mutation, an action, a wait for
what was committed has one as long as it lasts.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from rufaa.log import trace
from rufaa.sync import calls, effects, messages
from rufaa.sync.calls import Calls, Failure, Form, Success, TookTooLong
from rufaa.sync.connection import Connection
from rufaa.sync.effects import Effect, End, Run, Unwatch, Verify
from rufaa.sync.live import LiveQueries, Watch
from rufaa.sync.mutations import Latest, Mutations
from rufaa.sync.registry import FunctionKind
from rufaa.sync.runtime import AuthError, Overloaded, Runtime

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATH: Final = re.compile(r"/api/(?:(?P<version>\d{1,4}\.\d{1,4}\.\d{1,6})[^/]{0,64}/)?sync")
_FIRST_WITH_CHUNKS: Final = (1, 28, 0)
_MUST_FIT: Final = 64 * 1024  # characters that a connection may hold however much others do
_log: Final = logging.getLogger("rufaa.sync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server holds and waits for."""

    connections: int = 3000
    watches: int = 100_000  # of all connections
    held_bytes: int = 64 * 1024 * 1024  # of frames whose mutations and actions wait or run
    ping_s: float = 15.0  # of silence: the npm client gives up after 60
    catch_up_s: float = 5.0
    verify_s: float = 10.0
    mutation_s: float = 60.0
    each: effects.Limits = field(default_factory=effects.Limits)


class SyncApi:
    """An ASGI 3 application for the ``websocket`` scope. Call ``start`` first."""

    def __init__(self, made: Calls, runtime: Runtime, live: LiveQueries, *, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.calls = made
        self.runtime = runtime
        self.live = live
        self.latest = Latest()
        self.mutations = Mutations(made, self.latest, patience_s=self.limits.mutation_s)
        self.watches = 0
        self.held_bytes = 0
        self._sessions: set[_Session] = set()

    async def start(self) -> None:
        """Learn the database's time. Without it timestamps begin with the first mutation, or where clients were."""
        try:
            self.latest.saw(await self.runtime.now_ns())
        except Exception as error:  # noqa: BLE001 - it may be away now and back soon: nothing depends on it
            _log.warning("sync.time_not_known error=%s", trace(error))

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise TypeError(f"the sync API serves websocket, not {scope['type']}")
        await receive()
        path = _PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        if path is None:
            await send({"type": "websocket.close", "code": 1000})  # before the accept: HTTP 403
            return
        await send({"type": "websocket.accept"})
        if len(self._sessions) >= self.limits.connections and not self._make_room():
            await send({"type": "websocket.close", "code": 1013, "reason": "TooManyConcurrentRequests"})
            return
        session = _Session(self, send, chunked=_takes_chunks(path["version"]))
        self._sessions.add(session)
        try:
            await session.live(receive)
        finally:
            self._sessions.discard(session)

    def _make_room(self) -> bool:
        """End the connection that has waited the longest to say its first word. Whether there was one."""
        silent = [each for each in self._sessions if each.is_silent]
        if not silent:
            return False
        min(silent, key=lambda each: each.since_s).stop(End(1013, "TooManyConcurrentRequests"))
        return True


class _Session:
    """One connection, from its accept to its end."""

    def __init__(self, api: SyncApi, send: Send, *, chunked: bool) -> None:
        self._api = api
        self._send = send
        self._loop = asyncio.get_running_loop()
        self.since_s = self._loop.time()
        self._connection = Connection(api.limits.each, ts_ns=api.latest.ts_ns, chunked=chunked, session=uuid.uuid4())
        self._watches: dict[int, Watch] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._catching_up = False
        self._expiry: asyncio.TimerHandle | None = None
        self._sent_at_s = self.since_s
        self._held = 0

    @property
    def is_silent(self) -> bool:
        return not self._connection.spoken

    def stop(self, end: End) -> None:
        """End it from our side."""
        self._connection.end = self._connection.end or end
        self._wake.set()

    async def live(self, receive: Receive) -> None:
        """Until the client or the connection ends."""
        writer = self._loop.create_task(self._write())
        reader = self._loop.create_task(self._read(receive))
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop(End(1001, ""))  # what waits is not begun any more; what was begun goes on elsewhere
            for task in (writer, reader, *self._tasks):
                task.cancel()
            for watch in self._watches.values():
                watch.close()
            self._api.watches -= len(self._watches)
            self._watches.clear()
            self._api.held_bytes -= self._held
            if self._expiry is not None:
                self._expiry.cancel()
            for done in await asyncio.gather(writer, reader, return_exceptions=True):
                if isinstance(done, Exception) and not isinstance(done, OSError):  # OSError: the client went away
                    await self._excuse(done)

    async def _excuse(self, fault: Exception) -> None:
        _log.error("sync.failed error=%s", trace(fault))
        with suppress(OSError, RuntimeError):  # it may be closed by now
            await self._send({"type": "websocket.close", "code": 1011, "reason": "InternalServerError"})

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, receive: Receive) -> None:
        self._connection.identity = await self._api.runtime.authenticate(None)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._connection.end is not None:
                continue
            text = message.get("text")
            if text is None:
                wanted = self._connection.receive_bytes()
            else:
                wanted = self._connection.receive(text, now_s=self._loop.time(), now_ms=time.time_ns() // 1_000_000)
            for effect in wanted:
                await self._do(effect)
            self._go_on()

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Verify(token):
                for more in await self._verify(token):
                    await self._do(more)
            case effects.Watch():
                self._watch(effect)
            case Unwatch(query):
                self._unwatch(query)
            case Run():
                self._start(self._act(effect))
            case _:
                assert_never(effect)

    async def _verify(self, token: str | None) -> list[Effect]:
        try:
            async with asyncio.timeout(self._api.limits.verify_s):
                identity = await self._api.runtime.authenticate(token)
        except AuthError as error:
            return self._connection.refused(error.message)
        except (Overloaded, TookTooLong, TimeoutError):
            self.stop(End(1013, "TooManyConcurrentRequests"))
            return []
        except Exception as error:  # noqa: BLE001 - nothing that a token can do may take the socket's tasks down
            _log.error("sync.not_verified error=%s", trace(error))
            self.stop(End(1011, "InternalServerError"))
            return []
        self._expire_at(None if identity is None else identity.expires_at)
        return self._connection.verified(identity, now_s=self._loop.time())

    def _expire_at(self, expires_at: int | None) -> None:
        """The client hears of it when its token runs out, not when it says something next."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if expires_at is not None:
            self._expiry = self._loop.call_later(max(0.0, expires_at - time.time()), self._expire)

    def _expire(self) -> None:
        self._connection.refused("The token has expired.", attempted=False)
        self._wake.set()

    # --- queries ------------------------------------------------------------------------------------------------------

    def _watch(self, asked: effects.Watch) -> None:
        if self._api.watches >= self._api.limits.watches:
            self.stop(End(1013, "SubscriptionsWorkerFullError"))
            return
        watch: Watch | None = None

        def changed() -> None:
            if watch is not None and self._watches.get(asked.query) is watch and watch.outcome is not None:
                for again in self._connection.learn(asked.query, watch.outcome):
                    assert isinstance(again, effects.Watch)
                    self._watch(again)
                self._gather()

        watch = self._api.live.watch(asked.name, asked.args, asked.identity, on_change=changed)
        self._unwatch(asked.query)  # after, so that what both share stays
        self._watches[asked.query] = watch
        self._api.watches += 1
        changed()

    def _unwatch(self, query: int) -> None:
        watch = self._watches.pop(query, None)
        if watch is not None:
            self._api.watches -= 1
            watch.close()

    def _gather(self) -> None:
        """What one commit changed goes out together: wait for all queries that run now."""
        if not self._connection.unsettled:
            self._connection.unsettled = True
            self._start(self._settle())

    async def _settle(self) -> None:
        try:
            async with asyncio.timeout(self._api.limits.each.patience_s):
                await self._api.live.settled(self._watches.values())
        except TimeoutError:
            pass
        finally:
            self._connection.unsettled = False
            self._go_on()

    async def _catch_up(self) -> None:
        """Hear of everything that was committed before the last answer; where that cannot be had, go on without."""
        try:
            while self._connection.behind:
                mark = self._connection.mark()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._api.limits.catch_up_s):
                        await self._api.live.caught_up()
                self._connection.caught_up(mark)
                self._wake.set()
        finally:
            self._catching_up = False

    # --- mutations and actions ----------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Whatever can be begun now is begun; called after everything that may have changed that."""
        run = self._connection.next_mutation(now_s=self._loop.time())
        if run is not None:
            self._start(self._mutate(run))
        if self._connection.behind and not self._catching_up:
            self._catching_up = True
            self._start(self._catch_up())
        self._count_held()
        self._wake.set()

    def _count_held(self) -> None:
        more = self._connection.held - self._held
        self._api.held_bytes += more
        self._held += more
        if more > 0 and self._held > _MUST_FIT and self._api.held_bytes > self._api.limits.held_bytes:
            self.stop(End(1013, "TooManyConcurrentRequests"))

    async def _mutate(self, run: Run) -> None:
        outcome = await self._api.mutations.run(run)
        ts_ns = outcome.ts_ns if isinstance(outcome, Success) else 0
        self._connection.mutated(run.request, outcome, ts_ns=ts_ns, now_s=self._loop.time())
        self._go_on()

    async def _act(self, run: Run) -> None:
        try:
            outcome = await self._api.calls.call(
                run.name, kind=FunctionKind.ACTION, args=run.args, identity=run.identity, form=Form.WIRE
            )
        except Overloaded as error:
            outcome = Failure(calls.message(error.message))
        except TookTooLong:
            outcome = Failure(
                calls.message("The action took too long. It was not stopped and may still take effect: look.")
            )
        self._connection.acted(run.request, outcome)
        self._go_on()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("sync.failed error=%s", trace(error))
            self.stop(End(1011, "InternalServerError"))

    # --- writing ------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            self._wake.clear()
            text = self._connection.next(now_s=self._loop.time(), now_ns=time.time_ns())
            if text is not None:
                await self._say(text)
                self._go_on()
            elif self._connection.end is not None:
                end = self._connection.end
                await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})
                return
            else:
                await self._rest()

    async def _say(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})
        self._sent_at_s = self._loop.time()

    async def _rest(self) -> None:
        """Until something has happened, or may be sent or begun, or the client has to hear that we are there."""
        ping_s = self._sent_at_s + self._api.limits.ping_s
        times = (ping_s, self._connection.look_again_s(), self._connection.turn_s())
        try:
            async with asyncio.timeout_at(min(each for each in times if each is not None)):
                await self._wake.wait()
        except TimeoutError:
            if self._loop.time() >= ping_s:
                await self._say(messages.PING)
            self._go_on()


def _takes_chunks(version: str | None) -> bool:
    """Whether a client takes a Transition in pieces. Python's does not, and puts no version in the path."""
    return version is not None and tuple(int(part) for part in version.split(".")) >= _FIRST_WITH_CHUNKS
