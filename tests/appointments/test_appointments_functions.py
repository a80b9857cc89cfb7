"""``clinics:…`` and ``bookings:…`` over the wire, and the booked day and time of front ends that know no slots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appointments.ground import HEART, MONDAY, at, clinic, pay, states, waiting, work
from rufaa.appointments import clinics
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from support import PAYS, RINGS, Running, World, referral_in, unchanged


def slots(gateway: Running, by: Actor, clinic: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.do(
        "query", "clinics:getAvailableSlots", {"clinicId": clinic.pk.hex, **more}, by=by
    )
    return found


def test_the_whole_way_of_a_booking(world: World, gateway: Running) -> None:
    heart = clinic(world)
    referral = waiting(world)

    (listed,) = gateway.do("query", "clinics:list", {"facility": world.tumaini.name}, by=world.admin)
    assert (listed["_id"], listed["name"], listed["facility"]) == (heart.pk.hex, "Cardiology", world.tumaini.name)
    assert (listed["services"], listed["slotMinutes"]) == (["Echo"], 30)
    assert listed["hours"][0] == {"weekday": 1, "opens": "08:00", "closes": "10:00"}
    tuesday = slots(gateway, world.admin, heart, date="2026-03-03")
    assert [each["bookedTime"] for each in tuesday] == ["08:00", "08:30", "09:00", "09:30"]

    held = gateway.do(
        "mutation", "bookings:createBooking", {"referralId": referral, "slotId": tuesday[1]["_id"]}, by=world.admin
    )
    assert (held["status"], held["bookedDate"], held["bookedTime"]) == ("held", "2026-03-03", "08:30")
    assert held["heldUntil"] - held["_creationTime"] == 30 * 60 * 1000
    assert [each["bookedTime"] for each in slots(gateway, world.admin, heart, date="2026-03-03")] == [
        "08:00",
        "09:00",
        "09:30",
    ]
    document = gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)
    assert (document["bookedDate"], document["bookedTime"]) == ("2026-03-03", "08:30")

    pay(world, referral)
    work()
    (booked,) = gateway.do("query", "bookings:getByReferral", {"referralId": referral}, by=world.receiver)
    assert (booked["_id"], booked["status"], booked["heldUntil"]) == (held["_id"], "booked", None)
    assert world.status(referral) == "confirmed"

    moved = gateway.do(
        "mutation",
        "bookings:createBooking",
        {"referralId": referral, "bookedDate": "2026-03-04", "bookedTime": "9:30 AM", "reason": "she works"},
        by=world.receiver,
    )
    assert (moved["status"], moved["bookedDate"], moved["reason"]) == ("booked", "2026-03-04", "she works")
    gone = gateway.do(
        "mutation", "bookings:cancelBooking", {"bookingId": moved["_id"], "reason": "she is well"}, by=world.admin
    )
    assert (gone["status"], gone["reason"]) == ("cancelled", "she is well")
    assert states(referral) == ["moved", "cancelled"]


def test_one_sees_the_clinics_of_the_own_facility_without_a_name(world: World, gateway: Running) -> None:
    clinic(world)

    assert [each["name"] for each in gateway.do("query", "clinics:list", {}, by=world.receiver)] == ["Cardiology"]
    assert gateway.do("query", "clinics:list", {}, by=world.admin) == []
    for who in (world.finance, world.operator):
        assert gateway.error("query", "clinics:list", {}, by=who)["code"] == "forbidden"
    assert gateway.do("query", "clinics:list", {"facility": world.tumaini.pk.hex}, by=world.physician)


def test_the_next_free_ones_over_days(world: World, gateway: Running) -> None:
    heart = clinic(world)

    assert len(slots(gateway, world.admin, heart, limit=3)) == 3
    assert len(slots(gateway, world.admin, heart, date="2026-03-05", days=2)) == 8
    assert slots(gateway, world.admin, heart, date="2026-03-08") == []  # a Sunday
    assert slots(gateway, world.admin, heart, date="2026-03-01") == []  # over


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"date": "2026-04-31"}, "invalid-argument"),
        ({"date": "tomorrow"}, "invalid-argument"),
        ({"days": 2}, "invalid-argument"),
        ({"date": "2026-03-03", "days": 32}, "invalid-argument"),
        ({"date": "2026-03-03", "days": 1.5}, "invalid-argument"),
        ({"limit": 0}, "invalid-argument"),
        ({"clinicId": "f" * 32}, "clinic-not-found"),
        ({"clinicId": "no id"}, "clinic-not-found"),
    ],
)
def test_slots_that_nobody_can_mean(world: World, gateway: Running, args: dict[str, Any], code: str) -> None:
    heart = clinic(world)
    error = gateway.error("query", "clinics:getAvailableSlots", {"clinicId": heart.pk.hex, **args}, by=world.admin)
    assert error["code"] == code


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, "invalid-argument"),
        ({"bookedDate": "2026-04-31", "bookedTime": "08:00"}, "invalid-argument"),
        ({"bookedDate": "2026-03-03", "bookedTime": "08:10"}, "invalid-argument"),  # not on the grid
        ({"bookedDate": "2026-03-03", "bookedTime": "25:00"}, "invalid-argument"),
        ({"bookedDate": "2026-03-08", "bookedTime": "08:00"}, "invalid-argument"),  # a Sunday
        ({"bookedDate": "2026-03-08"}, "invalid-argument"),
        ({"bookedDate": "2025-03-03", "bookedTime": "08:00"}, "invalid-argument"),
        ({"bookedDate": "2026-03-03", "bookedTime": "08:00", "clinicId": "no id"}, "clinic-not-found"),
        ({"slotId": "f" * 32}, "slot-not-found"),
        ({"slotId": "no id"}, "slot-not-found"),
    ],
)
def test_bookings_that_cannot_be(world: World, gateway: Running, args: dict[str, Any], code: str) -> None:
    clinic(world)
    referral = waiting(world)

    with unchanged():
        error = gateway.error("mutation", "bookings:createBooking", {"referralId": referral, **args}, by=world.admin)
    assert error["code"] == code
    if args.get("bookedTime") == "08:10":
        assert "08:00, 08:30, 09:00, 09:30" in error["message"]


def test_where_two_clinics_have_that_time_one_is_named(world: World, gateway: Running) -> None:
    clinic(world)
    bones = unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, name="Bones")))
    referral = waiting(world)
    wanted = {"referralId": referral, "bookedDate": "2026-03-03", "bookedTime": "08:00"}

    error = gateway.error("mutation", "bookings:createBooking", wanted, by=world.admin)
    assert (error["code"], error["data"]["argument"]) == ("invalid-argument", "clinicId")
    made = gateway.do("mutation", "bookings:createBooking", {**wanted, "clinicId": bones.pk.hex}, by=world.admin)
    assert made["clinic"] == "Bones"


def test_others_see_and_cancel_nothing(world: World, gateway: Running) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    slot = slots(gateway, world.admin, heart)[0]
    made = gateway.do(
        "mutation", "bookings:createBooking", {"referralId": referral, "slotId": slot["_id"]}, by=world.receiver
    )

    assert gateway.do("query", "bookings:getByReferral", {"referralId": referral}, by=world.stranger) == []
    with unchanged():
        error = gateway.error(
            "mutation", "bookings:cancelBooking", {"bookingId": made["_id"], "reason": "x"}, by=world.stranger
        )
    assert error["code"] == "appointment-not-found"


# --- bookedDate and bookedTime of saveBiodata -------------------------------------------------------------------------


def biodata(referral: str, **more: Any) -> dict[str, Any]:
    return {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": PAYS, **more}


def test_the_seeds_day_and_time_take_a_slot_where_there_are_slots(world: World, gateway: Running) -> None:
    clinic(world)
    referral = world.approved()

    args = biodata(referral, bookedDate="2026-03-03", bookedTime="08:30")
    document = gateway.do("mutation", "referrals:saveBiodata", args, by=world.admin)

    assert (document["status"], document["bookedDate"], document["bookedTime"]) == (
        "pending-payment",
        "2026-03-03",
        "08:30",
    )
    assert states(referral) == ["held"]
    again = gateway.do("mutation", "referrals:saveBiodata", args, by=world.admin)
    assert again["bookedTime"] == "08:30"
    assert states(referral) == ["held"]


def test_a_day_alone_takes_its_first_slot(world: World, gateway: Running) -> None:
    clinic(world)
    referral = world.approved()

    document = gateway.do(
        "mutation", "referrals:saveBiodata", biodata(referral, bookedDate="2026-03-03"), by=world.admin
    )

    assert document["bookedTime"] == "08:00"


@pytest.mark.parametrize("more", [{"bookedDate": "2026-03-03", "bookedTime": "08:10"}, {"bookedTime": "08:00"}])
def test_a_time_that_no_slot_has_is_refused_and_nothing_is_saved(
    world: World, gateway: Running, more: dict[str, Any]
) -> None:
    clinic(world)
    referral = world.approved()

    with unchanged():
        error = gateway.error("mutation", "referrals:saveBiodata", biodata(referral, **more), by=world.admin)
    assert error["code"] == "invalid-argument"
    assert world.status(referral) == "awaiting-biodata"


def test_where_there_are_no_slots_day_and_time_are_words(world: World, gateway: Running) -> None:
    at(MONDAY)
    referral = world.approved()

    document = gateway.do(
        "mutation",
        "referrals:saveBiodata",
        biodata(referral, bookedDate="2026-03-08", bookedTime="after church"),
        by=world.admin,
    )

    assert (document["bookedDate"], document["bookedTime"]) == ("2026-03-08", "after church")
    assert states(referral) == []
