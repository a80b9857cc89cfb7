"""Strands: blocking database work that stops before each of its statements, so that others get between.

A strand is a greenlet with a Django connection of its own. Before each round trip to PostgreSQL it goes to sleep for a
moment of virtual time that chance draws; so the statements of open transactions mix in every way, and one seed is one
order. A statement that meets a lock is parked until a transaction ends; PostgreSQL is asked who blocks whom, and no
time is lost in waiting. Several that wait for one transaction would go on at once, and race: so PostgreSQL's process of
whoever is parked is stopped, and they go on one after the other. That needs a PostgreSQL on this machine whose
processes may be stopped; with any other a seed is a story, but not each time the same.
"""

from __future__ import annotations

import os
import random
import select
import signal
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import psycopg
from django.db import connections
from django.db.backends.postgresql.base import Cursor, DatabaseWrapper
from greenlet import getcurrent, greenlet
from psycopg import errors
from psycopg.pq import TransactionStatus

from rufaa.db import aside
from simulation.trace import Trace
from simulation.virtual import VirtualLoop, set_now

T = TypeVar("T")

LOCK_TIMEOUT_S: Final = 5.0
"""As ``settings.py`` has it, in virtual time."""
IDLE_IN_TRANSACTION_S: Final = 20.0
_QUIET: Final = frozenset({"_set_autocommit_gen", "_set_isolation_level_gen"})
_HOLDS_NO_LOCKS: Final = frozenset({TransactionStatus.IDLE, TransactionStatus.INERROR})
"""PostgreSQL frees the locks of what failed at once, and does not wait for the ROLLBACK."""
_SOON_S: Final = 0.002
NODE: ContextVar[Any] = ContextVar("node", default=None)
"""The process that runs now; None: Safaricom, a person, or the simulation itself."""
GRAVEYARD: Final[list[object]] = []
"""What died is kept: collected, its ``finally`` blocks would run, which a dead process's never do."""


class Died(BaseException):
    """The process was killed here. No handler of its own may act on it."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How rough the database and its machine are, for one seed."""

    pauses: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0005, 0.003)
    """Seconds before a statement; one is drawn each time."""
    slow_share: float = 0.0
    """Of the statements: they come seconds late."""
    lost_share: float = 0.0
    """Of the statements: the connection dies at it; for a COMMIT before or after it took effect."""
    refused_share: float = 0.0
    """Of the statements: PostgreSQL rolls the transaction back, as after a deadlock."""


CALM: Final = Weather()


class Hub:
    """Where all strands meet: the loop, the connections, and who waits for whom."""

    def __init__(self, loop: VirtualLoop, *, seed: int, trace: Trace, settings: dict[str, Any]) -> None:
        self.loop = loop
        self.chance = random.Random(f"strands/{seed}")
        self.trace = trace
        self.weather = CALM
        self.current: Strand | None = None
        self.counts: Counter[str] = trace.counts
        self.committed: list[Callable[[Strand], None]] = []
        """Called after each COMMIT of a strand, in the hub."""
        self.woken: Callable[[], None] = lambda: None
        """Called when a transaction that wakes workers has committed."""
        self._home = getcurrent()
        self._settings = settings
        self._free: list[Wrapper] = []
        self._all: list[Wrapper] = []
        self._open: set[SimConnection] = set()
        self._parked: list[Strand] = []
        self._strands = 0
        self.own = self.new_wrapper()
        self._locks = psycopg.connect(**_plain(settings), autocommit=True)
        self._stops = _may_stop(self._locks)

    # --- connections

    def new_wrapper(self) -> Wrapper:
        wrapper = Wrapper(self._settings, "default")
        wrapper.hub = self
        self._all.append(wrapper)
        return wrapper

    def take(self) -> Wrapper:
        return self._free.pop() if self._free else self.new_wrapper()

    def give_back(self, wrapper: Wrapper) -> None:
        if wrapper.connection is None or not wrapper.connection.closed:
            self._free.append(wrapper)

    def close(self) -> None:
        for strand in self._parked:
            self._tell(strand.connection, signal.SIGCONT)
        for wrapper in self._all:
            if wrapper.connection is not None:
                wrapper.connection.pgconn.finish()
        self._locks.close()

    def peek(self, sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query about what is committed, with nobody in between and as cheaply as it can be."""
        return self._locks.execute(sql, params, prepare=True).fetchall()

    def quietly(self, work: Callable[[], T]) -> T:
        """Run blocking work at once, with nobody between its statements. Only outside of strands."""
        assert self.current is None
        return work()

    # --- strands

    def begin(self, work: Callable[[], T], *, label: str = "work", done: Callable[[Strand], None]) -> Strand:
        self._strands += 1
        return Strand(self, self._strands, NODE.get(), work, label=label, done=done)

    async def run(self, work: Callable[[], T], *, label: str = "work") -> T:
        """What ``work`` returns or raises, run as a strand of the present process."""
        future = self.loop.create_future()

        def done(strand: Strand) -> None:
            if future.done():
                return
            if strand.error is not None:
                future.set_exception(strand.error)
            else:
                future.set_result(strand.result)

        self.begin(work, label=label, done=done)
        result: T = await future
        return result

    def others_are_open(self, connection: SimConnection) -> bool:
        return bool(self._open - {connection})

    def note_status(self, connection: SimConnection) -> None:
        if connection.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
            self._open.add(connection)
        else:
            self._open.discard(connection)

    # --- locks

    def blockers(self, pid: int) -> list[int]:
        ((pids,),) = self.peek("SELECT pg_blocking_pids(%(pid)s)", {"pid": pid})
        return list(pids)

    def park(self, strand: Strand, blockers: list[int]) -> None:
        """Let ``strand`` wait until the lock that its statement wants is free. Raises what PostgreSQL would."""
        self.counts["parked on a lock"] += 1
        self.trace.say("parks", strand.id)
        connection = strand.connection
        if self._in_a_ring(connection.pgconn.backend_pid, blockers):
            self.counts["deadlock"] += 1
            self._cancel(connection)
            raise errors.DeadlockDetected("deadlock detected (by the simulation)")
        self._tell(connection, signal.SIGSTOP)
        self._parked.append(strand)
        self._open.add(connection)  # its first statement may hold locks already, and more before its answer is read
        timer = self.loop.call_later(LOCK_TIMEOUT_S, self._lock_timeout, strand)
        strand.switch_out()
        timer.cancel()
        if strand.lock_timed_out:
            strand.lock_timed_out = False
            raise errors.LockNotAvailable("canceling statement due to lock timeout (by the simulation)")

    def released(self) -> None:
        """Locks were given free: who can go on now goes on, one at a time, until it is answered or waits again."""
        settled = False
        while self._parked and not settled:
            settled = True
            for strand in list(self._parked):
                connection = strand.connection
                if self.blockers(connection.pgconn.backend_pid):
                    continue
                self._tell(connection, signal.SIGCONT)
                while not _readable(connection, _SOON_S):
                    if self.blockers(connection.pgconn.backend_pid):
                        self._tell(connection, signal.SIGSTOP)
                        break
                else:
                    self._parked.remove(strand)
                    strand.wake(self.draw_pause())
                settled = False

    def _tell(self, connection: SimConnection, what: signal.Signals) -> None:
        """Stop PostgreSQL's process of ``connection``, which sleeps at a lock, or let it go on."""
        if self._stops:
            os.kill(connection.pgconn.backend_pid, what)

    def _lock_timeout(self, strand: Strand) -> None:
        if strand in self._parked:
            self.counts["lock timeout"] += 1
            self._parked.remove(strand)
            self._cancel(strand.connection)
            strand.lock_timed_out = True
            strand.wake(0.0)

    def _cancel(self, connection: SimConnection) -> None:
        """End the statement that waits, and read its end."""
        self._tell(connection, signal.SIGCONT)
        connection.pgconn.get_cancel().cancel()
        while connection.pgconn.get_result() is not None:
            pass

    def _in_a_ring(self, pid: int, blockers: list[int]) -> bool:
        parked = {each.connection.pgconn.backend_pid for each in self._parked}
        seen: set[int] = set()
        wanted = list(blockers)
        while wanted:
            each = wanted.pop()
            if each == pid:
                return True
            if each in parked and each not in seen:
                seen.add(each)
                wanted += self.blockers(each)
        return False

    def forget(self, strand: Strand) -> None:
        """``strand`` is dead: its transaction is rolled back, and it never goes on."""
        if strand in self._parked:
            self._parked.remove(strand)
            self._cancel(strand.connection)
        strand.dead = True
        GRAVEYARD.append(strand)
        wrapper = strand.wrapper
        if wrapper is not None and wrapper.connection is not None and not wrapper.connection.closed:
            self.break_off(wrapper.connection)

    def break_off(self, connection: SimConnection) -> None:
        """The connection is gone; what was open in it is rolled back now, and not whenever PostgreSQL notices."""
        if connection.pgconn.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
            connection.pgconn.exec_(b"ROLLBACK")
        connection.pgconn.finish()
        self._open.discard(connection)
        self.released()

    def draw_pause(self) -> float:
        if self.weather.slow_share and self.chance.random() < self.weather.slow_share:
            self.counts["slow statement"] += 1
            return self.chance.uniform(0.5, 30.0)
        return self.chance.choice(self.weather.pauses)

    # --- who runs

    def switch_to(self, strand: Strand) -> None:
        assert self.current is None
        self.current = strand
        aside._thread.given_up = strand.given_up
        try:
            strand.greenlet.switch()
        finally:
            strand.given_up = getattr(aside._thread, "given_up", None)
            aside._thread.given_up = None
            self.current = None


class Strand:
    """One piece of blocking work. ``done`` is called in the hub when it ends, unless its process died."""

    def __init__(
        self, hub: Hub, number: int, node: Any, work: Callable[[], Any], *, label: str, done: Callable[[Strand], None]
    ) -> None:
        self.hub = hub
        self.id = number
        self.node = node
        self.label = label
        self.work = work
        self.done = done
        self.result: Any = None
        self.error: BaseException | None = None
        self.dead = False
        self.lock_timed_out = False
        self.given_up: Any = None
        self.wakes_workers = False
        self.wrote = False
        self.fate: BaseException | None = None
        """What the next statement will be told."""
        self.wrapper: Wrapper | None = None
        self.greenlet = greenlet(self._run, hub._home)
        self.greenlet.gr_context = copy_context()
        if node is not None:
            node.strands.append(self)
        hub.trace.say("begins", number, label)
        self.wake(hub.draw_pause())

    @property
    def connection(self) -> SimConnection:
        connection = None if self.wrapper is None else self.wrapper.connection
        assert isinstance(connection, SimConnection)
        return connection

    def wake(self, after_s: float) -> None:
        if self.node is not None:
            after_s = max(after_s, self.node.frozen_until - self.hub.loop.time())
        if after_s > 0:
            self.hub.loop.call_later(after_s, self._step)
        else:
            self.hub.loop.call_soon(self._step)

    def _step(self) -> None:
        if self.dead or (self.node is not None and self.node.dead):
            return
        if self.node is not None and self.node.frozen_until > self.hub.loop.time():
            self.wake(0.0)
            return
        self.hub.switch_to(self)
        if self.greenlet.dead and not self.dead:
            self._end()

    def _end(self) -> None:
        if self.node is not None:
            self.node.strands.remove(self)
        self.hub.trace.say("ends", self.id, "" if self.error is None else repr(self.error)[:200])
        self.done(self)

    def _run(self) -> None:
        self.wrapper = self.hub.take()
        try:
            self.result = self.work()
        except Died:
            raise AssertionError("a strand dies by not going on") from None
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for it
            self.error = error
        assert self.wrapper is not None
        self.hub.give_back(self.wrapper)

    def switch_out(self) -> None:
        self.hub._home.switch()

    def pause(self, name: str) -> None:
        """Before a statement: others go on meanwhile, and the process may die or lose its connection."""
        hub = self.hub
        after_s = hub.draw_pause()
        if self.node is not None and self.node.reaper is not None and self.node.reaper.at_statement(self.node):
            self.stop_for_ever()
        in_transaction = self.connection in hub._open
        if after_s > 0 or (self.node is not None and self.node.frozen_until > hub.loop.time()):
            began = hub.loop.time()
            self.wake(after_s)
            self.switch_out()
            if in_transaction and hub.loop.time() - began > IDLE_IN_TRANSACTION_S:
                hub.counts["idle in transaction too long"] += 1
                hub.break_off(self.connection)
                self.fate = errors.IdleInTransactionSessionTimeout("terminating connection (by the simulation)")
        hub.trace.step(hub.loop.time(), self.id, name)

    def stop_for_ever(self) -> None:
        """The process has died in this strand."""
        while True:
            self.switch_out()
            raise AssertionError("a dead strand went on")


class SimConnection(psycopg.Connection[Any]):
    """A connection whose every round trip is a step of its strand."""

    hub: Hub | None = None
    stamped = -1.0
    """The loop's time as this connection was told it last."""
    begins = False
    """The next statement takes the BEGIN with it: a round trip less."""

    def before(self, hub: Hub) -> list[bytes]:
        """What goes to PostgreSQL in front of a statement."""
        front = [b"BEGIN"] if self.begins else []
        now = hub.loop.time()
        if now != self.stamped and self.pgconn.transaction_status != TransactionStatus.INERROR:
            front.append(set_now(hub.loop.now()))
            self.stamped = now
        self.begins = False
        return front

    def _exec_command(self, command: Any, *args: Any, **named: Any) -> Any:
        if self.hub is not None and command == b"BEGIN":
            self.begins = True
            return None
        return (yield from super()._exec_command(command, *args, **named))

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ARG002 - psycopg's
        hub = self.hub
        strand = hub.current if hub is not None else None
        if hub is None or gen.__name__ in _QUIET:
            return super().wait(gen, interval)
        if strand is None or self is hub.own.connection:
            result = super().wait(gen, interval)
            hub.note_status(self)
            return result
        strand.pause(gen.__name__)
        if strand.fate is not None:
            fate, strand.fate = strand.fate, None
            raise fate
        commits = gen.__name__ == "_commit_gen"
        lost = self._lost(hub)
        if lost and not (commits and hub.chance.random() < 0.5):
            self._lose(hub, commits, took_effect=False)
        try:
            result = self._drive(hub, strand, gen) if hub.others_are_open(self) else super().wait(gen, interval)
        finally:
            hub.note_status(self)
            if gen.__name__ in {"_commit_gen", "_rollback_gen"}:
                self.stamped, self.begins = -1.0, False  # a rollback takes the time back, too
            if self.pgconn.transaction_status in _HOLDS_NO_LOCKS:
                hub.released()
        if commits and strand.wrote:
            strand.wrote = False
            hub.trace.say("commits", strand.id)
            for told in hub.committed:
                told(strand)
        if lost:
            self._lose(hub, commits, took_effect=True)
        return result

    def _lost(self, hub: Hub) -> bool:
        weather = hub.weather
        if not (weather.lost_share or weather.refused_share):
            return False
        drawn = hub.chance.random()
        if drawn < weather.lost_share:
            return True
        if drawn < weather.lost_share + weather.refused_share and self in hub._open:
            hub.counts["rolled back by PostgreSQL"] += 1
            raise errors.SerializationFailure("could not serialize (by the simulation)")
        return False

    def _lose(self, hub: Hub, commits: bool, *, took_effect: bool) -> None:
        what = "at a statement" if not commits else "after a COMMIT" if took_effect else "before a COMMIT"
        hub.counts[f"connection lost {what}"] += 1
        hub.trace.say(f"connection lost {what}")
        hub.break_off(self)
        raise psycopg.OperationalError("server closed the connection unexpectedly (by the simulation)")

    def _drive(self, hub: Hub, strand: Strand, gen: Any) -> Any:
        """As ``wait``, and a statement that waits for a lock lets the others go on."""
        try:
            wanted = next(gen)
            while True:
                ready = _ready(self, wanted, _SOON_S)
                if ready:
                    wanted = gen.send(ready)
                else:
                    blockers = hub.blockers(self.pgconn.backend_pid)
                    if blockers:
                        hub.park(strand, blockers)
        except StopIteration as stop:
            return stop.value


class SimCursor(Cursor):  # type: ignore[misc]
    """A cursor whose statements bring the time with them, and that notices what was written."""

    _front = 0

    def _execute_send(self, query: Any, **_named: Any) -> None:
        connection = self._conn
        hub = connection.hub
        assert hub is not None
        front = connection.before(hub)
        self._front = len(front)
        self._query = query
        self._pgconn.send_query(b";".join([*front, query.query]))

    def _set_results(self, results: Any) -> None:
        told = results[self._front :]
        super()._set_results(told)
        strand = self._conn.hub.current
        if strand is not None and any((each.command_status or b"S")[:1] in b"IUD" for each in told):
            strand.wrote = strand.wrote or any(each.command_tuples for each in told)


def _ready(connection: SimConnection, wanted: int, timeout_s: float) -> int:
    fd = [connection.pgconn.socket]
    readable, writable, _ = select.select(fd if wanted & 1 else [], fd if wanted & 2 else [], [], timeout_s)
    return (1 if readable else 0) | (2 if writable else 0)


def _readable(connection: SimConnection, timeout_s: float) -> bool:
    return bool(_ready(connection, 1, timeout_s))


class Wrapper(DatabaseWrapper):
    """Django's connection of one strand. It stays open between units: a new one for each would only cost time."""

    hub: Hub

    def get_new_connection(self, conn_params: dict[str, Any]) -> SimConnection:
        from psycopg import IsolationLevel  # noqa: PLC0415

        self.isolation_level = IsolationLevel.READ_COMMITTED
        connection = SimConnection.connect(**conn_params)
        connection.hub = self.hub
        connection.cursor_factory = SimCursor
        return connection

    def _set_autocommit(self, autocommit: bool) -> None:
        """As psycopg does between transactions, without its round."""
        connection = self.connection
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            connection._autocommit = autocommit
        else:
            super()._set_autocommit(autocommit)

    def close(self) -> None:
        connection = self.connection
        usable = connection is not None and not connection.closed and not self.in_atomic_block
        if usable and connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self.run_on_commit = []
            return
        super().close()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)
        if isinstance(self.connection, SimConnection):
            self.connection.stamped = -1.0
        self.hub.released()

    def _commit(self) -> Any:
        result = super()._commit()
        strand = self.hub.current
        if strand is not None and strand.wakes_workers:
            strand.wakes_workers = False
            self.hub.woken()
        return result

    def _rollback(self) -> Any:
        if self.hub.current is not None:
            self.hub.current.wakes_workers = False
        return super()._rollback()


class OneEach:
    """In the place of Django's thread-local connections: the strand that runs has its own."""

    def __init__(self, hub: Hub) -> None:
        object.__setattr__(self, "_hub", hub)

    def __getattr__(self, alias: str) -> Wrapper:
        hub = object.__getattribute__(self, "_hub")
        strand = hub.current
        wrapper: Wrapper = hub.own if strand is None or strand.wrapper is None else strand.wrapper
        if wrapper.connection is not None and wrapper.connection.closed and not wrapper.in_atomic_block:
            wrapper.connection = None
        return wrapper


class StrandPool:
    """In the place of the threads of ``Aside``: as many strands at a time, the rest wait."""

    def __init__(self, hub: Hub, *, threads: int, name: str) -> None:
        self._hub = hub
        self._name = name
        self._room = threads
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._queue.append((future, partial(work, *args)))
        self._start()
        return future

    def _start(self) -> None:
        while self._room and self._queue:
            future, work = self._queue.popleft()
            if future.set_running_or_notify_cancel():
                self._room -= 1
                self._hub.begin(work, label=self._name, done=partial(self._done, future))

    def _done(self, future: Future[Any], strand: Strand) -> None:
        self._room += 1
        if strand.error is not None:
            future.set_exception(strand.error)
        else:
            future.set_result(strand.result)
        self._start()

    def shutdown(self, **_: object) -> None:
        self._queue.clear()


def database_settings() -> dict[str, Any]:
    """Django's settings without the pool, and with the timeouts that the simulation keeps itself."""
    settings = dict(connections.settings["default"])
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    options["options"] = "-c timezone=UTC -c deadlock_timeout=10min -c synchronous_commit=off -c jit=off"
    return {**settings, "OPTIONS": options}


def _may_stop(connection: psycopg.Connection[Any]) -> bool:
    """Whether PostgreSQL's processes are on this machine, and ours to stop."""
    if not connection.info.host.startswith("/"):
        return False
    try:
        os.kill(connection.info.backend_pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    named = {"dbname": settings["NAME"], "user": settings["USER"], "host": settings["HOST"], "port": settings["PORT"]}
    return {name: value for name, value in named.items() if value}
