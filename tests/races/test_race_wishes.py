"""STOP twice at once: a phone's second message while the first is being taken in, as a gateway sends it again."""

from __future__ import annotations

import threading

import pytest

from races.gates import Racers, meeting
from rufaa.db.atomic import Tx, unit
from rufaa.notices import wishes
from rufaa.notices.wishes import Said
from rufaa.phone import Phone
from support import RINGS, value, wait_until


def stop(tx: Tx) -> bool:
    return wishes.wish(tx, Phone(RINGS), wants=False, said=Said.SMS)


def test_a_wish_that_is_said_twice_at_once_is_one(database: str, racers: Racers) -> None:
    said = threading.Event()

    def first(tx: Tx) -> bool:
        new = stop(tx)
        said.set()
        wait_until(lambda: racers.waiting() >= 1, what="the second to wait")
        return new

    (winner,) = racers.start(lambda: unit(first))
    assert said.wait(20)
    (second,) = racers.start(lambda: unit(stop))

    assert (winner.result(), second.result()) == (True, False)
    assert value("SELECT count(*) FROM notice_wish") == 1


def test_control_without_the_lock_it_is_written_down_twice(
    database: str, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wishes._SQL, "lock", "SELECT %(phone)s::text")
    met = meeting(2, stop)

    assert [each.result() for each in racers.start(*[lambda: unit(met)] * 2)] == [True, True]
    assert value("SELECT count(*) FROM notice_wish") == 2
