"""Clinics, and the slots that their hours make."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from appointments.ground import (
    HEART,
    MONDAY,
    WEEKDAYS,
    at,
    at_day,
    bookings,
    clinic,
    free,
    pay,
    states,
    times_of,
    waiting,
    work,
)
from appointments.ground import book as book_
from rufaa.appointments import clinics, queries
from rufaa.appointments.clinics import ClinicNameTaken, ClinicNotFound, ClosureNotFound, Opening
from rufaa.clock import EAT
from rufaa.db.atomic import look, unit
from rufaa.errors import InvalidArgument
from support import World, execute, rows, value


def test_hours_make_slots_for_the_days_ahead(world: World) -> None:
    heart = clinic(world)

    assert times_of(free(heart))[:5] == ["Mon 02 08:00", "Mon 02 08:30", "Mon 02 09:00", "Mon 02 09:30", "Tue 03 08:00"]
    assert len(free(heart)) == 4 * 11  # to Monday in two weeks, without two weekends
    assert free(heart)[-1].day == date(2026, 3, 16)


def test_a_slot_that_would_end_after_the_hours_is_none(world: World) -> None:
    heart = clinic(world, slot_minutes=50)

    assert times_of(free(heart, date(2026, 3, 2))) == ["Mon 02 08:00", "Mon 02 08:50"]


def test_a_day_has_morning_and_afternoon(world: World) -> None:
    hours = (Opening(1, time(8), time(9)), Opening(1, time(14), time(15)))
    heart = clinic(world, hours=hours, slot_minutes=60)

    assert times_of(free(heart))[:2] == ["Mon 02 08:00", "Mon 02 14:00"]


def test_kenyas_holidays_have_no_slots_unless_the_clinic_works_then(world: World) -> None:
    at(MONDAY)
    rests = unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, days_ahead=40)))
    works = unit(
        lambda tx: clinics.add(
            tx, world.tumaini, replace(HEART, name="Casualty", days_ahead=40, works_on_holidays=True)
        )
    )
    good_friday = date(2026, 4, 3)

    assert free(rests, good_friday) == []
    assert len(free(works, good_friday)) == 4


def test_what_has_begun_is_not_free(world: World) -> None:
    heart = clinic(world)
    at(MONDAY.replace(hour=8, minute=30))

    assert times_of(free(heart))[0] == "Mon 02 09:00"


def test_every_day_has_one_more_day_of_slots(world: World) -> None:
    heart = clinic(world, days_ahead=1)
    assert {slot.day for slot in free(heart)} == {date(2026, 3, 2), date(2026, 3, 3)}

    at(at_day(1))
    work()

    assert {slot.day for slot in free(heart)} == {date(2026, 3, 3), date(2026, 3, 4)}
    assert unit(clinics.lay_out_due) == 0


def test_other_hours_open_and_close_slots_and_keep_who_is_booked(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    pay(world, referral)
    book_(world.admin, referral, free(heart, date(2026, 3, 3))[0])

    later = replace(HEART, hours=tuple(Opening(day, time(9), time(11)) for day in range(1, 6)))
    unit(lambda tx: clinics.change(tx, world.tumaini, heart.pk.hex, later))

    assert times_of(free(heart, date(2026, 3, 3))) == ["Tue 03 09:00", "Tue 03 09:30", "Tue 03 10:00", "Tue 03 10:30"]
    assert states(referral) == ["booked"]
    assert bookings(referral)[0].displaced
    (row,) = look(lambda tx: queries.displaced(tx, world.tumaini))
    assert row["referral_id"].hex == referral


def test_fewer_places_never_turn_away_who_has_one(world: World) -> None:
    heart = clinic(world, slot_capacity=2, day_capacity=8)
    slot = free(heart)[0]
    for _ in range(2):
        book_(world.admin, waiting(world), slot)

    unit(lambda tx: clinics.change(tx, world.tumaini, heart.pk.hex, replace(HEART, day_capacity=1)))

    assert rows("SELECT capacity, taken FROM slot WHERE id = %(id)s", id=slot.id) == [{"capacity": 2, "taken": 2}]
    assert rows("SELECT capacity, taken FROM clinic_day WHERE taken > 0") == [{"capacity": 2, "taken": 2}]
    assert value("SELECT capacity FROM clinic_day ORDER BY day DESC LIMIT 1") == 1
    assert free(heart, date(2026, 3, 2)) == []  # the day is full
    unit(lambda tx: clinics.change(tx, world.tumaini, heart.pk.hex, HEART))
    assert rows("SELECT capacity FROM clinic_day ORDER BY day LIMIT 2") == [{"capacity": 5}, {"capacity": 4}]


def test_a_closure_closes_what_it_touches_and_can_be_taken_back(world: World) -> None:
    heart = clinic(world)
    begins = MONDAY.replace(hour=8, minute=45)
    closure = unit(
        lambda tx: clinics.close(
            tx,
            world.tumaini,
            clinic=heart.pk.hex,
            starts_at=begins,
            ends_at=begins + timedelta(minutes=30),
            reason="power",
        )
    )

    assert times_of(free(heart, date(2026, 3, 2))) == ["Mon 02 08:00", "Mon 02 09:30"]
    assert [row["reason"] for row in look(lambda tx: queries.closures(tx, world.tumaini))] == ["power"]
    unit(lambda tx: clinics.reopen(tx, world.tumaini, closure.pk.hex))
    assert len(free(heart, date(2026, 3, 2))) == 4
    with pytest.raises(ClosureNotFound):
        unit(lambda tx: clinics.reopen(tx, world.tumaini, closure.pk.hex))


def test_a_closure_of_the_facility_closes_all_its_clinics_and_no_others(world: World) -> None:
    heart = clinic(world)
    bones = unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, name="Bones")))
    theirs = unit(lambda tx: clinics.add(tx, world.elsewhere, HEART))
    begins = MONDAY.replace(hour=0)
    unit(
        lambda tx: clinics.close(
            tx, world.tumaini, clinic=None, starts_at=begins, ends_at=begins + timedelta(days=1), reason="strike"
        )
    )

    assert [len(free(each, date(2026, 3, 2))) for each in (heart, bones, theirs)] == [0, 0, 4]


def test_a_clinic_that_ended_takes_nobody_and_its_name_is_free(world: World) -> None:
    heart = clinic(world)
    unit(lambda tx: clinics.end(tx, world.tumaini, heart.pk.hex))

    with pytest.raises(ClinicNotFound):
        free(heart)
    with pytest.raises(ClinicNotFound):
        unit(lambda tx: clinics.end(tx, world.tumaini, heart.pk.hex))
    assert value("SELECT count(*) FROM slot WHERE open AND starts_at > rufaa_now()") == 0
    unit(lambda tx: clinics.add(tx, world.tumaini, HEART))


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"slot_minutes": 4}, "slot_minutes"),
        ({"slot_capacity": 0}, "slot_capacity"),
        ({"day_capacity": 0}, "day_capacity"),
        ({"hold_minutes": 1}, "hold_minutes"),
        ({"days_ahead": 367}, "days_ahead"),
        ({"services": ("",)}, "services"),
        ({"services": ("x",) * 31}, "services"),
        ({"hours": ()}, "hours"),
        ({"hours": (Opening(8, time(8), time(9)),)}, "hours"),
        ({"hours": (Opening(1, time(8), time(8, 20)),)}, "hours"),
        ({"hours": (Opening(1, time(9), time(8)),)}, "hours"),
        ({"hours": (Opening(1, time(8), time(10)), Opening(1, time(9, 30), time(11)))}, "hours"),
    ],
)
def test_a_clinic_that_cannot_be_is_refused(world: World, wrong: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, **wrong)))
    assert refused.value.data["argument"] == argument
    assert rows("SELECT FROM clinic") == []


def test_two_clinics_of_a_facility_have_two_names(world: World) -> None:
    heart = clinic(world)
    bones = unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, name="Bones")))

    with pytest.raises(ClinicNameTaken):
        unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, name=" Cardiology ")))
    with pytest.raises(ClinicNameTaken):
        unit(lambda tx: clinics.change(tx, world.tumaini, bones.pk.hex, HEART))
    with pytest.raises(ClinicNotFound):
        unit(lambda tx: clinics.change(tx, world.elsewhere, heart.pk.hex, HEART))


@pytest.mark.parametrize(
    ("starts", "ends", "reason"), [(2, 1, "x"), (1, 1, "x"), (-3, -2, "x"), (0, 400 * 24, "x"), (1, 2, " ")]
)
def test_a_closure_that_cannot_be_is_refused(world: World, starts: int, ends: int, reason: str) -> None:
    clinic(world)
    with pytest.raises(InvalidArgument):
        unit(
            lambda tx: clinics.close(
                tx,
                world.tumaini,
                clinic=None,
                starts_at=MONDAY + timedelta(hours=starts),
                ends_at=MONDAY + timedelta(hours=ends),
                reason=reason,
            )
        )
    assert rows("SELECT FROM closure") == []


def test_hours_of_a_day_do_not_overlap_whoever_writes(world: World) -> None:
    heart = clinic(world)
    with pytest.raises(IntegrityError, match="overlap"):
        execute(
            "INSERT INTO clinic_hours (clinic_id, weekday, opens, closes) VALUES (%(clinic)s, 1, '09:59', '11:00')",
            clinic=heart.pk,
        )
    execute(
        "INSERT INTO clinic_hours (clinic_id, weekday, opens, closes) VALUES (%(clinic)s, 1, '10:00', '11:00')",
        clinic=heart.pk,
    )


def test_the_time_zone_is_nairobis(world: World) -> None:
    heart = clinic(world)

    first = free(heart)[0]
    assert first.starts_at.astimezone(EAT).hour == 8
    assert len(WEEKDAYS) == 5
