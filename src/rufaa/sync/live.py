"""Live queries: the answers that somebody watches, kept true.

One *query* is a function with its arguments and who asks; all who watch the same share it, and nobody else. A run
records what it read (``rufaa.reads``); a commit anywhere tells what it changed; what is touched runs again, and who
watches is told if the answer is another one. How it is sent is the edge's part.

``Changes`` is where news comes from. It hears commits in their order, so that "all before this is heard" can be asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable
from functools import partial
from typing import Any, Final, Protocol

from rufaa import reads
from rufaa.log import trace
from rufaa.reads import EVERYTHING, Reads
from rufaa.sync.calls import Calls, Failure, Form, Outcome, TookTooLong, same
from rufaa.sync.registry import FunctionKind
from rufaa.sync.runtime import Identity, Overloaded
from rufaa.sync.values import JsonValue

AT_ONCE: Final = 4
FIRST_BACKOFF_S: Final = 0.25
LONGEST_BACKOFF_S: Final = 15.0
SHORTEST_S: Final = 0.2
"""A query that changes with the clock alone is not run more often than this for that reason."""
_log: Final = logging.getLogger("rufaa.sync")


class Changes(Protocol):
    """Tells what was committed, by any process, in the order of the commits."""

    def hear(self, heard: Callable[[Collection[str] | None], None], /) -> None:
        """From now on ``heard`` is called in the event loop with the topics of each piece of news. None: anything may
        have changed."""

    async def all_heard(self) -> None:
        """Returns when the news of all that was committed before the call has been told."""


class Watch:
    """One who watches. ``outcome`` is None until the query has run; after ``close`` nothing is told any more."""

    __slots__ = ("_born", "_closed", "_live", "_on_change", "_query", "outcome")

    def __init__(self, live: LiveQueries, query: _Query, on_change: Callable[[], None], *, born: int) -> None:
        self.outcome: Outcome | None = None
        self._live = live
        self._query = query
        self._on_change = on_change
        self._born = born
        self._closed = False

    def close(self) -> None:
        """Stop watching. Closing again does nothing."""
        if not self._closed:
            self._closed = True
            self._live._left(self._query, self)

    def _tell(self, outcome: Outcome) -> None:
        if self._closed:
            return
        self.outcome = outcome
        try:
            self._on_change()
        except Exception as error:  # noqa: BLE001 - one who watches must not keep the news from the others
            _log.error("live.telling_failed error=%s", trace(error))


class _Query:
    """A function with its arguments and its asker. ``began`` and ``touched`` are ticks of ``LiveQueries``."""

    __slots__ = (
        "args",
        "backoff_s",
        "began",
        "due",
        "heard",
        "identity",
        "key",
        "name",
        "outcome",
        "running",
        "timer",
        "topics",
        "waiters",
        "watches",
    )

    def __init__(self, key: object, name: str, args: JsonValue, identity: Identity | None) -> None:
        self.key = key
        self.name = name
        self.args = args
        self.identity = identity
        self.watches: set[Watch] = set()
        self.outcome: Outcome | None = None
        self.topics: frozenset[str] = frozenset()  # of the last run
        self.running: asyncio.Task[tuple[Outcome, Reads] | None] | None = None
        self.began = 0  # the last run
        self.due = False  # in the queue
        self.heard: set[str] = set()  # during the present run
        self.timer: asyncio.TimerHandle | None = None
        self.backoff_s = FIRST_BACKOFF_S
        self.waiters: list[tuple[int, asyncio.Future[None]]] = []


class LiveQueries:
    """Runs watched queries with ``calls``, at most ``at_once`` at the same time, and one query never beside itself.

    Its methods belong to the event loop. Call ``aclose`` before the loop ends.
    """

    def __init__(self, calls: Calls, changes: Changes, *, at_once: int = AT_ONCE) -> None:
        self._calls = calls
        self._changes = changes
        self._at_once = at_once
        self._queries: dict[object, _Query] = {}
        self._by_topic: dict[str, set[_Query]] = {}
        self._due: deque[_Query] = deque()
        self._running: set[_Query] = set()
        self._joining: set[asyncio.Task[None]] = set()
        self._tick = 0  # orders news, runs and watches
        self._closed = False
        changes.hear(self._heard)

    def watch(self, name: str, args: JsonValue, identity: Identity | None, *, on_change: Callable[[], None]) -> Watch:
        """Start watching the canonical ``name`` with ``args`` as ``identity``, which must be hashable.

        Never raises for bad names or arguments: the outcome says so. ``on_change`` is called in the event loop, and
        never from within this call, when the outcome is there for the first time or is another one.
        """
        key = (name, _text(args), identity)
        query = self._queries.get(key)
        known = query is not None
        if query is None:
            query = self._queries[key] = _Query(key, name, args, identity)
        watch = Watch(self, query, on_change, born=self._next_tick())
        query.watches.add(watch)
        if known:
            self._spawn(self._join(query, watch))
        else:
            self._touch(query)
        return watch

    async def caught_up(self) -> None:
        """All that was committed before this call is heard, and every watch that it touched has run since.

        What cannot run now, since the server is overloaded, is not waited for.
        """
        await self._changes.all_heard()
        mark = self._next_tick()
        waits = [self._settled(query, mark) for query in self._queries.values() if query.due or query.running]
        if waits:
            await asyncio.gather(*waits)

    async def settled(self, watches: Iterable[Watch]) -> None:
        """Those of ``watches`` that the news up to now has touched have run since: what they say belongs together."""
        mark = self._next_tick()
        queries = {watch._query for watch in watches if watch._query.due or watch._query.running}
        if queries:
            await asyncio.gather(*(self._settled(query, mark) for query in queries))

    async def aclose(self) -> None:
        """Run nothing any more."""
        self._closed = True
        for query in self._queries.values():
            _stop_timer(query)
        tasks = [*self._joining, *(query.running for query in self._running if query.running is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is touched ---------------------------------------------------------------------------------------------

    def _heard(self, topics: Collection[str] | None) -> None:
        self._next_tick()
        topics = (EVERYTHING,) if topics is None else topics
        for query in self._running:
            query.heard.update(topics)
        if EVERYTHING in topics:
            touched = set(self._queries.values())
        else:
            touched = set(self._by_topic.get(EVERYTHING, ()))
            touched.update(*(self._by_topic[topic] for topic in topics if topic in self._by_topic))
        for query in touched:
            if query.running is None:  # else its end decides, when it is known what it read
                self._touch(query)

    def _touch(self, query: _Query) -> None:
        """``query`` is to run, at once or when there is room."""
        _stop_timer(query)
        if not query.due and not self._closed:
            query.due = True
            self._due.append(query)
            self._begin()

    def _begin(self) -> None:
        while self._due and len(self._running) < self._at_once:
            query = self._due.popleft()
            query.due = False
            if query.watches:
                query.began = self._next_tick()
                query.heard.clear()
                self._running.add(query)
                query.running = asyncio.create_task(self._run(query), name=f"live {query.name}")
                query.running.add_done_callback(partial(self._ended, query))

    # --- runs --------------------------------------------------------------------------------------------------------

    async def _run(self, query: _Query) -> tuple[Outcome, Reads] | None:
        """None: it could not run now."""
        try:
            with reads.recording() as read:
                outcome = await self._calls.call(
                    query.name, kind=FunctionKind.QUERY, args=query.args, identity=query.identity, form=Form.WIRE
                )
        except (Overloaded, TookTooLong):
            return None
        except Exception as error:  # noqa: BLE001 - a run must not end the others
            _log.error("live.run_failed function=%s error=%s", query.name, trace(error))
            return None
        return outcome, read

    def _ended(self, query: _Query, task: asyncio.Task[tuple[Outcome, Reads] | None]) -> None:
        self._running.discard(query)
        query.running = None
        if self._closed:
            return
        if query.watches:
            self._took(query, None if task.cancelled() else task.result())
        self._begin()

    def _took(self, query: _Query, answer: tuple[Outcome, Reads] | None) -> None:
        if answer is None:  # the old answer stays
            self._later(query, query.backoff_s)
            query.backoff_s = min(2 * query.backoff_s, LONGEST_BACKOFF_S)
            self._release(query, all_of_them=True)
            return
        outcome, read = answer
        query.backoff_s = FIRST_BACKOFF_S
        self._index(query, _topics(outcome, read))
        stale = bool(query.heard) and (
            EVERYTHING in query.heard or EVERYTHING in query.topics or not query.topics.isdisjoint(query.heard)
        )
        self._show(query, outcome)
        if not query.watches:  # who was told has left
            return
        self._release(query, all_of_them=not stale)  # before the next run begins, which is none that has ended
        if stale:
            self._touch(query)
        elif read.again_s is not None:
            self._later(query, max(read.again_s, SHORTEST_S))

    def _show(self, query: _Query, outcome: Outcome) -> None:
        """The answer of a run, and who has to be told of it."""
        changed = query.outcome is None or not same(query.outcome, outcome)
        if changed:
            query.outcome = outcome
        assert query.outcome is not None
        for watch in list(query.watches):
            first = watch.outcome is None and query.began > watch._born
            if first or (changed and watch.outcome is not None):
                watch._tell(query.outcome)

    def _index(self, query: _Query, topics: frozenset[str]) -> None:
        for topic in query.topics - topics:
            self._by_topic[topic].discard(query)
            if not self._by_topic[topic]:
                del self._by_topic[topic]
        for topic in topics - query.topics:
            self._by_topic.setdefault(topic, set()).add(query)
        query.topics = topics

    def _later(self, query: _Query, seconds: float) -> None:
        _stop_timer(query)
        query.timer = asyncio.get_running_loop().call_later(seconds, self._touch, query)

    # --- who waits, comes and goes -----------------------------------------------------------------------------------

    async def _join(self, query: _Query, watch: Watch) -> None:
        """A query that runs already has an answer for ``watch`` once it is not older than the watch."""
        await self._changes.all_heard()
        if query.due or query.running:
            await self._settled(query, self._next_tick())
        if watch in query.watches and watch.outcome is None and query.outcome is not None:
            watch._tell(query.outcome)

    def _settled(self, query: _Query, mark: int) -> asyncio.Future[None]:
        """Done when ``query`` has run since ``mark``, or needs not."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        query.waiters.append((mark, waiter))
        return waiter

    def _release(self, query: _Query, *, all_of_them: bool) -> None:
        kept = []
        for mark, waiter in query.waiters:
            if all_of_them or query.began > mark:
                if not waiter.done():
                    waiter.set_result(None)
            else:
                kept.append((mark, waiter))
        query.waiters = kept

    def _left(self, query: _Query, watch: Watch) -> None:
        query.watches.discard(watch)
        if query.watches:
            return
        if self._queries.get(query.key) is query:
            del self._queries[query.key]
        _stop_timer(query)
        self._index(query, frozenset())
        self._release(query, all_of_them=True)
        if query.running is not None:
            query.running.cancel()

    def _next_tick(self) -> int:
        self._tick += 1
        return self._tick

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)


def _text(args: JsonValue) -> object:
    """Equal for equal arguments. What is nested too deeply is shared with nobody; its run says what is wrong."""
    try:
        return json.dumps(args, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        return object()


def _topics(outcome: Outcome, read: Reads) -> frozenset[str]:
    """What a run that ended in ``outcome`` depends on. Who noted nothing, or failed by surprise, depends on all."""
    if isinstance(outcome, Failure):
        return frozenset() if outcome.invalid else frozenset({EVERYTHING})
    return frozenset(read.topics or {EVERYTHING})


def _stop_timer(query: _Query) -> None:
    if query.timer is not None:
        query.timer.cancel()
        query.timer = None
