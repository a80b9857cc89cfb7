"""Many who want one place. Without the check of PostgreSQL and without the lock there are more people than places."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import date
from functools import partial
from itertools import chain
from typing import Final

import pytest
from django.db import IntegrityError

from appointments.ground import bookings, clinic, free, hours_pass, pay, states, taken, waiting, work
from races.gates import Racers
from rufaa.appointments import operations
from rufaa.db.atomic import unit
from rufaa.errors import RufaaError
from support import World, check_books, execute, rows, value


def takes(world: World, referral: str, slot: uuid.UUID) -> str:
    try:
        unit(lambda tx: operations.book(tx, world.admin, referral, slot=slot.hex, reason="a race"))
    except (RufaaError, IntegrityError) as refused:
        return type(refused).__name__
    return "taken"


@pytest.mark.parametrize("guarded", ["lock", "check", "nothing"])
def test_one_place_is_given_once(world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: str) -> None:
    """The lock makes the second wait and say that it is taken; without it the check refuses; without both, two come."""
    heart = clinic(world)
    slot = free(heart)[4].id
    pair = [waiting(world), waiting(world)]
    if guarded != "lock":
        both_have_looked = threading.Barrier(2, timeout=20)

        def looks(_tx: object, place: uuid.UUID) -> bool:
            there = bool(value("SELECT taken < capacity FROM slot WHERE id = %(id)s", id=place))
            both_have_looked.wait()
            return there

        monkeypatch.setattr(operations, "_has_place", looks)
        for name in ("lock_slot", "lock_slots"):
            monkeypatch.setitem(operations._SQL, name, operations._SQL[name].partition("FOR NO KEY UPDATE")[0])
    with unchecked() if guarded == "nothing" else nullcontext():
        running = racers.start(*(partial(takes, world, each, slot) for each in pair))
        found = Counter(each.result() for each in running)
        people = value("SELECT taken FROM slot WHERE id = %(id)s", id=slot)

    refusal = {"lock": "SlotTaken", "check": "IntegrityError"}
    assert found == ({"taken": 2} if guarded == "nothing" else {"taken": 1, refusal[guarded]: 1})
    assert people == found["taken"]


@contextmanager
def unchecked() -> Iterator[None]:
    """A slot takes everybody."""
    (check,) = rows("SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = 'slot_not_overbooked'")
    execute("ALTER TABLE slot DROP CONSTRAINT slot_not_overbooked")
    try:
        yield
    finally:
        execute("UPDATE slot SET capacity = greatest(capacity, taken)")
        execute(f"ALTER TABLE slot ADD CONSTRAINT slot_not_overbooked {check['text']}")


CALLERS: Final = 50


def test_two_thousand_who_want_a_thousand_places_from_fifty_callers_get_them_once_each(world: World) -> None:
    heart = clinic(world, slot_minutes=5, slot_capacity=50, day_capacity=1000)  # a day of 24 slots, of 1200 places
    slots = [slot.id for slot in free(heart) if slot.day == date(2026, 3, 3)]
    assert len(slots) == 24
    wanted = [(each, slots[number % 24]) for number, each in enumerate(many_referrals(world, 2000))]

    def caller(part: int) -> list[str]:
        return [takes(world, referral, slot) for referral, slot in wanted[part::CALLERS]]

    with ThreadPoolExecutor(CALLERS) as pool:
        found = Counter(chain.from_iterable(pool.map(caller, range(CALLERS))))

    assert found == {"taken": 1000, "SlotTaken": 1000}
    assert taken() == {"slots": 1000, "days": 1000, "appointments": 1000}
    assert value("SELECT count(DISTINCT referral_id) FROM appointment") == 1000
    check_books()


def many_referrals(world: World, number: int) -> list[str]:
    """Written by SQL: the ordinary way takes a hundred times as long."""
    of = {"number": number, "from": world.uhuru.pk, "to": world.tumaini.pk, "by": world.physician.user}
    execute(
        "INSERT INTO particulars (id, name, external_id) SELECT gen_random_uuid(), 'Jane ' || number, number::text"
        " FROM generate_series(1, %(number)s) AS number",
        **of,
    )
    execute(
        "INSERT INTO referral (id, state, event, token, account_code, priority, referring_id, receiving_id,"
        " physician_id, created_by_id, particulars_id, medical_history, lab_results, diagnosis)"
        " SELECT gen_random_uuid(), 'pending-admin', 'create', 'token ' || external_id, 'code ' || external_id,"
        " 'Routine', %(from)s, %(to)s, %(by)s, %(by)s, id, '', '\"\"', '' FROM particulars",
        **of,
    )
    return [row["id"].hex for row in rows("SELECT id FROM referral")]


def test_the_hold_that_ends_and_the_money_that_comes_at_once_keep_one_place(world: World, racers: Racers) -> None:
    """Whoever is first: the slot is the payer's, or free and taken again. Nobody else has it too."""
    heart = clinic(world)
    slot = free(heart)[4]
    referral, other = waiting(world), waiting(world)
    unit(lambda tx: operations.book(tx, world.admin, referral, slot=slot.id.hex))
    hours_pass(1)

    running = racers.start(
        lambda: pay(world, referral), lambda: unit(operations.work), lambda: takes(world, other, slot.id)
    )
    for each in running:
        each.result()
    work()

    assert sum("booked" in states(each) or states(each)[-1:] == ["held"] for each in (referral, other)) == 1
    assert taken()["slots"] == 1
    check_books()


def test_a_hold_that_the_worker_ends_while_it_is_moved_is_no_fault(world: World, racers: Racers) -> None:
    """The mover waits for the slot that the worker has, and finds that nothing is left to be moved."""
    heart = clinic(world)
    first, second = (slot.id for slot in free(heart)[4:6])
    referral = waiting(world)
    takes(world, referral, first)
    hours_pass(1)

    with racers.gate("SELECT FROM slot WHERE id = %(id)s FOR UPDATE", id=first) as all_wait:
        worker = racers.start(lambda: unit(operations.work))
        all_wait(1)
        mover = racers.start(lambda: takes(world, referral, second))
        all_wait(2)
    assert worker[0].result() > 0
    assert mover[0].result() == "taken"
    assert states(referral) == ["lapsed", "held"]
    assert taken() == {"slots": 1, "days": 1, "appointments": 1}


def test_two_who_change_places_do_not_wait_for_each_other_for_ever(world: World, racers: Racers) -> None:
    heart = clinic(world, slot_capacity=2)
    first, second = (slot.id for slot in free(heart)[4:6])
    pair = [waiting(world), waiting(world)]
    takes(world, pair[0], first)
    takes(world, pair[1], second)

    with racers.gate("SELECT FROM slot WHERE id = ANY(%(ids)s) FOR UPDATE", ids=[first, second]) as all_wait:
        running = racers.start(lambda: takes(world, pair[0], second), lambda: takes(world, pair[1], first))
        all_wait(2)
    assert [each.result() for each in running] == ["taken", "taken"]
    assert taken() == {"slots": 2, "days": 2, "appointments": 2}
    assert {bookings(each)[0].slot for each in pair} == {first, second}
