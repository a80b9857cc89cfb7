"""Answers of Daraja are written down many at once, and none keeps another from being written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import pytest

from rufaa.daraja.client import Daraja, new_session
from rufaa.daraja.outcomes import Accepted, Exchange, NotSent, PushOutcome, Unknown
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import unit
from rufaa.ingest.address import callback_url
from rufaa.payments import dispatch
from rufaa.payments.access import Accounts
from rufaa.payments.dispatch import Claimed, Dispatcher, Records, claim_due, record
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, World, execute, priced_by_another_account, pushes, rows

T = TypeVar("T")
NOTHING = Exchange(None, b"", datetime(2026, 11, 23, tzinfo=UTC), 0.1)


def claimed(world: World, count: int) -> list[Claimed]:
    for number in range(count):
        world.prompted(f"25470800{number:04d}")
    return unit(lambda tx: claim_due(tx, limit=count))[0]


def accepted(prompt: Claimed, checkout: str | None = None) -> tuple[Claimed, PushOutcome]:
    return prompt, Accepted(f"m-{prompt.id.hex}", checkout or f"ws_CO_{prompt.id.hex}", "", NOTHING)


def states() -> dict[uuid.UUID, tuple[str, str | None]]:
    return {row["id"]: (row["state"], row["checkout_request_id"]) for row in rows("SELECT * FROM prompt")}


class Slow(Aside):
    """Counts what it runs, and lets everybody come meanwhile; the first ``fails`` end in ``error``."""

    def __init__(self, error: Exception | None = None, *, fails: int = 0) -> None:
        super().__init__(threads=1, name="test")
        self.runs = 0
        self._error = error
        self._fails = fails

    async def run(self, work: Callable[[], T], *, deadline_s: float = 20.0) -> T:
        self.runs += 1
        await asyncio.sleep(0)
        if self._error is not None and self.runs <= self._fails:
            raise self._error
        return await super().run(work, deadline_s=deadline_s)


def written(aside: Slow, answers: list[tuple[Claimed, PushOutcome]], *, draining: bool = False) -> None:
    async def main() -> None:
        records = Records(aside)
        records.draining = draining
        async with asyncio.timeout(20):
            for answer in answers:
                records.add(*answer)
            await records.written(down_to=0)

    try:
        asyncio.run(main())
    finally:
        aside.close()


@pytest.mark.parametrize(("due", "claimed"), [((8, 2), (3, 2)), ((2, 8), (2, 4)), ((8, 8), (3, 3))], ids=str)
def test_one_accounts_backlog_holds_up_no_other(world: World, due: tuple[int, int], claimed: tuple[int, int]) -> None:
    """Of the accounts, in the order in which they take turns."""
    first = [world.prompted(f"2547080000{number:02}")[1] for number in range(due[0])]
    priced_by_another_account(world)
    second = [world.prompted(f"2547080001{number:02}")[1] for number in range(due[1])]
    execute("UPDATE mpesa_account SET pushes_per_s = 100")

    found, _ = unit(lambda tx: claim_due(tx, limit=6))

    assert tuple(len({each.id for each in found} & set(prompts)) for prompts in (first, second)) == claimed


def test_where_one_may_go_the_accounts_take_turns(world: World) -> None:
    first = [world.prompted(f"2547080000{number:02}")[1] for number in range(4)]
    priced_by_another_account(world)
    second = [world.prompted(f"2547080001{number:02}")[1] for number in range(2)]
    execute("UPDATE mpesa_account SET pushes_per_s = 100")

    gone = [each.id for _ in range(4) for each in unit(lambda tx: claim_due(tx, limit=1))[0]]

    assert [prompt in second for prompt in gone] == [False, True, False, True]
    assert set(gone) <= {*first, *second}
    assert unit(lambda tx: claim_due(tx, limit=0)) == ([], 0.0)


def test_answers_that_come_together_are_written_in_one_commit(world: World) -> None:
    prompts, aside = claimed(world, 5), Slow()

    written(aside, [accepted(prompt) for prompt in prompts])

    assert aside.runs == 1
    assert states() == {prompt.id: ("pending", f"ws_CO_{prompt.id.hex}") for prompt in prompts}


def test_one_answer_that_cannot_be_written_keeps_none_of_the_others(world: World) -> None:
    bad, *good = claimed(world, 4)
    poison = (bad, Accepted("m-1", "ws_CO_\x00", "", NOTHING))  # PostgreSQL has no such text

    written(Slow(), [accepted(good[0]), poison, accepted(good[1]), accepted(good[2])])

    assert states() == {bad.id: ("sending", None), **{each.id: ("pending", f"ws_CO_{each.id.hex}") for each in good}}


def test_an_id_that_daraja_gives_twice_makes_one_of_them_unknown_and_loses_no_other(world: World) -> None:
    one, two, three = claimed(world, 3)

    unit(lambda tx: record(tx, accepted(one, "ws_CO_1"), accepted(two, "ws_CO_1"), accepted(three)))

    assert states() == {
        one.id: ("pending", "ws_CO_1"),
        two.id: ("unknown", None),
        three.id: ("pending", f"ws_CO_{three.id.hex}"),
    }


def test_a_mixed_lot_is_each_as_it_was_answered(world: World) -> None:
    one, two = claimed(world, 2)
    older = Claimed(one.id, one.lease - 1, one.account, one.phone, one.amount, one.account_code)

    unit(lambda tx: record(tx, accepted(older), (two, Unknown("timeout", "No answer.", NOTHING))))

    assert states() == {one.id: ("sending", None), two.id: ("unknown", None)}


@pytest.mark.parametrize("order", [1, -1], ids=["old-first", "new-first"])
def test_an_answer_of_before_does_not_take_back_what_was_sent_since(world: World, order: int) -> None:
    """It was written, nobody knew whether, and the prompt was sent anew before it was written again: to take it for the
    answer of now would ring the phone a second time."""
    (first,) = claimed(world, 1)
    before = (first, NotSent("500.003.02", "Spike arrest.", 1.5, NOTHING))
    unit(lambda tx: record(tx, before))
    execute("UPDATE prompt SET next_at = rufaa_now()")
    ((second,), _) = unit(lambda tx: claim_due(tx, limit=1))
    assert (second.id, second.lease) == (first.id, first.lease + 1)

    unit(lambda tx: record(tx, *[before, accepted(second, "ws_CO_2")][::order]))

    assert states() == {first.id: ("pending", "ws_CO_2")}


def test_a_time_to_wait_may_be_a_fraction_beside_whole_numbers(world: World) -> None:
    """Written in one list: nobody's answer is written alone because another has to wait for a moment and a half."""
    one, two = claimed(world, 2)
    aside = Slow()

    written(aside, [accepted(one), (two, NotSent("busy", "Daraja is busy.", 1.5, NOTHING))])

    assert aside.runs == 1
    assert states() == {one.id: ("pending", f"ws_CO_{one.id.hex}"), two.id: ("created", None)}


def test_while_the_database_is_silent_it_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_RECORD_AGAIN_S", 0.0)
    prompts, aside = claimed(world, 2), Slow(DatabaseSilent("silent"), fails=3)

    written(aside, [accepted(prompt) for prompt in prompts])

    assert aside.runs == 4
    assert {state for state, _ in states().values()} == {"pending"}


def test_a_worker_that_stops_tries_once_and_leaves_it_to_the_lease(world: World) -> None:
    prompts, aside = claimed(world, 2), Slow(DatabaseSilent("silent"), fails=3)

    written(aside, [accepted(prompt) for prompt in prompts], draining=True)

    assert aside.runs == 1
    assert {state for state, _ in states().values()} == {"sending"}


class Stuck:
    """A dispatcher whose answers are written down when ``free`` is set, and one prompt for it on each of its phones."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, phones: int) -> None:
        for number in range(phones):
            world.prompted(f"25470800{number:04d}")
        self.free = asyncio.Event()
        commit = Records._commit

        async def held(records: Records, answers: Any) -> None:
            await self.free.wait()
            await commit(records, answers)

        monkeypatch.setattr(Records, "_commit", held)

    def run(self, story: Callable[[Dispatcher, Slow], Coroutine[Any, Any, None]], *, at_once: int) -> None:
        async def main() -> None:
            aside = Slow()
            try:
                async with new_session() as session, asyncio.timeout(20):
                    daraja = Daraja(session)
                    url = partial(callback_url, "http://127.0.0.1:9", keys=KEYS)
                    accounts = Accounts(daraja, aside, keys=KEYS)
                    dispatcher = Dispatcher(daraja, accounts, aside, callback_url=url, at_once=at_once)
                    await story(dispatcher, aside)
                    self.free.set()
                    await dispatcher.drain()
            finally:
                aside.close()

        asyncio.run(main())


def test_an_answer_makes_room_for_the_next_prompt_before_it_is_written(
    town: World, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dispatcher: Dispatcher, _aside: Slow) -> None:
        for sent in (1, 2):
            await dispatcher.round()
            await asyncio.wait(dispatcher._flying)
            assert pushes(simulator) == sent
        written = await asyncio.to_thread(states)
        assert [state for state, _ in written.values()] == ["sending", "sending"]

    Stuck(town, monkeypatch, 2).run(story, at_once=1)

    assert [state for state, _ in states().values()] == ["pending", "pending"]


def test_nothing_is_claimed_while_too_many_answers_wait_to_be_written(
    town: World, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_UNWRITTEN", 2)
    stuck = Stuck(town, monkeypatch, 3)

    async def story(dispatcher: Dispatcher, aside: Slow) -> None:
        for _ in range(2):
            await dispatcher.round()
            await asyncio.wait(dispatcher._flying)
        asked = aside.runs

        third = asyncio.create_task(dispatcher.round())
        for _ in range(20):  # turns of the loop; a round that may claim asks the database in its first
            await asyncio.sleep(0)
        assert (aside.runs, pushes(simulator)) == (asked, 2)

        stuck.free.set()
        await third

    stuck.run(story, at_once=1)

    assert pushes(simulator) == 3
