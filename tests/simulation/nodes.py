"""The processes of the server, several of each kind: they work, freeze, die between any two statements, and start anew.

What runs in them is production's: the worker's loops, the gateway's endpoint and batcher, the operations of the people
whose requests they serve.
"""

from __future__ import annotations

import asyncio
import random
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rufaa.cli import work
from rufaa.cli.questions import Questions
from rufaa.cli.registering import Registrar
from rufaa.config import Network as Addresses
from rufaa.daraja.client import Daraja
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step
from rufaa.ingest.address import (
    OrderUrls,
    callback_url,
    confirmation_url,
    result_url,
    timeout_url,
    validation_url,
)
from rufaa.ingest.batcher import Batcher
from rufaa.ingest.endpoint import Endpoint
from rufaa.ingest.loop import settle_inbox
from rufaa.payments.access import Accounts
from rufaa.payments.dispatch import Dispatcher, next_sending_s
from rufaa.payments.orders import Orders, next_order_s
from rufaa.payments.pulls import Pulls, next_pull_s
from rufaa.payments.reconcile import Reconciler, next_question_s
from rufaa.payments.strays import Strays, next_stray_s
from rufaa.referrals.operations import fees_paid
from simulation.strands import GRAVEYARD, NODE, Died, Hub, SimConnection, Strand, StrandPool, Wrapper
from simulation.virtual import VirtualLoop

if TYPE_CHECKING:
    from simulation.network import Network

T = TypeVar("T")
_CALLS_AT_ONCE: Final = 8
"""Requests of people that one gateway works on; the others wait, as for its threads."""
_PLACE: Final = re.compile(r"\$[0-9]+")


class Broken(Exception):
    """The one who asked was not answered: the process died, or it could not."""


class Node:
    """One process. ``reaper`` may kill or freeze it wherever it is."""

    def __init__(self, hub: Hub, name: str, *, reaper: Reaper | None = None) -> None:
        self.hub = hub
        self.name = name
        self.reaper = reaper
        self.dead = False
        self.frozen_until = 0.0
        self.strands: list[Strand] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.wrappers: list[Wrapper] = []
        """Connections that outlive a strand."""
        self.ended = asyncio.Event()
        self._calls = StrandPool(hub, threads=_CALLS_AT_ONCE, name=name)
        GRAVEYARD.append(self)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is begun inside belongs to this process."""
        before = NODE.set(self)
        try:
            yield
        finally:
            NODE.reset(before)

    def start(self, coroutine: Any) -> asyncio.Task[Any]:
        with self.inside():
            task: asyncio.Task[Any] = self.hub.loop.create_task(coroutine)
        self.tasks.append(task)
        return task

    async def alive(self) -> None:
        """Every way from here to the world outside: a dead process never gets through, a frozen one when it thaws."""
        while self.frozen_until > self.hub.loop.time() and not self.dead:
            await asyncio.sleep(self.frozen_until - self.hub.loop.time())
        if self.dead:
            never = self.hub.loop.create_future()
            GRAVEYARD.append((never, asyncio.current_task()))
            await never

    def die(self) -> None:
        """As by SIGKILL: what is open in the database is rolled back, what is in memory is gone."""
        self.dead = True
        self.hub.trace.say(self.name, "dies")
        GRAVEYARD.append(self.tasks)
        for strand in list(self.strands):
            self.hub.forget(strand)
        for wrapper in self.wrappers:
            if wrapper.connection is not None and not wrapper.connection.closed:
                self.hub.break_off(wrapper.connection)
        self.ended.set()

    def freeze(self, seconds: float) -> None:
        self.hub.trace.say(self.name, f"freezes for {seconds:.1f} s")
        self.frozen_until = max(self.frozen_until, self.hub.loop.time() + seconds)

    async def call(self, work_: Callable[[], T]) -> T:
        """What a request to this process returns or raises. Raises ``Broken`` where it dies meanwhile."""
        answer: asyncio.Future[T] = self.hub.loop.create_future()

        async def serve() -> None:
            try:
                result = await asyncio.wrap_future(self._calls.submit(work_))
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                await self.alive()
                if not answer.done():
                    answer.set_exception(error)
            else:
                await self.alive()
                if not answer.done():
                    answer.set_result(result)

        if self.dead:
            raise Broken
        self.start(serve())
        dying = asyncio.ensure_future(self.ended.wait())
        await asyncio.wait({answer, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if not answer.done():
            answer.cancel()
            raise Broken
        return answer.result()


@dataclass
class Reaper:
    """Kills and freezes, by chance: at failpoints mostly, since there it hurts, and now and then at any statement."""

    chance: random.Random
    die_share: float = 0.0  # of the failpoints that are passed
    freeze_share: float = 0.0
    statement_share: float = 0.0

    def at_point(self, node: Node, point: str) -> bool:
        """Whether ``node`` has died at ``point``."""
        hub = node.hub
        drawn = self.chance.random()
        if drawn < self.die_share:
            hub.counts["process died"] += 1
            hub.counts[f"died at {point}"] += 1
            hub.trace.say(node.name, "is at", point)
            node.die()
            return True
        if drawn < self.die_share + self.freeze_share:
            hub.counts["process frozen"] += 1
            node.freeze(self.chance.choice((3.0, 10.0, 30.0, 70.0, 200.0)))
        return False

    def at_statement(self, node: Node) -> bool:
        if self.statement_share and self.chance.random() < self.statement_share:
            node.hub.counts["process died"] += 1
            node.hub.counts["died between two statements"] += 1
            node.die()
            return True
        return False


def reached(hub: Hub, point: str) -> None:
    """``failpoints.listen``'s: the present process is at ``point``."""
    node: Node | None = NODE.get()
    if node is None:
        return
    hub.counts[f"passed {point}"] += 1
    if node.dead:  # a handler of a dead process's task
        raise Died
    strand = hub.current
    if node.reaper is not None and node.reaper.at_point(node, point):
        if strand is not None:
            strand.stop_for_ever()
        raise Died
    if strand is not None and node.frozen_until > hub.loop.time():
        strand.pause(point)


def aside_of(hub: Hub, *, threads: int, name: str) -> Aside:
    aside = Aside(threads=1, name=name)
    aside._pool.shutdown()
    aside._pool = StrandPool(hub, threads=threads, name=name)  # type: ignore[assignment]
    return aside


class Bell:
    """In the place of the listener's connection: wakes the worker's loops, unless the notification is lost."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._events: list[asyncio.Event] = []
        self._rings = False

    @contextmanager
    def work(self, _loop: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._events.append(event)
        yield event

    def ring_in(self, seconds: float) -> None:
        if not self._rings:
            self._rings = True
            self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._rings = False
        for event in self._events:
            event.set()


class Worker:
    """``cli/work.py`` put together again over strands: the same loops, rounds and waits."""

    def __init__(
        self, hub: Hub, network: Network, name: str, *, keys: tuple[str, ...], session: Any, reaper: Reaper | None
    ) -> None:
        self.node = Node(hub, name, reaper=reaper)
        self.bell = Bell(hub.loop)
        self._hub = hub
        aside = aside_of(hub, threads=6, name=name)
        daraja = Daraja(session, now=hub.loop.now)
        accounts = Accounts(daraja, aside, keys=keys)
        url = partial(callback_url, network.public_url, keys=keys)
        dispatcher = Dispatcher(daraja, accounts, aside, callback_url=url)
        reconciler = Reconciler(daraja, accounts, aside, hand_on=fees_paid)
        strays = Strays(daraja, accounts, aside)

        def addresses(order: uuid.UUID) -> OrderUrls:
            where = network.public_url
            return OrderUrls(result_url(where, order, keys=keys), timeout_url(where, order, keys=keys))

        orders = Orders(daraja, accounts, aside, addresses=addresses)
        pulls = Pulls(daraja, accounts, aside, hand_on=fees_paid)

        async def settle() -> float | None:
            taken = await aside.run(lambda: settle_inbox(work.HANDLERS))
            return 0.0 if taken else None

        due = Questions(aside).about
        loop = partial(work._loop, listener=self.bell, stop=asyncio.Event(), done=lambda _: None)  # type: ignore[arg-type]
        for coroutine in (
            loop("settle", settle),
            loop("dispatch", dispatcher.round, next_due=due(next_sending_s)),
            loop("query", reconciler.round, next_due=due(next_question_s)),
            loop("stray", strays.round, next_due=due(next_stray_s)),
            loop("order", orders.round, next_due=due(next_order_s)),
            loop("pull", pulls.round, next_due=due(next_pull_s)),
        ):
            self.node.start(coroutine).add_done_callback(self._ended)

    def _ended(self, loop: asyncio.Task[Any]) -> None:
        """A loop that gives up ends the process, and its supervisor starts another."""
        error = None if loop.cancelled() else loop.exception()
        if not self.node.dead:
            self._hub.counts[f"worker gave up: {type(error).__name__}"] += 1
            self.node.die()


async def register(
    hub: Hub,
    network: Network,
    accounts: Iterable[uuid.UUID],
    *,
    keys: tuple[str, ...],
    session: Any,
    c2b: bool,
    pull: bool,
) -> None:
    """An operator tells Safaricom where payments are told of, and turns Pull on."""
    node = Node(hub, "operator")
    aside = aside_of(hub, threads=2, name="operator")
    daraja = Daraja(session, now=hub.loop.now)
    registrar = Registrar(daraja, Accounts(daraja, aside, keys=keys), aside)
    where = network.public_url

    async def all_of_them() -> None:
        for account in accounts:
            if c2b:
                await registrar.c2b(
                    account,
                    public_url=where,
                    confirmation_url=confirmation_url(where, account, keys=keys),
                    validation_url=validation_url(where, account, keys=keys),
                )
            if pull:
                await registrar.pull(account, callback_url=confirmation_url(where, account, keys=keys))

    await node.start(all_of_them())


class Gateway:
    """The gateway's callback side, and the place where people's requests are served."""

    def __init__(
        self, hub: Hub, name: str, *, keys: tuple[str, ...], listed: list[Addresses], reaper: Reaper | None
    ) -> None:
        self.node = Node(hub, name, reaper=reaper)
        self._hub = hub
        batcher = Batcher(_Pool(self.node))  # type: ignore[arg-type]
        self.endpoint = Endpoint(batcher, keys=keys, trusted_proxies=[], callback_networks=listed)
        self.node.start(batcher.run())

    async def receive(
        self, path: str, body: bytes, headers: Mapping[str, str], *, source: str
    ) -> tuple[int, str] | None:
        """Status and text that a POST is answered with; None: nobody answered."""
        answered: asyncio.Future[tuple[int, str]] = self._hub.loop.create_future()
        status: list[int] = []
        node = self.node

        async def send(message: Any) -> None:
            await node.alive()
            if message["type"] == "http.response.start":
                status.append(message["status"])
            elif not answered.done():
                answered.set_result((status[0], message["body"].decode()))

        async def receive() -> dict[str, Any]:
            await node.alive()
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(each.lower().encode(), value.encode()) for each, value in headers.items()],
            "client": (source, 40000),
        }
        node.start(self.endpoint(scope, receive, send))
        dying = asyncio.ensure_future(node.ended.wait())
        try:
            await asyncio.wait({answered, dying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            dying.cancel()
        return answered.result() if answered.done() else None

    async def do(self, work_: Callable[[Tx], T], *, actor: Any) -> T:
        """A person's call: one transaction, whose commit is a step that anything can happen at."""
        return await self.node.call(lambda: unit(work_, actor=actor, step=Step.FUNCTION_COMMIT))


class _Pool:
    """As much of asyncpg's pool as the batcher uses, over strands."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._idle: list[_Connection] = []

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[_Connection]:  # noqa: ASYNC109, ARG002 - asyncpg's
        connection = self._idle.pop() if self._idle else _Connection(self._node)
        try:
            yield connection
        finally:
            if not connection.is_closed():
                self._idle.append(connection)

    async def expire_connections(self) -> None:
        self._idle.clear()


class _Connection:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._hub = node.hub
        self._wrapper = node.hub.new_wrapper()
        node.wrappers.append(self._wrapper)
        self._told = False
        self._terminated = False

    def is_closed(self) -> bool:
        return self._terminated or (self._wrapper.connection is not None and self._wrapper.connection.closed)

    def terminate(self) -> None:
        self._terminated = True

    async def execute(self, statement: str, *params: object) -> None:
        """One statement, which is a transaction of its own; anything may happen before its commit."""
        await self._do(lambda: self._wrapper.set_autocommit(False))
        try:
            await self._do(lambda: self._run(statement, params))
        except BaseException:
            await self._do(self._roll_back)
            raise
        self._told = "pg_notify" in statement
        await self._do(self._commit)

    def _run(self, statement: str, params: tuple[object, ...]) -> None:
        connection = self._wrapper.connection
        assert isinstance(connection, SimConnection)
        with connection.cursor() as cursor:  # asyncpg's $1, $2, … come in their order
            cursor.execute(_PLACE.sub("%s", statement), params)

    async def _do(self, work_: Callable[[], None]) -> None:
        await self._node.alive()

        def inside() -> None:
            strand = self._hub.current
            assert strand is not None
            self._hub.give_back(strand.wrapper)
            strand.wrapper = self._wrapper
            self._wrapper.ensure_connection()
            try:
                work_()
            finally:
                strand.wrapper = self._hub.take()

        await self._hub.run(inside, label="ingest")
        await self._node.alive()

    def _commit(self) -> None:
        assert self._wrapper.connection is not None
        self._wrapper.connection.commit()
        self._wrapper.connection.autocommit = True
        self._wrapper.autocommit = True
        if self._told:
            self._told = False
            self._hub.woken()

    def _roll_back(self) -> None:
        self._told = False
        connection = self._wrapper.connection
        if connection is not None and not connection.closed:
            connection.rollback()
            connection.autocommit = True
            self._wrapper.autocommit = True
