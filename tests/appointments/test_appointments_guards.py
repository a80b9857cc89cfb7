"""Every trigger, check and unique index of appointments: it refuses, by name, and without it the write goes through."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Final

import psycopg
import pytest

from operations.law_ground import Town, town
from operations.test_law_in_database_guards import OF_APPOINTMENTS, drop

Write = Callable[[Town], object]


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def history_out_of_the_way(sql: Town) -> None:
    sql.do("ALTER TABLE history DISABLE TRIGGER USER")


def seen_at_once(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.move("appointment", sql.appointment(), "see", "seen")


def born_in_the_middle(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.appointment(event="arrive")


def changes(table: str, row: Write, setting: str) -> Write:
    def write(sql: Town) -> None:
        row(sql)
        sql.do(f"UPDATE {table} SET {setting}")

    return write


def elsewhere(sql: Town) -> None:
    sql.appointment(slot=sql.slot(sql.clinic(facility_id=sql.facility)))


def in_a_closed_slot(sql: Town) -> None:
    sql.appointment(slot=sql.slot(open=False))


def in_the_past(sql: Town) -> None:
    sql.appointment(slot=sql.slot(starts_at="2020-01-06 08:00+03"))


def late_in_a_closed_slot(sql: Town) -> None:
    fee = sql.fee("waived")
    appointment = sql.appointment(sql.referral(fee=fee))
    sql.move("appointment", appointment, "lapse", "lapsed")
    sql.do("UPDATE slot SET open = false")
    sql.move("appointment", appointment, "late-money", "booked")


def booked_for_nothing(sql: Town) -> None:
    sql.appointment(sql.referral(fee=sql.fee()))
    sql.do("UPDATE appointment SET state = 'booked', event = 'keep'")


def born_booked_for_nothing(sql: Town) -> None:
    sql.insert(
        "appointment",
        id=uuid.uuid4(),
        state="booked",
        event="book",
        referral_id=sql.referral(fee=sql.fee()),
        slot_id=sql.slot(),
    )


def booked_for_a_referral_that_was_given_up(sql: Town) -> None:
    sql.insert(
        "appointment",
        id=uuid.uuid4(),
        state="booked",
        event="book",
        referral_id=sql.referral("cancelled", fee=sql.fee("waived")),
        slot_id=sql.slot(),
    )


def one_too_many(sql: Town) -> None:
    slot = sql.slot()
    for _ in range(2):
        sql.appointment(slot=slot)


def one_too_many_of_the_day(sql: Town) -> None:
    slot = sql.slot(capacity=2, day_capacity=1)
    for _ in range(2):
        sql.appointment(slot=slot)


def two_of_a_referral(sql: Town) -> None:
    slot, referral = sql.slot(capacity=2), sql.referral()
    for _ in range(2):
        sql.appointment(referral, slot)


def the_same_slot_twice(sql: Town) -> None:
    clinic = sql.clinic()
    sql.slot(clinic)
    sql.slot(clinic)


def the_same_day_twice(sql: Town) -> None:
    clinic = sql.clinic()
    for _ in range(2):
        sql.do("INSERT INTO clinic_day (clinic_id, day, capacity) VALUES (%(clinic)s, '2099-01-05', 1)", clinic=clinic)


def two_of_one_name(sql: Town) -> None:
    sql.clinic(name="Heart")
    sql.clinic(name="Heart")


def hours(sql: Town, *pairs: tuple[str, str], weekday: int = 1) -> None:
    clinic = sql.clinic()
    for opens, closes in pairs:
        sql.do(
            "INSERT INTO clinic_hours (clinic_id, weekday, opens, closes)"
            " VALUES (%(clinic)s, %(day)s, %(opens)s, %(closes)s)",
            clinic=clinic,
            day=weekday,
            opens=opens,
            closes=closes,
        )
    sql.commit_checks()


def closure(sql: Town, **values: object) -> None:
    row: dict[str, object] = {
        "id": uuid.uuid4(),
        "facility_id": sql.facility,
        "starts_at": "2099-01-05",
        "ends_at": "2099-01-06",
        "reason": "strike",
    }
    sql.insert("closure", **(row | values))


def taken_at_birth(sql: Town) -> None:
    sql.slot(taken=1)


def day_taken_at_birth(sql: Town) -> None:
    sql.do(
        "INSERT INTO clinic_day (clinic_id, day, capacity, taken) VALUES (%(clinic)s, '2099-01-05', 1, 1)",
        clinic=sql.clinic(),
    )


def deleted(sql: Town) -> None:
    sql.appointment()
    sql.do("DELETE FROM appointment")


def truncated(sql: Town) -> None:
    sql.do("TRUNCATE appointment")


def a_slot(sql: Town) -> None:
    sql.slot()


def an_appointment(sql: Town) -> None:
    sql.appointment()


def in_no_state(sql: Town) -> None:
    sql.force("appointment", sql.appointment(), state="nowhere")


def held_for_ever(sql: Town) -> None:
    sql.appointment(held_until=None)


BREAKS: Final[list[tuple[str, str, str, Write]]] = [
    ("appointment", "appointment_1_law", "law", seen_at_once),
    ("appointment", "appointment_1_law", "law", born_in_the_middle),
    ("appointment", "appointment_2_frozen", "frozen", changes("appointment", an_appointment, "id = gen_random_uuid()")),
    ("appointment", "appointment_3_born", "appointment_at_receiving", elsewhere),
    ("appointment", "appointment_3_born", "appointment_in_open_slot", in_a_closed_slot),
    ("appointment", "appointment_3_born", "appointment_in_open_slot", in_the_past),
    ("appointment", "appointment_3_late", "appointment_in_open_slot", late_in_a_closed_slot),
    ("appointment", "appointment_4_money", "appointment_needs_settled_fee", booked_for_nothing),
    ("appointment", "appointment_4_booked", "appointment_needs_settled_fee", born_booked_for_nothing),
    ("appointment", "appointment_4_booked", "appointment_of_open_referral", booked_for_a_referral_that_was_given_up),
    ("appointment", "appointment_7_kept", "kept", deleted),
    ("appointment", "appointment_8_kept", "kept", truncated),
    ("appointment", "appointment_one_live", "appointment_one_live", two_of_a_referral),
    ("appointment", "appointment_state", "appointment_state", in_no_state),
    ("appointment", "appointment_hold_ends", "appointment_hold_ends", held_for_ever),
    ("slot", "slot_1_counted", "places_are_counted", changes("slot", a_slot, "taken = 1")),
    ("slot", "slot_1_new", "places_are_counted", taken_at_birth),
    ("slot", "slot_2_frozen", "frozen", changes("slot", a_slot, "day = day + 1")),
    ("slot", "slot_2_frozen", "frozen", changes("slot", a_slot, "starts_at = starts_at - interval '1 min'")),
    ("slot", "slot_not_overbooked", "slot_not_overbooked", one_too_many),
    ("slot", "slot_not_overbooked", "slot_not_overbooked", changes("slot", a_slot, "ends_at = starts_at")),
    ("slot", "slot_once", "slot_once", the_same_slot_twice),
    ("clinic_day", "clinic_day_1_counted", "places_are_counted", changes("clinic_day", a_slot, "taken = 1")),
    ("clinic_day", "clinic_day_1_new", "places_are_counted", day_taken_at_birth),
    ("clinic_day", "clinic_day_not_overbooked", "clinic_day_not_overbooked", one_too_many_of_the_day),
    ("clinic_day", "clinic_day_once", "clinic_day_once", the_same_day_twice),
    ("clinic", "clinic_2_frozen", "frozen", changes("clinic", a_slot, "created_at = created_at - interval '1 s'")),
    ("clinic", "clinic_name_once", "clinic_name_once", two_of_one_name),
    *(
        ("clinic", "clinic_bounds", "clinic_bounds", lambda sql, wrong=wrong: sql.clinic(**wrong))
        for wrong in (
            {"slot_minutes": 4},
            {"slot_minutes": 721},
            {"slot_capacity": 0},
            {"slot_capacity": 1001},
            {"day_capacity": 0},
            {"day_capacity": 100_001},
            {"hold_minutes": 1},
            {"hold_minutes": 1441},
            {"days_ahead": 0},
            {"days_ahead": 367},
        )
    ),
    (
        "clinic_hours",
        "clinic_hours_1_overlap",
        "clinic_hours_do_not_overlap",
        lambda sql: hours(sql, ("08:00", "10:00"), ("09:59", "11:00")),
    ),
    (
        "clinic_hours",
        "clinic_hours_are_hours",
        "clinic_hours_are_hours",
        lambda sql: hours(sql, ("10:00", "10:00")),
    ),
    (
        "clinic_hours",
        "clinic_hours_are_hours",
        "clinic_hours_are_hours",
        lambda sql: hours(sql, ("10:00", "11:00"), weekday=8),
    ),
    ("closure", "closure_is_a_time", "closure_is_a_time", lambda sql: closure(sql, ends_at="2099-01-05")),
    ("closure", "closure_is_a_time", "closure_is_a_time", lambda sql: closure(sql, reason="")),
    (
        "closure",
        "closure_1_facility",
        "closure_is_of_the_facility",
        lambda sql: closure(sql, clinic_id=sql.clinic()),
    ),
    ("closure", "closure_2_frozen", "frozen", changes("closure", closure, "reason = 'rain'")),
]
ALONE: Final = {"clinic_hours_once": "clinic_hours_1_overlap says it as well: what begins at one time overlaps"}
WRITERS: Final = {
    *("appointment_5_born", "appointment_5_place", "appointment_6_born", "appointment_6_history"),
    *("appointment_9_born", "appointment_9_told"),
}
"""They write instead of refusing: test_appointments_booking counts and reads what they write, tests/notices what is
told."""


@pytest.mark.parametrize(("table", "name", "says", "write"), BREAKS)
def test_the_guard_refuses(sql: Town, table: str, name: str, says: str, write: Write) -> None:
    with pytest.raises(psycopg.IntegrityError) as refused:
        write(sql)

    assert refused.value.diag.constraint_name == says


@pytest.mark.parametrize(("table", "name", "says", "write"), BREAKS)
def test_without_the_guard_the_write_goes_through(sql: Town, table: str, name: str, says: str, write: Write) -> None:
    drop(sql, table, name)

    write(sql)


def test_every_guard_is_in_the_table(sql: Town) -> None:
    assert sql.guards_of(OF_APPOINTMENTS) == {name for _, name, _, _ in BREAKS} | set(ALONE) | WRITERS


def test_a_fee_that_is_settled_says_so_to_what_waits_for_it(sql: Town) -> None:
    """And without its trigger nobody would know."""

    def settle() -> int:
        fee = sql.fee()
        sql.exemption(fee, agreed=True)
        sql.appointment(sql.referral(fee=fee))
        sql.move("fee", fee, "waive", "waived")
        return int(sql.one("SELECT count(*) FROM appointment WHERE settled_at IS NOT NULL"))

    assert settle() == 1
    drop(sql, "fee", "fee_7_appointment")
    assert settle() == 1
