"""Answers of Daraja are written down many at once, and none keeps another from being written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from rufaa.daraja.outcomes import Accepted, Exchange, NotSent, PushOutcome, Unknown
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import unit
from rufaa.payments import dispatch
from rufaa.payments.dispatch import Claimed, Records, claim_due, record
from support import World, execute, rows

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
            await asyncio.gather(*(records.write(*answer) for answer in answers))

    try:
        asyncio.run(main())
    finally:
        aside.close()


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
