"""Loops with nothing to do wake at the same moments, and what they ask then is one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, OperationalError

from rufaa.cli import work
from rufaa.cli.questions import Question, Questions
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import Tx


def answers(questions: Sequence[Question], aside: Aside | None = None) -> list[float | BaseException | None]:
    """What each heard, of all that was asked in one turn."""

    async def main() -> list[float | BaseException | None]:
        asked = Questions(aside or Aside(threads=2, name="asks"))
        about: list[Callable[[], Awaitable[float | None]]] = [asked.about(each) for each in questions]
        return await asyncio.gather(*(each() for each in about), return_exceptions=True)

    return asyncio.run(main())


def transaction(tx: Tx) -> float | None:
    return tx.seconds("SELECT pg_current_xact_id()::text::float8 AS number")


def broken(tx: Tx) -> float | None:
    return tx.seconds("SELECT 1 / 0")


def test_what_is_asked_at_the_same_moment_is_one_transaction(database: str) -> None:
    first, second, nothing = answers([transaction, transaction, lambda _: None])

    assert isinstance(first, float)
    assert (second, nothing) == (first, None)


def test_a_question_that_fails_harms_no_other(database: str) -> None:
    first, failed, last = answers([lambda _: 1.5, broken, transaction])

    assert first == 1.5
    assert isinstance(failed, DatabaseError)
    assert isinstance(last, float)


def test_one_that_fails_alone_is_told_what_failed(database: str) -> None:
    (failed,) = answers([broken])

    assert isinstance(failed, DatabaseError)


@pytest.mark.parametrize("error", [DatabaseSilent("not in time"), OperationalError("couldn't get a connection")])
def test_a_database_that_is_away_is_asked_once_for_all(error: Exception) -> None:
    class Away(Aside):
        asked = 0

        async def run(self, *_: object, **_more: object) -> object:  # type: ignore[override]
            self.asked += 1
            raise error

    away = Away(threads=1, name="away")

    heard = answers([lambda _: 1.0, lambda _: 2.0], away)

    assert heard == [error, error]
    assert away.asked == 1


def test_one_that_takes_too_long_is_no_reason_to_fail_the_others(database: str) -> None:
    def slow(tx: Tx) -> float | None:
        tx.execute("SET LOCAL statement_timeout = 50")
        return tx.seconds("SELECT 1.0 FROM pg_sleep(10)")

    first, failed, last = answers([lambda _: 1.5, slow, lambda _: 2.5])

    assert (first, last) == (1.5, 2.5)
    assert isinstance(failed, OperationalError)


def test_who_was_cancelled_meanwhile_leaves_the_others_their_answers(database: str) -> None:
    async def main() -> float | None:
        asked = Questions(Aside(threads=1, name="asks"))
        gone = asyncio.ensure_future(asked.about(lambda _: 1.0)())
        stays = asyncio.ensure_future(asked.about(lambda _: 2.0)())
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(main()) == 2.0


@pytest.mark.parametrize("now", [0.0, 0.001, 2.5, 4.9, 4.949, 4.951, 4.9999999, 5.0, 5.0000001, 123_456.789])
def test_who_has_nothing_to_do_wakes_when_the_others_do(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: now))

    for wait_s in (None, 3600.0):
        sleeps_s = work._at_most(wait_s)
        wakes = (now + sleeps_s) / work.LOOK_EVERY_S
        assert wakes == pytest.approx(round(wakes))
        assert work._SHORTEST_S <= sleeps_s <= work.LOOK_EVERY_S + work._SHORTEST_S
    assert work._at_most(0.0) == work._SHORTEST_S
    assert (now + work._at_most(None, 2.0)) % work.LOOK_EVERY_S == pytest.approx(2.0)


def test_whole_rounds_of_no_two_loops_come_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1234.5
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: now))

    looks = {ceil(work._next_whole_round(work.ROUND_EVERY_S, place) / work.LOOK_EVERY_S) for place in range(8)}

    assert len(looks) == 8
    assert all(now < each * work.LOOK_EVERY_S <= now + work.ROUND_EVERY_S + work.LOOK_EVERY_S for each in looks)


def test_a_whole_round_is_due_again_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 7 * work.ROUND_EVERY_S + 3 * work.LOOK_EVERY_S + 0.01  # the moment of the third, and a little more
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: now))

    assert work._next_whole_round(work.ROUND_EVERY_S, 3) == pytest.approx(now + work.ROUND_EVERY_S, abs=1.1)
    assert work._next_whole_round(work.ROUND_EVERY_S, None) == now + work.ROUND_EVERY_S
    assert work._next_whole_round(0.0, None) == now


def test_a_loop_wakes_for_its_whole_round_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: 100.5))

    assert work._at_most(None) == pytest.approx(4.5)
    assert work._at_most(None, round_at=104.0) == pytest.approx(3.5)
    assert work._at_most(1.0, round_at=104.0) == 1.0
    assert work._at_most(None, round_at=100.5001) == work._SHORTEST_S
    assert work._at_most(None, round_at=99.0) == pytest.approx(4.5)
