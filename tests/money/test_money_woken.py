"""Which of the worker's loops a commit wakes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rufaa.cli import work
from rufaa.db.atomic import Tx, unit
from rufaa.db.listen import Listener


def test_a_wake_up_is_for_the_loops_that_it_names_and_without_names_for_all(database: str) -> None:
    heard: list[set[str]] = []

    async def main() -> None:
        listener = Listener(database)
        listening = asyncio.create_task(listener.run())
        loops = ("settle", "dispatch", "query")
        with listener.work(loops[0]) as one, listener.work(loops[1]) as two, listener.work(loops[2]) as three:
            events = dict(zip(loops, (one, two, three), strict=True))
            await listener.connected.wait()
            for names in (("dispatch",), ("dispatch", "query"), ()):
                for event in events.values():
                    event.clear()
                await asyncio.to_thread(lambda names=names: unit(lambda tx: Tx.wake_workers(tx, *names)))
                await listener.all_heard()
                heard.append({name for name, event in events.items() if event.is_set()})
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(main())

    assert heard == [{"dispatch"}, {"dispatch", "query"}, {"settle", "dispatch", "query"}]


def turned(
    monkeypatch: pytest.MonkeyPatch,
    *,
    dues: list[float | None],
    woken_before: frozenset[int] = frozenset(),
    sleeps_s: float = 0.0,
) -> list[str]:
    """What a loop does, a word each: each sleep ends at once, and its clock goes ``sleeps_s`` further in it."""
    did: list[str] = []
    left = list(dues)
    now = 0.0

    async def main() -> None:
        stop, bell = asyncio.Event(), Listener("postgresql:///nowhere")

        async def round_() -> None:
            did.append("round")

        async def next_due() -> float | None:
            did.append("look")
            return left.pop(0)

        async def sleep(_seconds: float, woken: asyncio.Event, _stop: asyncio.Event) -> None:
            nonlocal now
            now += sleeps_s
            did.append("sleep")
            if did.count("sleep") in woken_before:
                woken.set()
            if not left:
                stop.set()

        monkeypatch.setattr(work, "_sleep", sleep)
        monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: now))
        await work._loop("query", round_, bell, stop, next_due=next_due, done=lambda _: None)

    asyncio.run(main())
    return did


def test_a_loop_that_nobody_wakes_asks_what_is_due_and_does_no_round_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = turned(monkeypatch, dues=[None, 100.0, None])

    assert done == ["round", "look", "sleep", "look", "sleep", "look", "sleep"]


def test_a_loop_does_a_round_for_what_is_due_although_its_notification_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = turned(monkeypatch, dues=[None, 0.0, None])

    assert done == ["round", "look", "sleep", "look", "round", "look", "sleep"]


def test_a_loop_that_is_woken_does_a_round_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    done = turned(monkeypatch, dues=[None, None], woken_before=frozenset({1}))

    assert done == ["round", "look", "sleep", "round", "look", "sleep"]


def test_a_whole_round_is_done_after_some_time_whatever_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    done = turned(monkeypatch, dues=[None, None, None], sleeps_s=20.0)

    assert done == ["round", "look", "sleep", "look", "sleep", "round", "look", "sleep"]
