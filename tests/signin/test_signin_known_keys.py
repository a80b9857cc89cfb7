"""Wrong keys cost the database one look a second, however many are tried, and who has a right one does not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest

from rufaa.signin import known
from rufaa.signin.known import KnownKeys, TooManyUnknown

GOOD: Final = b"good"
SHORT_S: Final = 0.05


class Table:
    """What is read; how often, and whether it fails."""

    def __init__(self) -> None:
        self.keys = {GOOD}
        self.times: list[float] = []
        self.fails = False
        self.began, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def read(self) -> frozenset[bytes]:
        self.times.append(asyncio.get_running_loop().time())
        there = frozenset(self.keys)
        self.began.set()
        await self.may_answer.wait()
        if self.fails:
            raise ConnectionError("the database is away")
        return there


def run(story: Callable[[Table, KnownKeys], Coroutine[Any, Any, None]], *, every_s: float = SHORT_S) -> None:
    async def main() -> None:
        table = Table()
        await story(table, KnownKeys(table.read, every_s=every_s))

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_right_key_is_read_once() -> None:
    async def story(table: Table, keys: KnownKeys) -> None:
        assert [await keys.has(GOOD) for _ in range(100)] == [True] * 100
        assert len(table.times) == 1

    run(story)


def test_many_wrong_keys_at_once_share_a_reading() -> None:
    async def story(table: Table, keys: KnownKeys) -> None:
        assert await keys.has(GOOD)

        found = await asyncio.gather(*(keys.has(b"%d" % number) for number in range(400)))

        assert found == [False] * 400
        assert len(table.times) == 2

    run(story)


def test_wrong_keys_one_after_the_other_are_read_no_faster_than_the_pause() -> None:
    async def story(table: Table, keys: KnownKeys) -> None:
        for number in range(5):
            assert not await keys.has(b"%d" % number)

        pauses = [after - before for before, after in zip(table.times, table.times[1:], strict=False)]
        assert len(table.times) == 5
        assert min(pauses) >= SHORT_S * 0.9

    run(story)


def test_a_new_key_is_found_by_a_reading_that_began_after_it_was_presented() -> None:
    """A reading under way may have begun before the key was there."""

    async def story(table: Table, keys: KnownKeys) -> None:
        table.may_answer.clear()
        before = asyncio.create_task(keys.has(b"wrong"))
        await table.began.wait()
        table.keys.add(b"new")
        new = asyncio.create_task(keys.has(b"new"))
        await asyncio.sleep(0)
        table.may_answer.set()

        assert await new
        assert not await before
        assert len(table.times) == 2

    run(story)


def test_while_wrong_keys_wait_a_known_one_does_not() -> None:
    async def story(table: Table, keys: KnownKeys) -> None:
        assert await keys.has(GOOD)
        table.may_answer.clear()
        stuck = [asyncio.create_task(keys.has(b"%d" % number)) for number in range(50)]
        await asyncio.sleep(0)

        assert await keys.has(GOOD)

        assert not any(task.done() for task in stuck)
        table.may_answer.set()
        assert await asyncio.gather(*stuck) == [False] * 50

    run(story)


def test_beyond_a_number_unknown_keys_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_WAITING", 10)

    async def story(table: Table, keys: KnownKeys) -> None:
        assert await keys.has(GOOD)
        table.may_answer.clear()
        stuck = [asyncio.create_task(keys.has(b"%d" % number)) for number in range(10)]
        await asyncio.sleep(0)

        with pytest.raises(TooManyUnknown):
            await keys.has(b"one more")

        assert await keys.has(GOOD)
        table.may_answer.set()
        await asyncio.gather(*stuck)
        assert not await keys.has(b"one more")  # there is room again

    run(story)


def test_a_reading_that_fails_fails_for_all_who_wait_and_the_next_is_tried_again() -> None:
    async def story(table: Table, keys: KnownKeys) -> None:
        table.fails = True

        ended = await asyncio.gather(*(keys.has(GOOD) for _ in range(20)), return_exceptions=True)

        assert {type(each) for each in ended} == {ConnectionError}
        assert len(table.times) == 1
        table.fails = False
        assert await keys.has(GOOD)

    run(story)
