"""Live queries with made-up functions: who is told what, and when a query runs. News comes from a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from rufaa import reads
from rufaa.db.atomic import CHANGED
from rufaa.db.listen import Listener
from rufaa.errors import Kind, RufaaError
from rufaa.sync.calls import ApplicationFailure, Calls, Failure, Success
from rufaa.sync.live import LiveQueries, Watch
from rufaa.sync.registry import Function, FunctionKind, Registry
from rufaa.sync.runtime import Overloaded

DEADLINE_S = 10.0


class NotYours(RufaaError):
    kind = Kind.FORBIDDEN
    code = "not-yours"


class Town:
    """A few numbers that can be watched, as functions that run in the event loop, and what became of the runs."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {"a": 1.0, "b": 1.0}
        self.ran: list[tuple[str, object]] = []
        self.running = 0
        self.begun = asyncio.Event()
        self.most_running = 0
        self.hold: asyncio.Event | None = None  # a run waits for it, after it has looked
        self.busy = 0  # so many runs are refused for lack of room
        self.owner: object = None  # the only one who may look; None: all may
        self.registry = Registry()
        numbers = self.registry.module("numbers")

        async def look(who: object, *, name: str) -> object:
            reads.note(f"number:{name}")
            if self.owner not in {None, who}:
                raise NotYours("It is not yours")
            found = self.numbers[name]
            if self.hold is not None:
                await self.hold.wait()
            return found

        async def unnoted(_: object) -> object:
            return sum(self.numbers.values())

        async def fading(_: object) -> object:
            reads.note("number:a")
            reads.changes_in(0.01)
            return float(len(self.ran))

        for function in (look, unnoted, fading):
            numbers.query(function)

    async def until_running(self, number: int) -> None:
        while self.running < number:
            self.begun.clear()
            await self.begun.wait()

    async def authenticate(self, token: str | None, /) -> object:
        return token

    async def run(
        self, function: Function, _kind: FunctionKind, who: object, _: Mapping[str, Any], args: Mapping[str, Any], /
    ) -> object:
        self.ran.append((function.name, who))
        if self.busy > 0:
            self.busy -= 1
            raise Overloaded
        self.running += 1
        self.begun.set()
        self.most_running = max(self.running, self.most_running)
        try:
            result: object = await function.handler(who, **args)
        finally:
            self.running -= 1
        return result


class Screen:
    """One who watches: every answer that was shown."""

    def __init__(self, live: LiveQueries, name: str, args: Any = None, who: object = "jane") -> None:
        self.shown: list[object] = []
        self._news = asyncio.Event()
        self.watch: Watch = live.watch(
            f"numbers:{name}", args if args is not None else {}, who, on_change=self._changed
        )

    def _changed(self) -> None:
        self.shown.append(text(self.watch))
        self._news.set()

    async def until(self, *shown: object) -> None:
        """Waits until exactly these were shown, in this order."""
        async with asyncio.timeout(DEADLINE_S):
            while self.shown != list(shown):
                assert self.shown == list(shown[: len(self.shown)]), self.shown
                self._news.clear()
                await self._news.wait()


def text(watch: Watch) -> object:
    match watch.outcome:
        case Success(text=shown):
            return float(shown)
        case ApplicationFailure(data=data):
            assert isinstance(data, dict)
            return data["code"]
        case Failure(message=message):
            return message
    return None


class Setting:
    def __init__(self, town: Town, live: LiveQueries, database: asyncpg.Connection, listener: Listener) -> None:
        self.town = town
        self.live = live
        self.database = database
        self.listener = listener

    async def tell(self, *topics: str) -> None:
        """A commit somewhere told these."""
        await self.database.execute("SELECT pg_notify($1, $2)", CHANGED, " ".join(topics))

    async def cut(self) -> None:
        """The listening connection is lost, and is back."""
        self.listener.connected.clear()
        await self.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND query ~ 'rufaa_mark'"
        )
        async with asyncio.timeout(DEADLINE_S):
            await self.listener.connected.wait()


@asynccontextmanager
async def setting(database: str, **limits: int) -> AsyncIterator[Setting]:
    town, listener = Town(), Listener(database)
    calls = Calls(town.registry, town, development=True, deadline_s=DEADLINE_S, most_running=100)
    live = LiveQueries(calls, listener, **limits)
    listening = asyncio.create_task(listener.run())
    connection = await asyncpg.connect(database)
    try:
        await listener.connected.wait()
        yield Setting(town, live, connection, listener)
    finally:
        await live.aclose()
        await connection.close()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def play(database: str, story: Callable[[Setting], Awaitable[None]], **limits: int) -> None:
    async def main() -> None:
        async with asyncio.timeout(3 * DEADLINE_S), setting(database, **limits) as here:
            await story(here)

    asyncio.run(main())


def test_who_watches_is_told_the_first_answer_and_each_other_one(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "look", {"name": "a"})
        assert screen.watch.outcome is None
        await screen.until(1.0)

        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        await screen.until(1.0, 2.0)

    play(database, story)


def test_an_answer_that_is_the_same_is_not_told_again(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "look", {"name": "a"})
        await screen.until(1.0)

        await here.tell("number:a")
        await here.live.caught_up()
        assert len(here.town.ran) == 2
        assert screen.shown == [1.0]

    play(database, story)


def test_what_was_not_read_runs_nothing(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "look", {"name": "a"})
        await screen.until(1.0)

        here.town.numbers["b"] = 7.0
        await here.tell("number:b", "number:c")
        await here.live.caught_up()
        assert len(here.town.ran) == 1

    play(database, story)


def test_a_query_that_notes_nothing_runs_at_every_news(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "unnoted")
        await screen.until(2.0)
        here.town.numbers["b"] = 7.0
        await here.tell("anything")
        await screen.until(2.0, 8.0)

    play(database, story)


def test_all_who_watch_the_same_as_the_same_person_share_a_run_and_others_do_not(database: str) -> None:
    async def story(here: Setting) -> None:
        screens = [Screen(here.live, "look", {"name": "a"}) for _ in range(10)]
        screens.append(Screen(here.live, "look", [{"name": "a"}]))
        other = Screen(here.live, "look", {"name": "a"}, who="john")
        for screen in (*screens, other):
            await screen.until(1.0)
        before = len(here.town.ran)

        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        for screen in (*screens, other):
            await screen.until(1.0, 2.0)
        assert sorted(str(who) for _, who in here.town.ran[before:]) == ["jane", "jane", "john"]

    play(database, story)


def test_nobody_sees_what_another_may_see(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.owner = "jane"
        hers, his = Screen(here.live, "look", {"name": "a"}), Screen(here.live, "look", {"name": "a"}, who="john")
        await hers.until(1.0)
        await his.until("not-yours")

        here.town.owner = "john"  # as when a membership is revoked
        await here.tell("number:a")
        await hers.until(1.0, "not-yours")
        await his.until("not-yours", 1.0)

    play(database, story)


def test_news_during_a_run_cause_exactly_one_more(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.hold = asyncio.Event()
        screen = Screen(here.live, "look", {"name": "a"})
        await here.town.until_running(1)
        for number in (2.0, 3.0, 4.0):
            here.town.numbers["a"] = number
            await here.tell("number:a")
        await here.listener.all_heard()
        here.town.hold.set()
        await screen.until(1.0, 4.0)
        await here.live.caught_up()
        assert (len(here.town.ran), here.town.most_running) == (2, 1)

    play(database, story)


def test_no_more_than_so_many_run_at_once(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.numbers = {str(number): 1.0 for number in range(20)}
        here.town.hold = asyncio.Event()
        screens = [Screen(here.live, "look", {"name": name}) for name in here.town.numbers]
        await here.town.until_running(3)
        here.town.hold.set()
        for screen in screens:
            await screen.until(1.0)
        assert here.town.most_running == 3

    play(database, story, at_once=3)


def test_caught_up_means_that_every_committed_change_is_shown(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "look", {"name": "a"})
        for number in range(50):
            here.town.numbers["a"] = float(number)
            await here.tell("number:a")
            await here.live.caught_up()
            assert text(screen.watch) == number

    play(database, story)


def test_caught_up_waits_for_the_run_after_the_one_during_which_the_news_came(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.hold = asyncio.Event()
        screen = Screen(here.live, "look", {"name": "a"})
        await here.town.until_running(1)
        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        caught_up = asyncio.create_task(here.live.caught_up())
        await here.listener.all_heard()
        assert not caught_up.done()

        here.town.hold.set()
        await caught_up
        assert text(screen.watch) == 2.0

    play(database, story)


def test_who_comes_later_sees_nothing_older_than_the_coming(database: str) -> None:
    async def story(here: Setting) -> None:
        first = Screen(here.live, "look", {"name": "a"})
        await first.until(1.0)
        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        later = Screen(here.live, "look", {"name": "a"})
        await later.until(2.0)
        last = Screen(here.live, "look", {"name": "a"})
        await last.until(2.0)
        assert len(here.town.ran) == 2

    play(database, story)


def test_who_comes_during_a_run_is_not_told_what_it_saw_before(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.hold = asyncio.Event()
        first = Screen(here.live, "look", {"name": "a"})
        await here.town.until_running(1)
        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        later = Screen(here.live, "look", {"name": "a"})
        here.town.hold.set()
        await later.until(2.0)
        await first.until(1.0, 2.0)

    play(database, story)


def test_after_a_lost_connection_everything_runs_again(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "look", {"name": "a"})
        await screen.until(1.0)
        here.town.numbers["a"] = 2.0  # and nobody hears of it
        await here.cut()
        await screen.until(1.0, 2.0)
        await here.live.caught_up()

    play(database, story)


def test_where_there_is_no_room_the_old_answer_stays_and_it_is_tried_again(database: str) -> None:
    async def story(here: Setting) -> None:
        here.town.busy = 1
        screen = Screen(here.live, "look", {"name": "a"})
        await screen.until(1.0)
        here.town.numbers["a"], here.town.busy = 2.0, 2
        await here.tell("number:a")
        await here.live.caught_up()  # does not wait for room
        assert screen.shown == [1.0]
        await screen.until(1.0, 2.0)
        assert len(here.town.ran) == 2 + 3

    play(database, story)


def test_what_changes_with_the_clock_runs_when_it_said(database: str) -> None:
    async def story(here: Setting) -> None:
        screen = Screen(here.live, "fading")
        await screen.until(1.0, 2.0, 3.0)

    play(database, story)


def test_bad_names_and_arguments_are_outcomes_that_stay(database: str) -> None:
    async def story(here: Setting) -> None:
        nested: Any = []
        for _ in range(100_000):
            nested = [nested]
        bad = [
            here.live.watch(name, args, "jane", on_change=lambda: None)
            for name, args in (("no:such", {}), ("numbers:look", {"nome": "a"}), ("numbers:look", 7), ("", nested))
        ]
        await here.live.caught_up()
        assert all(isinstance(watch.outcome, Failure) and watch.outcome.invalid for watch in bad)
        told: list[Watch] = []
        for watch in bad:
            watch._on_change = lambda: told.append(watch)  # noqa: B023
        await here.tell("*")
        await here.live.caught_up()
        assert not told  # another request id is no other answer

    play(database, story)


def test_who_closed_hears_nothing_and_the_last_one_ends_the_query(database: str) -> None:
    async def story(here: Setting) -> None:
        stays, goes = Screen(here.live, "look", {"name": "a"}), Screen(here.live, "look", {"name": "a"})
        await stays.until(1.0)
        await goes.until(1.0)
        goes.watch.close()
        goes.watch.close()
        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        await stays.until(1.0, 2.0)
        assert goes.shown == [1.0]

        stays.watch.close()
        before = len(here.town.ran)
        await here.tell("number:a")
        await here.live.caught_up()
        assert len(here.town.ran) == before

    play(database, story)


def test_one_closed_while_it_runs_leaves_its_place_to_others(database: str) -> None:
    async def story(here: Setting) -> None:
        for _ in range(5):
            Screen(here.live, "look", {"name": "a"}).watch.close()
        screen = Screen(here.live, "look", {"name": "b"})
        await screen.until(1.0)

    play(database, story, at_once=1)


def test_one_who_fails_to_hear_keeps_no_news_from_the_others(database: str) -> None:
    async def story(here: Setting) -> None:
        def fail() -> None:
            raise LookupError("the screen is gone")

        here.live.watch("numbers:look", {"name": "a"}, "jane", on_change=fail)
        screen = Screen(here.live, "look", {"name": "a"})
        await screen.until(1.0)
        here.town.numbers["a"] = 2.0
        await here.tell("number:a")
        await screen.until(1.0, 2.0)

    play(database, story)
