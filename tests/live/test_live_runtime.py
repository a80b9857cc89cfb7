"""What the functions' runtime makes of a run: what it depends on, whoever calls, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from live.verify import Hall, hall, verify_live
from rufaa import reads
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.functions.runtime import Caller, NotSignedIn
from rufaa.sync.registry import FunctionKind, Registry
from rufaa.sync.runtime import Identity
from support import RINGS, World, advance, wait_until


@pytest.fixture
def here(database: str, world: World) -> Iterator[Hall]:
    with hall(database) as opened:
        yield opened


def read_by(here: Hall, handler: Callable[..., object], who: Actor | None) -> set[str]:
    """The topics of a run of ``handler``, whether or not it ends well."""
    registry = Registry()
    registry.module("made/up").query(handler)
    (function,) = registry.functions()

    identity = None if who is None else Identity(who.user)

    async def run() -> set[str]:
        with reads.recording() as read:
            try:
                await here.runtime.run(function, FunctionKind.QUERY, identity, {}, {})
            except (Forbidden, NotSignedIn):
                read.topics.add("refused")
        return read.topics

    return here.wait(run())


def test_one_that_notes_nothing_depends_on_everything(here: Hall, world: World) -> None:
    def silent(caller: Caller) -> float:
        return float(len(caller.tx.rows("SELECT 1")))

    person = reads.topic("person", world.admin.user)
    assert read_by(here, silent, world.admin) == {person, reads.EVERYTHING}


def test_one_that_notes_depends_on_that_and_on_the_person(here: Hall, world: World) -> None:
    def noting(_: Caller) -> float:
        reads.note("a")
        reads.note("b")
        return 1.0

    assert read_by(here, noting, world.admin) == {reads.topic("person", world.admin.user), "a", "b"}


def test_a_refusal_depends_on_what_was_read_before_it(here: Hall, world: World) -> None:
    def refusing(_: Caller) -> float:
        reads.note("a")
        raise Forbidden("no")

    assert read_by(here, refusing, world.admin) == {reads.topic("person", world.admin.user), "a", "refused"}


def test_who_is_not_signed_in_depends_on_nothing(here: Hall) -> None:
    def never(_: Caller) -> float:
        raise AssertionError("somebody called")

    assert read_by(here, never, None) == {reads.NOTHING, "refused"}


def test_seconds_that_are_left_go_down_by_the_clock_alone(here: Hall, world: World) -> None:
    referral, _ = world.prompted(RINGS)
    screen = here.watch("referrals:getReferral", {"referralId": referral}, who=world.admin)
    here.catch_up()
    assert left(screen.shows) == 90

    advance(81)
    here.catch_up()

    assert left(screen.shows) == 10
    told = screen.told
    wait_until(lambda: screen.told > told, what="the next step, of which nobody told")
    assert left(screen.shows) == 0


def left(shows: Any) -> float:
    return float(shows["payment"]["prompt"]["secondsLeft"])


def test_verify_live_fails_where_nothing_was_tested(here: Hall, world: World) -> None:
    with pytest.raises(AssertionError, match="nobody looks"), verify_live(here):
        pass
    here.watch("referrals:getReferral", {"referralId": world.waiting()}, who=world.admin)
    with pytest.raises(AssertionError, match="no screen changed"), verify_live(here):
        world.referral()


def test_verify_live_finds_a_screen_that_is_stale(here: Hall, world: World) -> None:
    here.watch("referrals:getReferral", {"referralId": world.waiting()}, who=world.admin)

    def unheard() -> None:
        """A writer of whom nothing is told: not one that there is."""
        with psycopg.connect(here.database_url) as writer:
            writer.execute("SET LOCAL session_replication_role = replica")
            writer.execute("UPDATE particulars SET name = 'Jane W.'")

    with pytest.raises(AssertionError, match="is stale"), verify_live(here):
        unheard()
