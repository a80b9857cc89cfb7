"""Which facts people are told of, in the transaction of the fact, each once."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import pytest
from django.db import IntegrityError

from appointments.ground import at as it_is
from appointments.ground import at_day, book, clinic, free, waiting
from appointments.ground import work as appointments_work
from notices.ground import known_phone, notices, states, tells
from rufaa.appointments import operations as appointments
from rufaa.clock import EAT
from rufaa.db.atomic import unit
from rufaa.notices.machine import Kind
from rufaa.payments.machine import FeeEvent
from rufaa.referrals.machine import Priority, Status
from support import World, advance, call_back, execute, rows, value

FRIDAY = date(2026, 3, 6)


def kinds(referral: str) -> list[str]:
    return [row["kind"] for row in notices(referral)]


def test_a_facility_that_tells_nothing_makes_no_notices(world: World) -> None:
    tells(world, world.tumaini)  # the one that receives: it has no word before an appointment

    referral, prompt = world.prompted()
    call_back(prompt)

    assert kinds(referral) == []


def test_from_approval_to_outcome_each_fact_is_told_once(world: World) -> None:
    tells(world)
    referral = world.referral()
    assert kinds(referral) == []

    world.move(referral, Status.AWAITING_BIODATA)
    assert kinds(referral) == ["received"]
    world.move(referral, Status.PENDING_PAYMENT)
    prompt = world.ask(referral)
    call_back(prompt)
    call_back(prompt)  # doubled
    world.move(referral, Status.CONFIRMED, by=world.receiver)
    world.move(referral, Status.COMPLETED, by=world.receiver, reason="well again")

    assert kinds(referral) == ["received", "ringing", "paid", "outcome"]
    by_kind = {row["kind"]: row for row in notices(referral)}
    assert by_kind["ringing"]["subject"] == prompt
    assert by_kind["outcome"]["channel"] == "email"
    assert {row["state"] for row in by_kind.values()} == {"due"}


def test_an_emergency_is_told_when_it_is_confirmed(world: World) -> None:
    tells(world)
    referral = world.referral(priority=Priority.EMERGENCY)

    world.move(referral, Status.CONFIRMED, by=world.receiver)

    assert kinds(referral) == ["received"]


def test_each_prompt_that_fails_is_told_with_the_other_way(world: World) -> None:
    tells(world)
    referral, first = world.prompted()
    call_back(first, code=1032)
    advance(300)
    second = world.ask(referral)
    call_back(second, code=1037)

    assert [row["subject"] for row in notices(referral) if row["kind"] == "not-paid"] == [first, second]


def test_what_was_never_sent_since_the_fee_closed_is_no_failure(world: World) -> None:
    tells(world)
    referral, _prompt = world.prompted()
    world.move(referral, Status.CANCELLED, reason="moved away")
    from rufaa.payments.dispatch import tidy  # noqa: PLC0415 - the worker's own

    unit(tidy)

    assert "not-paid" not in kinds(referral)


def test_an_appointment_its_reminder_its_change_and_its_end(world: World) -> None:
    tells(world)
    heart = clinic(world)
    referral = waiting(world)
    first, second = free(heart, FRIDAY)[:2]

    held = book(world.admin, referral, first)
    assert "booked" not in kinds(referral)  # it is not theirs yet
    call_back(world.ask(referral))
    appointments_work()
    moved = book(world.admin, referral, second, reason="asked for it")
    unit(lambda tx: appointments.cancel(tx, world.admin, moved.hex, reason="ill"), actor=world.admin.user)

    told = [(row["kind"], row["subject"]) for row in notices(referral) if row["kind"] in {*_OF_TIME}]
    assert sorted(told) == sorted(
        [("booked", held), ("reminder", held), ("moved", moved), ("reminder", moved), ("cancelled", moved)]
    )
    reminders = {row["due_at"] for row in notices(referral) if row["kind"] == "reminder"}
    assert reminders == {datetime(2026, 3, 5, 10, tzinfo=EAT)}


_OF_TIME = ("booked", "moved", "reminder", "cancelled", "choose")


def test_another_time_before_the_first_was_told_is_the_appointment_itself(world: World) -> None:
    tells(world)
    heart = clinic(world)
    referral = waiting(world)
    first, second = free(heart, FRIDAY)[:2]
    book(world.admin, referral, first)  # held: nobody was told of it
    book(world.admin, referral, second)
    call_back(world.ask(referral))
    appointments_work()

    assert sorted(each for each in kinds(referral) if each in _OF_TIME) == ["booked", "reminder"]


def test_an_appointment_of_tomorrow_needs_no_reminder(world: World) -> None:
    tells(world)
    heart = clinic(world)
    it_is(at_day(0, hour=11))
    referral = waiting(world)
    slot = free(heart, date(2026, 3, 3))[0]
    book(world.admin, referral, slot)
    call_back(world.ask(referral))
    appointments_work()

    assert [each for each in kinds(referral) if each in _OF_TIME] == ["booked"]


def test_money_that_came_too_late_for_its_time_asks_to_choose(world: World) -> None:
    tells(world)
    heart = clinic(world)
    referral, other = waiting(world), waiting(world)
    slot = free(heart, FRIDAY)[0]
    book(world.admin, referral, slot)
    prompt = world.ask(referral)
    advance(3600)
    appointments_work()
    unit(lambda tx: _waive(tx, world, other))
    book(world.admin, other, slot)
    call_back(prompt)
    appointments_work()

    assert [each for each in kinds(referral) if each in _OF_TIME] == ["choose"]


def _waive(tx, world: World, referral: str) -> None:  # type: ignore[no-untyped-def]
    from rufaa.referrals import operations as referrals  # noqa: PLC0415

    referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor")
    referrals.second_exemption(tx, world.second_admin, referral)


def test_a_kind_that_a_facility_does_not_send_is_not_even_noted(world: World) -> None:
    tells(world, silent=[Kind.RINGING.value])

    referral, prompt = world.prompted()
    call_back(prompt)

    assert kinds(referral) == ["received", "paid"]


def test_a_message_waits_for_a_phone(world: World) -> None:
    tells(world)
    referral = world.approved()
    execute("UPDATE notice SET next_at = NULL")  # as a worker does that finds nobody to tell

    known_phone(referral)

    assert value("SELECT next_at <= rufaa_now() FROM notice")


def test_nobody_but_a_fact_writes_a_notice_and_none_twice(world: World) -> None:
    tells(world)
    referral = world.approved()
    (row,) = notices(referral)

    with pytest.raises(IntegrityError, match="written by triggers"):
        execute(
            "INSERT INTO notice (id, state, event, kind, subject, referral_id, channel)"
            " VALUES (gen_random_uuid(), 'due', 'happen', 'paid', gen_random_uuid(), %(id)s, 'sms')",
            id=uuid.UUID(referral),
        )
    with pytest.raises(IntegrityError, match="notice_once"):
        execute(
            "SET LOCAL session_replication_role = replica;"
            " INSERT INTO notice (id, state, event, kind, subject, referral_id, channel)"
            " SELECT gen_random_uuid(), 'due', 'happen', kind, subject, referral_id, channel FROM notice"
        )
    for broken in ("kind = 'paid'", "subject = gen_random_uuid()", "channel = 'email'"):
        with pytest.raises(IntegrityError, match="never changes"):
            execute(f"UPDATE notice SET {broken} WHERE id = %(id)s", id=row["id"])
    with pytest.raises(IntegrityError, match="unlawful move"):
        execute("UPDATE notice SET state = 'delivered', event = 'reported', text = 'x', address = 'x'")
    with pytest.raises(IntegrityError, match="kept"):
        execute("DELETE FROM notice")
    assert states(referral) == {"received": "due"}
    assert rows("SELECT event FROM history WHERE machine = 'notice'") == [{"event": "happen"}]
