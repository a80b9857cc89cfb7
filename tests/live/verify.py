"""``verify_live``: whatever happened, every screen shows what a fresh query would.

A ``Hall`` has many screens: live queries of many people, run by the functions' real runtime in an event loop of its
own, which hears of commits from PostgreSQL alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rufaa import functions, reads
from rufaa.db.aside import Aside
from rufaa.db.listen import Listener
from rufaa.facilities.queries import Actor
from rufaa.sync import values
from rufaa.sync.calls import ApplicationFailure, Calls, Failure, Form, Outcome, Success
from rufaa.sync.live import LiveQueries, Watch
from rufaa.sync.registry import FunctionKind
from rufaa.sync.runtime import Identity
from support import functions_runtime, wait_until

T = TypeVar("T")

DEADLINE_S = 30.0
TURN_S = 4.0
"""An answer that changes with the clock alone may be so much behind."""


@dataclass
class Screen:
    """One live query that somebody looks at, and what it shows."""

    function: str
    args: dict[str, Any]
    who: Actor | None
    watch: Watch | None = None
    shows: object = None  # as of the last telling
    told: int = 0

    @property
    def identity(self) -> Identity | None:
        return None if self.who is None else Identity(self.who.user)

    def __str__(self) -> str:
        return f"{self.function} {self.args} of {self.who.name if self.who else 'nobody'}"


@dataclass
class Hall:
    """The screens, and calls of functions beside them. ``saw``: the functions of which a screen was seen to change."""

    database_url: str
    screens: list[Screen] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    saw: set[str] = field(default_factory=set)

    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="hall", daemon=True)
        self._thread.start()
        self.wait(self._start())

    async def _start(self) -> None:
        self.listener = Listener(self.database_url)
        self.aside = Aside(threads=8, name="hall")
        self.runtime = functions_runtime(self.aside, self.listener, demo=False)
        self.registry = functions.load()
        self.calls = Calls(self.registry, self.runtime, development=True, deadline_s=DEADLINE_S, most_running=1000)
        self.live = LiveQueries(self.calls, self.listener)
        self._listening = asyncio.create_task(self.listener.run())
        await self.listener.connected.wait()

    def close(self) -> None:
        self.wait(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        self.loop.close()

    async def _stop(self) -> None:
        await self.live.aclose()
        await self.calls.aclose()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self.aside.close()

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.begin(work).result(DEADLINE_S)

    # --- screens -----------------------------------------------------------------------------------------------------

    def watch(self, function: str, args: dict[str, Any] | None = None, *, who: Actor | None) -> Screen:
        """Look at ``function`` as ``who``. What it shows is there at the next ``catch_up``."""
        screen = Screen(function, args or {}, who)

        async def begin() -> None:
            def changed() -> None:
                assert screen.watch is not None
                screen.shows = shown(screen.watch.outcome)
                screen.told += 1

            screen.watch = self.live.watch(function, screen.args, screen.identity, on_change=changed)

        self.wait(begin())
        self.screens.append(screen)
        return screen

    def catch_up(self) -> None:
        self.wait(self.live.caught_up())

    def fresh(self, screens: Sequence[Screen]) -> list[tuple[object, reads.Reads]]:
        """What queries asked now answer, and what they read."""

        room = asyncio.Semaphore(100)  # more than two hundred at once are told to come again

        async def ask(screen: Screen) -> tuple[object, reads.Reads]:
            with reads.recording() as read:
                async with room:
                    outcome = await self.calls.call(
                        screen.function,
                        kind=FunctionKind.QUERY,
                        args=screen.args,
                        identity=screen.identity,
                        form=Form.WIRE,
                    )
            return shown(outcome), read

        async def ask_all() -> list[tuple[object, reads.Reads]]:
            return list(await asyncio.gather(*map(ask, screens)))

        return self.wait(ask_all())

    # --- calls -------------------------------------------------------------------------------------------------------

    def do(self, function: str, args: dict[str, Any], *, by: Actor, meanwhile: Callable[[], None] | None = None) -> Any:
        """The value of a mutation that must succeed; ``meanwhile`` happens while it waits for Daraja."""
        call = self.begin(self.calls.call(function, kind=None, args=args, identity=Identity(by.user), form=Form.PLAIN))
        if meanwhile is not None:
            meanwhile()
        outcome = call.result(DEADLINE_S)
        assert isinstance(outcome, Success), outcome
        self.called.add(function)
        return values.loads(outcome.text.encode())


def shown(outcome: Outcome | None) -> object:
    """What a client makes of ``outcome``: failures without the id of their request."""
    match outcome:
        case None:
            return None
        case Success(text):
            return values.loads(text.encode())
        case ApplicationFailure(data=data):
            return {"refused": data}
        case Failure(message):
            return {"failed": message.partition("]")[2]}


def still(answer: object) -> object:
    """``answer`` without what the clock alone changes."""
    if isinstance(answer, dict):
        return {name: still(part) for name, part in answer.items() if name != "secondsLeft"}
    return [still(part) for part in answer] if isinstance(answer, list) else answer


@contextmanager
def hall(database_url: str) -> Iterator[Hall]:
    here = Hall(database_url)
    here.open()
    try:
        yield here
    finally:
        here.close()


@contextmanager
def verify_live(here: Hall, *, changes: bool = True) -> Iterator[None]:
    """What happens inside is on every screen afterwards.

    Fails too where no screen changed, since then nothing was tested, unless ``changes`` is False. Do not move the time
    inside: every query runs again then, whether or not it was told of the right things.
    """
    assert here.screens, "nobody looks"
    here.catch_up()
    before = {id(screen): screen.shows for screen in here.screens}
    yield
    here.catch_up()
    check_screens(here)
    changed = {each.function for each in here.screens if still(each.shows) != still(before[id(each)])}
    here.saw |= changed
    assert bool(changed) == changes, "no screen changed" if changes else f"screens changed: {sorted(changed)}"


def check_screens(here: Hall) -> None:
    for screen, (fresh, read) in zip(here.screens, here.fresh(here.screens), strict=True):
        assert screen.told, f"{screen}: never told"
        assert reads.EVERYTHING not in read.topics, f"{screen}: notes nothing of what it reads"
        if read.again_s is None:
            assert fresh == screen.shows, f"{screen} is stale"
        else:
            wait_until(
                lambda screen=screen: here.fresh([screen])[0][0] == screen.shows,  # type: ignore[misc]
                what=f"{screen}: an answer that is not stale",
                deadline_s=TURN_S,
            )
