"""One seed: a town, some days, everything that can go wrong, and a calm end in which the books are closed.

``run`` is the whole of it. One seed and one number of payments are one story, statement by statement.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import structlog
from django.db import connections

from rufaa import clock, ids
from rufaa.cli import work
from rufaa.db import failpoints, migrations
from rufaa.db.atomic import Tx, unit
from rufaa.payments import orders
from rufaa.simulator.config import Chaos, SimulatorSettings
from rufaa.simulator.engine import Engine
from rufaa.simulator.faults import FaultKind
from simulation import nodes, town
from simulation.finance import Finance, Operator
from simulation.network import LISTED, Network, Session
from simulation.nodes import Gateway, Reaper, Worker
from simulation.oracle import Oracle
from simulation.people import Forgers, Payers, Visit
from simulation.strands import CALM, GRAVEYARD, NODE, Hub, OneEach, Weather, database_settings
from simulation.trace import Trace
from simulation.virtual import NOW_IN_DATABASE, StandsStill, VirtualLoop

PUBLIC_URL: Final = "http://rufaa.example"
FINANCE_S: Final = 6 * 3600.0
"""So long finance people go on giving back in the calm; then they only look up what M-Pesa does not tell."""
CALM_S: Final = FINANCE_S + sum(orders._ASK_AFTER_S) + 2 * 3600.0
"""Longer than the latest callback, the hourly questions about a prompt in review, and all about the last refund."""
_SELDOM_S: Final = 600.0
"""After that workers sleep so long at least, or until they are woken: what is asked about hourly, for a day, is asked
about together, which costs a fraction."""
_EMPTY: Final = """
SELECT 'TRUNCATE ' || string_agg(format('%I', tablename), ', ') || ' RESTART IDENTITY' FROM pg_tables
WHERE schemaname = 'public' AND tablename NOT IN ('law', 'django_migrations', 'django_content_type', 'auth_permission')
"""
_HEARD_AFTER_S: Final = (0.0, 0.0, 0.5, 3.0, 8.0)
"""A busy worker hears late, and then once of all that was told meanwhile."""
_UNDER_WAY: Final = """
SELECT EXISTS (SELECT FROM prompt WHERE next_at IS NOT NULL OR lease_until IS NOT NULL)
    OR EXISTS (SELECT FROM refund WHERE next_at IS NOT NULL OR lease_until IS NOT NULL)
    OR EXISTS (SELECT FROM inbox WHERE settled_at IS NULL)
    OR EXISTS (SELECT FROM stray WHERE next_at IS NOT NULL)
    OR EXISTS (SELECT FROM task WHERE facility_id IS NULL AND closed_at IS NULL) AS under_way
"""


@dataclass
class Outcome:
    """What a run came to. ``trace`` is the hash of every statement and event; ``lines`` are the last of them."""

    seed: int
    payments: int
    trace: str
    steps: int
    virtual_s: float
    counts: Counter[str]
    violations: list[str]
    complaints: list[str]
    moves: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.violations and not self.complaints


class Enough(Exception):
    """A violation was found: the run ends where it was."""


class Simulation:
    def __init__(
        self, *, seed: int, payments: int, loop: VirtualLoop, hub: Hub, trace: Trace, harsh: bool = False
    ) -> None:
        self.harsh = harsh
        """All kinds of faults are on, and come often: for few payments that should meet much."""
        self.seed = seed
        self.payments = payments
        self.loop = loop
        self.hub = hub
        self.trace = trace
        self.chance = random.Random(f"simulation/{seed}")
        self.reaper = Reaper(random.Random(f"reaper/{seed}"))
        self.workers: list[Worker] = []
        self.gateways: list[Gateway] = []
        self.phones: list[str] = []
        self._started = Counter[str]()
        self.calm = False
        self.lost_wakes = 0.0
        self.forgers_every_s = 60.0
        self.spacing_s = 6.0
        """Two payments of one seed are so far apart."""

    # --- set-up

    def build(self) -> None:
        chance = self.chance
        self.phones = town.phones(max(60, int(self.payments * chance.choice((0.5, 1.0, 2.0)))))
        self.spacing_s = chance.choice((0.1, 0.3, 1.0))
        settings = SimulatorSettings(
            merchants=town.MERCHANTS,
            seed=self.seed,
            query_rate=None,
        )
        self.chaos = Chaos(self.seed, rate=0.6 if self.harsh else chance.choice((0.1, 0.25, 0.4)))
        self.engine = Engine(settings)
        self.loop.create_task(self.engine.deliverer.close())  # the network delivers
        self.network = Network(self.hub, self.engine, public_url=PUBLIC_URL)
        self.town = self.hub.quietly(lambda: unit(partial(town.build, certificate=self.engine.key.certificate)))
        self.oracle = Oracle(self.hub, self.engine, self.trace)
        self.payers = Payers(self)
        self.hub.woken = self._wake
        for number in range(2):
            self._start_gateway(number)
        for number in range(2):
            self._start_worker(number)

    def _draw_faults(self) -> None:
        """A swarm: each seed has some of them, each as often as it likes."""
        chance = self.chance

        def on(share: float) -> float:
            if self.harsh:
                return 3 * share
            return share * chance.uniform(0.2, 1.0) if chance.random() < 0.7 else 0.0

        self.weather = Weather(slow_share=on(0.002), lost_share=on(0.001), refused_share=on(0.001))
        self.hub.weather = self.weather
        self.reaper.die_share = on(0.006)
        self.reaper.freeze_share = on(0.004)
        self.reaper.statement_share = on(0.0005)
        self.network.refused_share = on(0.04)
        self.network.dropped_share = on(0.04)
        self.lost_wakes = on(0.3)
        self.forgers_every_s = chance.choice((20.0, 60.0, 300.0))

    # --- processes

    def _start_worker(self, number: int) -> None:
        self._started["worker"] += 1
        name = f"worker{number}.{self._started['worker']}"
        worker = Worker(self.hub, self.network, name, keys=town.KEYS, session=Session(self.network), reaper=self.reaper)
        self.workers = [each for each in self.workers if not each.node.dead] + [worker]
        self._again_when_dead(worker.node, lambda: self._start_worker(number))

    def _start_gateway(self, number: int) -> None:
        self._started["gateway"] += 1
        name = f"gateway{number}.{self._started['gateway']}"
        gateway = Gateway(self.hub, name, keys=town.KEYS, listed=[ip_network(LISTED)], reaper=self.reaper)
        self.gateways = [each for each in self.gateways if not each.node.dead] + [gateway]
        self.network.gateways = self.gateways
        self._again_when_dead(gateway.node, lambda: self._start_gateway(number))

    def _again_when_dead(self, node: nodes.Node, start: Callable[[], None]) -> None:
        """The supervisor: what died comes back, now at once, now late."""

        async def watch() -> None:
            await node.ended.wait()
            await asyncio.sleep(self.chance.choice((0.5, 2.0, 20.0, 90.0)))
            start()

        GRAVEYARD.append(self.loop.create_task(watch()))

    def _wake(self) -> None:
        first = self.hub.chance.choice(self.workers) if self.workers else None
        for worker in self.workers:
            if worker is not first and self.hub.chance.random() < 0.75:
                continue  # it hears of it when it looks by itself: two that always race would cost twice the time
            if self.lost_wakes and self.hub.chance.random() < self.lost_wakes:
                self.trace.counts["notification lost"] += 1
                continue
            worker.bell.ring_in(self.hub.chance.choice(_HEARD_AFTER_S))

    def a_gateway(self, chance: random.Random) -> Gateway | None:
        alive = [each for each in self.gateways if not each.node.dead]
        return chance.choice(alive) if alive else None

    # --- the story

    async def open(self, *, c2b: bool, pull: bool) -> None:
        """Build the town, and tell Safaricom of it."""
        self.build()
        await nodes.register(
            self.hub,
            self.network,
            self.town.accounts,
            keys=town.KEYS,
            session=Session(self.network),
            c2b=c2b,
            pull=pull,
        )

    async def story(self) -> None:
        await self.open(c2b=self.chance.random() < 0.85, pull=self.chance.random() < 0.75)
        self._draw_faults()
        self.engine.set_chaos(self.chaos)
        assert self.engine.swarm is not None
        self.engine.swarm.shares = {  # an id of another push's whose owner has none: a query cannot tell them apart
            kind: share for kind, share in self.engine.swarm.shares.items() if kind is not FaultKind.ID_REPEATED
        }
        visits = [self._visit(number) for number in range(self.payments)]
        forging = self.loop.create_task(Forgers(self, every_s=self.forgers_every_s).run())
        operator = Operator(self)
        operating = self.loop.create_task(operator.run())
        finance = Finance(self, every_s=self.chance.choice((300.0, 900.0, 3600.0)))
        working = self.loop.create_task(finance.run())
        watching = self.loop.create_task(self.watch())
        arriving = asyncio.gather(*visits)
        await asyncio.wait({arriving, watching}, return_when=asyncio.FIRST_COMPLETED)
        forging.cancel()
        operating.cancel()
        if watching.done():
            return
        arriving.result()
        self.calm_down()
        await operator.release()
        await asyncio.wait({watching}, timeout=FINANCE_S)
        finance.only_looks = True
        work._SHORTEST_S = _SELDOM_S  # type: ignore[misc]
        await self.end(watching)
        working.cancel()
        watching.cancel()

    async def end(self, watching: asyncio.Task[None]) -> None:
        """Wait until all is told, and close the books."""
        ends = self.loop.time() + CALM_S - FINANCE_S
        while self.loop.time() < ends and not watching.done() and not self._all_is_told():
            await asyncio.wait({watching}, timeout=1800.0)
        if not self.oracle.violations:
            self.oracle.close_the_books(self.network.acknowledged)

    async def _visit(self, number: int) -> None:
        chance = random.Random(f"visit/{self.seed}/{number}")
        await asyncio.sleep(number * self.spacing_s + chance.uniform(0, 60))
        visit = Visit(self, number, chance.choice(self.town.houses), chance)
        try:
            await visit.run()
        except Exception as error:  # noqa: BLE001 - a refusal that nobody expects is a finding
            self.oracle.complain(f"visit {number}: {error!r}")

    def _all_is_told(self) -> bool:
        """Nothing is under way, here or at Safaricom, and the operator has said of each task whose it is. Claims that
        nobody confirmed are asked about for a day."""
        if getattr(self.engine.clock, "_timers", True):
            return False
        (row,) = self.hub.quietly(lambda: unit(lambda tx: tx.rows(_UNDER_WAY)))
        return not row["under_way"]

    async def watch(self) -> None:
        """Ends the story where something is wrong."""
        while not self.oracle.violations:
            await asyncio.sleep(5.0)

    def calm_down(self) -> None:
        """No faults any more, and hours for whatever is under way."""
        self.calm = True
        self.trace.say("calm")
        self.hub.weather = CALM
        self.reaper.die_share = self.reaper.freeze_share = self.reaper.statement_share = 0.0
        self.network.refused_share = self.network.dropped_share = 0.0
        self.lost_wakes = 0.0
        self.engine.faults.clear()
        self.engine.set_chaos(None)
        self.engine.end_maintenance()
        work.LOOK_EVERY_S = 3600.0  # type: ignore[misc]


@contextmanager
def prepared(
    seed: int,
    payments: int = 0,
    *,
    broken_by: Sequence[Callable[[], AbstractContextManager[None]]] = (),
    harsh: bool = False,
) -> Iterator[Simulation]:
    """A simulation in the database of Django's settings, which is emptied first; time, chance and the network are its.

    ``broken_by``: what breaks the server on purpose, entered when the database is ready.
    """
    loop = VirtualLoop()
    trace = Trace(loop.time)
    with ExitStack() as stack:
        if gc.isenabled():  # it would end what died long ago, and run its handlers whenever it likes
            gc.disable()
            stack.callback(gc.enable)
        hub = Hub(loop, seed=seed, trace=trace, settings=database_settings())
        stack.callback(hub.close)
        stack.enter_context(_in_virtual_time(loop, hub, seed))
        hub.quietly(_prepare)
        stack.callback(hub.quietly, _restore)
        simulation = Simulation(seed=seed, payments=payments, loop=loop, hub=hub, trace=trace, harsh=harsh)
        stack.enter_context(_listening(simulation))
        for breaking in broken_by:
            stack.enter_context(breaking())
        loop.set_exception_handler(lambda _loop, told: _unheard(simulation, told))
        GRAVEYARD.append(simulation)
        yield simulation
        GRAVEYARD.append(asyncio.all_tasks(loop))


def run(
    seed: int,
    payments: int,
    *,
    broken_by: Sequence[Callable[[], AbstractContextManager[None]]] = (),
    harsh: bool = False,
) -> Outcome:
    """Simulate ``payments`` fees as ``seed`` has it."""
    began = time.monotonic()
    with prepared(seed, payments, broken_by=broken_by, harsh=harsh) as simulation:
        try:
            simulation.loop.run_until_complete(simulation.story())
        except StandsStill:
            simulation.oracle.violate("the simulation stands still")
        moves = simulation.hub.quietly(lambda: unit(_moves))
    trace = simulation.trace
    return Outcome(
        seed=seed,
        payments=payments,
        trace=trace.digest(),
        steps=trace.steps,
        virtual_s=simulation.loop.time(),
        counts=trace.counts,
        violations=simulation.oracle.violations,
        complaints=simulation.oracle.complaints,
        moves=moves,
        lines=list(trace.lines),
        took_s=time.monotonic() - began,
    )


def _restore() -> None:
    """The database's own clock again, for whoever uses it next."""
    original = Path(migrations.__file__).with_name("0001_rufaa_now.sql").read_text(encoding="utf-8")
    unit(lambda tx: tx.execute(original.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")))
    unit(lambda tx: _vacuum(tx, "RESET (autovacuum_enabled)"))


def _prepare() -> None:
    def empty(tx: Tx) -> None:
        row = tx.row(_EMPTY)
        assert row is not None
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute(next(iter(row.values())))
        tx.execute("INSERT INTO rufaa_clock (id, \"offset\") VALUES (1, interval '0')")
        tx.execute(NOW_IN_DATABASE)
        _vacuum(tx, "SET (autovacuum_enabled = false)")

    unit(empty)


def _vacuum(tx: Tx, how: str) -> None:
    """Autovacuum comes when it likes, and changes plans, and with them the order of rows that nobody ordered."""
    for row in tx.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"):
        tx.execute(f'ALTER TABLE "{row["tablename"]}" {how}')


def _moves(tx: Tx) -> Counter[tuple[str, str, str, str]]:
    rows = tx.rows("SELECT machine, from_state, event, to_state, count(*) AS n FROM history GROUP BY 1, 2, 3, 4")
    return Counter({(row["machine"], row["from_state"], row["event"], row["to_state"]): row["n"] for row in rows})


@contextmanager
def _in_virtual_time(loop: VirtualLoop, hub: Hub, seed: int) -> Iterator[None]:
    """Time, chance and connections of production code are the simulation's."""
    chance = random.Random(f"ids/{seed}")

    def wake(_: Tx, *_loops: str) -> None:
        if hub.current is None:
            hub.woken()
        else:
            hub.current.wakes_workers = True

    patches = (
        (clock, "now", loop.now),
        (ids, "time", SimpleNamespace(time_ns=lambda: int(loop.now().timestamp() * 1_000_000) * 1000)),
        (ids, "os", SimpleNamespace(urandom=chance.randbytes)),
        (ids, "secrets", SimpleNamespace(choice=chance.choice, token_hex=lambda n: chance.randbytes(n).hex())),
        (clock, "uptime_s", loop.time),
        (connections, "_connections", OneEach(hub)),
        (Tx, "wake_workers", wake),
        (work, "LOOK_EVERY_S", 120.0),
        (work, "_SHORTEST_S", work._SHORTEST_S),  # so that what the calm changes is undone
        (work, "time", SimpleNamespace(monotonic=loop.time)),
    )
    with ExitStack() as stack:
        for target, name, value in patches:
            stack.enter_context(mock.patch.object(target, name, value))
        stack.enter_context(mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}))
        failpoints.listen(lambda point: nodes.reached(hub, point))
        stack.callback(failpoints.listen, None)
        yield


@contextmanager
def _listening(simulation: Simulation) -> Iterator[None]:
    """The server's log: an error that no fault explains is one of the server."""
    before = structlog.get_config()

    def hear(_logger: object, method: str, event: Mapping[str, Any]) -> str:
        name, error = str(event.get("event")), event.get("exc_info")
        node = NODE.get()
        if (method == "exception" or error) and (node is None or not node.dead):
            _heard(simulation, name)
        raise structlog.DropEvent

    structlog.configure(
        processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(40), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _heard(simulation: Simulation, name: str) -> None:
    import sys  # noqa: PLC0415

    error = sys.exception()
    simulation.trace.counts[f"logged {name}: {type(error).__name__}"] += 1
    simulation.trace.say("logged", name, repr(error)[:300])
    if type(error).__name__ not in _EXPLAINED:
        simulation.oracle.complain(f"{name}: {error!r}")


_EXPLAINED: Final = frozenset({"OperationalError", "InterfaceError", "DatabaseSilent", "NeverBegun", "GivenUp"})


def _unheard(simulation: Simulation, told: Mapping[str, Any]) -> None:
    error = told.get("exception")
    if error is not None and not isinstance(error, nodes.Died) and type(error).__name__ not in _EXPLAINED:
        simulation.oracle.complain(f"{told.get('message')}: {error!r}")
