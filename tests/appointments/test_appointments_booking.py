"""Who takes which slot, what money makes of it, and what becomes of who does not come."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Final

import pytest
from django.db import IntegrityError

from appointments.ground import (
    HEART,
    MONDAY,
    at,
    at_day,
    book,
    bookings,
    clinic,
    free,
    hours_pass,
    pay,
    states,
    taken,
    waiting,
    work,
)
from rufaa.appointments import clinics, operations, queries
from rufaa.appointments.operations import (
    AppointmentMoved,
    AppointmentNotFound,
    SlotClosed,
    SlotNotFound,
    SlotTaken,
)
from rufaa.db.atomic import look, unit
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import ReferralNotFound
from rufaa.referrals.refusing import ReasonNeeded, UnlawfulMove
from support import World, check_books, execute, open_tasks, referral_in, rows, unchanged, value

TUESDAY: Final = date(2026, 3, 3)


def cancel(actor: Actor, appointment: uuid.UUID, reason: str = "") -> None:
    unit(lambda tx: operations.cancel(tx, actor, appointment.hex, reason=reason), actor=actor.user)


def booked_at(referral: str) -> tuple[str, str]:
    """What front ends of before show."""
    (row,) = rows(
        "SELECT booked_date, booked_time FROM particulars JOIN referral ON particulars_id = particulars.id"
        " WHERE referral.id = %(id)s",
        id=uuid.UUID(referral),
    )
    return row["booked_date"], row["booked_time"]


# --- the way of a slot ------------------------------------------------------------------------------------------------


def test_a_slot_is_held_while_the_fee_is_paid_and_booked_with_it(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    slot = free(heart, TUESDAY)[0]

    book(world.admin, referral, slot)

    assert states(referral) == ["held"]
    (held,) = bookings(referral)
    assert held.held_until == held.created_at + timedelta(minutes=HEART.hold_minutes)
    assert slot not in free(heart)
    assert booked_at(referral) == ("2026-03-03", "08:00")
    assert world.status(referral) == "pending-payment"

    pay(world, referral)
    assert world.status(referral) == "paid"
    work()
    assert states(referral) == ["booked"]
    assert world.status(referral) == "confirmed"
    assert taken() == {"slots": 1, "days": 1, "appointments": 1}
    check_books()


def test_money_that_comes_after_the_holds_end_but_before_the_worker_keeps_the_slot(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    slot = free(heart, TUESDAY)[0]
    book(world.admin, referral, slot)
    hours_pass(2)
    pay(world, referral)

    with pytest.raises(SlotTaken):
        book(world.admin, waiting(world), slot)
    work()

    assert states(referral) == ["booked"]


def test_a_hold_lets_go_by_itself(world: World) -> None:
    heart = clinic(world)
    referral, other = waiting(world), waiting(world)
    slot = free(heart, TUESDAY)[0]
    book(world.admin, referral, slot)
    hours_pass(1)
    assert look(operations.next_due_s) == 0.0

    work()

    assert states(referral) == ["lapsed"]
    assert booked_at(referral) == ("", "")
    assert taken()["slots"] == 0
    book(world.admin, other, slot)


def test_who_comes_before_the_worker_gets_a_slot_whose_hold_has_ended(world: World) -> None:
    heart = clinic(world)
    referral, other = waiting(world), waiting(world)
    slot = free(heart, TUESDAY)[0]
    book(world.admin, referral, slot)
    with pytest.raises(SlotTaken):
        book(world.admin, other, slot)
    hours_pass(1)

    book(world.admin, other, slot)

    assert (states(referral), states(other)) == (["lapsed"], ["held"])
    assert taken() == {"slots": 1, "days": 1, "appointments": 1}


def test_late_money_takes_the_slot_where_it_is_still_free(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    book(world.admin, referral, free(heart, TUESDAY)[0])
    hours_pass(1)
    work()
    pay(world, referral)
    work()

    assert states(referral) == ["booked"]
    assert booked_at(referral) == ("2026-03-03", "08:00")
    assert world.status(referral) == "confirmed"


@pytest.mark.parametrize("policy", ["offer", "refund"])
def test_late_money_whose_slot_is_gone_is_offered_others_or_asked_about(world: World, policy: str) -> None:
    execute("UPDATE facility SET late_money = %(policy)s WHERE id = %(id)s", policy=policy, id=world.tumaini.pk)
    heart = clinic(world)
    referral, faster = waiting(world), waiting(world)
    slot = free(heart, TUESDAY)[0]
    book(world.admin, referral, slot)
    hours_pass(1)
    book(world.admin, faster, slot)

    pay(world, referral)
    work()

    assert states(referral) == ["lapsed"]
    assert world.status(referral) == "paid"
    assert open_tasks() == (["unserved"] if policy == "refund" else [])
    (row,) = look(lambda tx: queries.without_place(tx, world.tumaini))
    assert row["referral_id"].hex == referral
    assert unit(operations.work) == 0  # it was decided once

    book(world.receiver, referral, free(heart, TUESDAY)[0])
    assert states(referral) == ["lapsed", "booked"]
    assert world.status(referral) == "confirmed"
    assert open_tasks() == []
    assert look(lambda tx: queries.without_place(tx, world.tumaini)) == []
    check_books()


def test_a_slot_is_not_kept_for_late_money_of_a_day_that_is_over(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    book(world.admin, referral, free(heart, TUESDAY)[0])
    hours_pass(1)
    work()
    at(at_day(2))
    pay(world, referral)
    work()

    assert states(referral) == ["lapsed"]
    assert world.status(referral) == "paid"


def test_a_fee_that_is_waived_books_too(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    book(world.admin, referral, free(heart, TUESDAY)[0])
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral))
    work()

    assert states(referral) == ["booked"]
    assert world.status(referral) == "confirmed"


def test_who_has_paid_is_booked_and_confirmed_at_once(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)

    book(world.receiver, referral, free(heart, TUESDAY)[0])

    assert states(referral) == ["booked"]
    assert world.status(referral) == "confirmed"


def test_a_confirmed_referral_gets_its_appointment_later(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.CONFIRMED)

    book(world.receiver, referral, free(heart, TUESDAY)[0])

    assert states(referral) == ["booked"]
    assert world.status(referral) == "confirmed"


@pytest.mark.parametrize("by", ["admin", "receiver"])
def test_an_emergency_is_booked_before_any_money_and_confirmed_by_who_may(world: World, by: str) -> None:
    heart = clinic(world)
    referral = world.referral(priority=Priority.EMERGENCY)

    book(getattr(world, by), referral, free(heart)[0])

    assert states(referral) == ["booked"]
    assert world.status(referral) == ("confirmed" if by == "receiver" else "pending-admin")


# --- change -----------------------------------------------------------------------------------------------------------


def test_another_slot_takes_the_place_of_the_first_and_frees_it(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    first, second, third = free(heart, TUESDAY)[:3]
    book(world.admin, referral, first)
    book(world.admin, referral, second)  # a hold is changed without a reason
    assert states(referral) == ["moved", "held"]
    pay(world, referral)
    work()
    with pytest.raises(ReasonNeeded), unchanged():
        book(world.admin, referral, third)

    book(world.receiver, referral, third, reason="the doctor is away")

    assert states(referral) == ["moved", "moved", "booked"]
    assert bookings(referral)[1].reason == "the doctor is away"
    assert booked_at(referral) == ("2026-03-03", "09:00")
    assert taken() == {"slots": 1, "days": 1, "appointments": 1}
    assert first in free(heart)


def test_the_same_slot_again_is_the_same_appointment(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    slot = free(heart, TUESDAY)[0]

    assert book(world.admin, referral, slot) == book(world.admin, referral, slot)
    assert states(referral) == ["held"]


def test_a_cancelled_appointment_gives_its_place_back_and_the_referral_stays(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    slot = free(heart, TUESDAY)[0]
    made = book(world.receiver, referral, slot)
    with pytest.raises(ReasonNeeded):
        cancel(world.admin, made)

    cancel(world.admin, made, "she travels")

    assert states(referral) == ["cancelled"]
    assert world.status(referral) == "confirmed"
    assert slot in free(heart)
    assert booked_at(referral) == ("", "")
    with pytest.raises(AppointmentMoved) as refused, unchanged():
        cancel(world.admin, made, "again")
    assert refused.value.data["allowed"] == []


def test_a_referral_that_is_given_up_gives_its_slot_back(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    slot = free(heart, TUESDAY)[0]
    book(world.receiver, referral, slot)

    world.move(referral, Status.CANCELLED, by=world.receiver, reason="she moved away")

    assert states(referral) == ["cancelled"]
    assert bookings(referral)[0].reason == "The referral was cancelled."
    assert slot in free(heart)
    with pytest.raises(UnlawfulMove), unchanged():
        book(world.receiver, referral, slot)


@pytest.mark.parametrize(("hour", "state"), [(9, "seen"), (7, "cancelled")])
def test_a_referral_that_is_completed_expects_nobody_any_more(world: World, hour: int, state: str) -> None:
    """Whose time has come was seen, though the desk said nothing; a time that is still to come is free again."""
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    book(world.receiver, referral, free(heart, TUESDAY)[0])
    at(at_day(1, hour))

    world.move(referral, Status.COMPLETED, by=world.receiver, reason="treated")

    assert states(referral) == [state]
    at(at_day(3))
    work()
    assert states(referral) == [state]
    assert open_tasks() == []


def test_who_was_missed_and_has_another_appointment_does_not_arrive_for_the_first(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    made = book(world.receiver, referral, free(heart, TUESDAY)[0])
    at(at_day(1, 9))
    unit(lambda tx: operations.missed(tx, world.receiver, made.hex))
    book(world.receiver, referral, free(heart)[-1])

    with pytest.raises(AppointmentMoved), unchanged():
        unit(lambda tx: operations.arrived(tx, world.receiver, made.hex))
    assert booked_at(referral)[0] == "2026-03-16"


# --- the day ----------------------------------------------------------------------------------------------------------


def test_the_patient_comes_and_is_seen(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    made = book(world.receiver, referral, free(heart, TUESDAY)[0])
    with pytest.raises(AppointmentMoved):
        unit(lambda tx: operations.arrived(tx, world.receiver, made.hex))
    at(at_day(1))  # an hour too early is no trouble

    unit(lambda tx: operations.arrived(tx, world.receiver, made.hex))
    assert states(referral) == ["arrived"]
    with pytest.raises(AppointmentMoved), unchanged():
        book(world.receiver, referral, free(heart, TUESDAY)[1], reason="no")
    unit(lambda tx: operations.seen(tx, world.receiver, made.hex))
    assert states(referral) == ["seen"]
    assert taken()["slots"] == 1
    book(world.receiver, referral, free(heart)[-1])  # she is to come again: that is the day that is said from now on
    assert booked_at(referral) == ("2026-03-16", "09:30")
    world.move(referral, Status.COMPLETED, by=world.receiver, reason="a stent")
    assert states(referral) == ["seen", "cancelled"]


def test_who_paid_and_does_not_come_is_a_task_with_the_question_of_the_money(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    made = book(world.receiver, referral, free(heart, TUESDAY)[0])
    with pytest.raises(AppointmentMoved), unchanged():
        unit(lambda tx: operations.missed(tx, world.receiver, made.hex))
    at(at_day(1, 9))

    unit(lambda tx: operations.missed(tx, world.receiver, made.hex, reason="called, no answer"))

    assert states(referral) == ["missed"]
    assert open_tasks() == ["unserved"]
    unit(lambda tx: operations.arrived(tx, world.receiver, made.hex))  # after all
    assert states(referral) == ["arrived"]
    assert open_tasks() == []


def test_a_day_later_the_worker_says_who_did_not_come(world: World) -> None:
    heart = clinic(world)
    paid, waived = referral_in(world, Status.PAID), waiting(world)
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, waived, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, world.second_admin, waived))
    slots = free(heart, TUESDAY)
    book(world.receiver, paid, slots[0])
    book(world.receiver, waived, slots[1])
    at(at_day(1, 23))
    work()
    assert (states(paid), states(waived)) == (["booked"], ["booked"])

    at(at_day(2, 0))
    work()

    assert (states(paid), states(waived)) == (["missed"], ["missed"])
    assert bookings(paid)[0].reason == operations.MISSED_WHY
    assert open_tasks() == ["unserved"]  # nothing was paid for the other


# --- who, and what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["physician", "finance", "stranger", "operator"])
def test_others_book_and_cancel_nothing(world: World, name: str) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    made = book(world.receiver, referral, free(heart, TUESDAY)[0])
    who = getattr(world, name)

    with pytest.raises((Forbidden, ReferralNotFound)), unchanged():
        book(who, referral, free(heart, TUESDAY)[1], reason="x")
    for act in (
        lambda: cancel(who, made, "x"),
        lambda: unit(lambda tx: operations.arrived(tx, who, made.hex)),
        lambda: unit(lambda tx: operations.missed(tx, who, made.hex)),
        lambda: unit(lambda tx: operations.seen(tx, who, made.hex)),
    ):
        with pytest.raises((Forbidden, AppointmentNotFound)), unchanged():
            act()


def test_the_referring_facility_does_not_say_who_came(world: World) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    made = book(world.admin, referral, free(heart, TUESDAY)[0])
    at(at_day(1, 9))

    with pytest.raises(Forbidden), unchanged():
        unit(lambda tx: operations.arrived(tx, world.admin, made.hex))


def test_slots_of_another_facility_or_of_the_past_or_closed_ones_are_refused(world: World) -> None:
    heart = clinic(world)
    theirs = unit(lambda tx: clinics.add(tx, world.elsewhere, HEART))
    referral = referral_in(world, Status.PAID)
    begun, closed = free(heart)[0], free(heart, TUESDAY)[0]
    begins = closed.starts_at
    unit(
        lambda tx: clinics.close(
            tx, world.tumaini, clinic=None, starts_at=begins, ends_at=begins + timedelta(minutes=1), reason="power"
        )
    )
    at(MONDAY.replace(hour=8))

    for wrong, refusal in (
        (free(theirs)[0].id, SlotNotFound),
        (uuid.UUID(int=7), SlotNotFound),
        (begun.id, SlotClosed),
        (closed.id, SlotClosed),
    ):
        with pytest.raises(refusal), unchanged():
            book(world.receiver, referral, wrong)
    with pytest.raises(SlotNotFound):
        unit(lambda tx: operations.book(tx, world.receiver, referral, slot="no id"))
    with pytest.raises(AppointmentNotFound):
        unit(lambda tx: operations.cancel(tx, world.receiver, "no id", reason="x"))


def test_a_day_has_fewer_places_than_its_slots(world: World) -> None:
    heart = clinic(world, day_capacity=2)
    first, second, third, _ = free(heart, TUESDAY)
    book(world.admin, waiting(world), first)
    book(world.admin, waiting(world), second)

    assert free(heart, TUESDAY) == []
    with pytest.raises(SlotTaken), unchanged():
        book(world.admin, waiting(world), third)


# --- what PostgreSQL refuses, whoever writes --------------------------------------------------------------------------


def insert(referral: str, slot: uuid.UUID, state: str, event: str) -> None:
    execute(
        "INSERT INTO appointment (id, state, event, referral_id, slot_id, held_until)"
        " VALUES (%(id)s, %(state)s, %(event)s, %(referral)s, %(slot)s, rufaa_now() + interval '1 hour')",
        id=uuid.uuid4(),
        state=state,
        event=event,
        referral=uuid.UUID(referral),
        slot=slot,
    )


def test_no_slot_has_more_people_than_places(world: World) -> None:
    heart = clinic(world)
    slot = free(heart, TUESDAY)[0]
    insert(waiting(world), slot.id, "held", "hold")

    with pytest.raises(IntegrityError, match="slot_not_overbooked"):
        insert(waiting(world), slot.id, "held", "hold")


def test_no_day_has_more_people_than_places(world: World) -> None:
    heart = clinic(world, day_capacity=1)
    first, second, *_ = free(heart, TUESDAY)
    insert(waiting(world), first.id, "held", "hold")

    with pytest.raises(IntegrityError, match="clinic_day_not_overbooked"):
        insert(waiting(world), second.id, "held", "hold")


def test_nobody_is_booked_without_a_settled_fee(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    slot = free(heart, TUESDAY)[0]

    with pytest.raises(IntegrityError, match="its fee is due"):
        insert(referral, slot.id, "booked", "book")
    insert(referral, slot.id, "held", "hold")
    with pytest.raises(IntegrityError, match="its fee is due"):
        execute("UPDATE appointment SET state = 'booked', event = 'keep'")


def test_an_appointment_is_where_the_referral_goes_in_a_slot_that_is_open_and_to_come(world: World) -> None:
    heart = clinic(world)
    theirs = unit(lambda tx: clinics.add(tx, world.elsewhere, HEART))
    referral, slots = waiting(world), free(heart, TUESDAY)

    with pytest.raises(IntegrityError, match="another facility"):
        insert(referral, free(theirs)[0].id, "held", "hold")
    unit(lambda tx: clinics.end(tx, world.tumaini, heart.pk.hex))
    with pytest.raises(IntegrityError, match="closed or over"):
        insert(referral, slots[0].id, "held", "hold")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE slot SET taken = taken + 1",
        "UPDATE clinic_day SET taken = taken + 1",
        "UPDATE slot SET starts_at = starts_at - interval '1 hour'",
        "UPDATE appointment SET slot_id = (SELECT id FROM slot WHERE taken = 0 LIMIT 1)",
        "UPDATE appointment SET state = 'seen', event = 'see'",
        "DELETE FROM appointment",
    ],
)
def test_counts_times_and_moves_are_not_written_by_hand(world: World, statement: str) -> None:
    heart = clinic(world)
    book(world.admin, waiting(world), free(heart, TUESDAY)[0])

    with pytest.raises(IntegrityError):
        execute(statement)


def test_a_referral_has_one_appointment_at_a_time(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    first, second, *_ = free(heart, TUESDAY)
    insert(referral, first.id, "held", "hold")

    with pytest.raises(IntegrityError, match="appointment_one_live"):
        insert(referral, second.id, "held", "hold")


def test_every_move_is_in_the_history_and_in_the_audit(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    made = book(world.admin, referral, free(heart, TUESDAY)[0])
    pay(world, referral)
    work()
    at(at_day(1, 9))
    unit(lambda tx: operations.arrived(tx, world.receiver, made.hex), actor=world.receiver.user)

    told = rows("SELECT event, actor FROM history WHERE machine = 'appointment' ORDER BY id")
    assert told == [
        {"event": "hold", "actor": world.admin.user},
        {"event": "keep", "actor": None},
        {"event": "arrive", "actor": world.receiver.user},
    ]
    assert [row["kind"] for row in rows("SELECT kind FROM audit WHERE kind LIKE 'appointment%%' ORDER BY id")] == [
        "appointment.hold",
        "appointment.keep",
        "appointment.arrive",
    ]
    assert value("SELECT count(*) FROM task") == 0
