"""A clinic at a known time, and what people do with it. It is Monday 2 March 2026, 7:00 in Nairobi."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from rufaa.appointments import clinics, operations, queries
from rufaa.appointments.clinics import Opening, Shape
from rufaa.appointments.models import Clinic
from rufaa.appointments.queries import Booking, FreeSlot
from rufaa.clock import EAT
from rufaa.db.atomic import look, unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Priority, Status
from support import World, advance, call_back, execute, rows, value

MONDAY: Final = datetime(2026, 3, 2, 7, 0, tzinfo=EAT)
WEEKDAYS: Final = tuple(Opening(day, time(8), time(10)) for day in range(1, 6))
HEART: Final = Shape("Cardiology", ("Echo",), WEEKDAYS, slot_minutes=30, slot_capacity=1, days_ahead=14)
"""Four slots a day, of one place each."""


def at(moment: datetime) -> None:
    """It is ``moment``."""
    execute('UPDATE rufaa_clock SET "offset" = "offset" + (%(moment)s - rufaa_now())', moment=moment)


def clinic(world: World, **other: Any) -> Clinic:
    """A clinic of the receiving facility, on that Monday."""
    at(MONDAY)
    return unit(lambda tx: clinics.add(tx, world.tumaini, replace(HEART, **other)))


def free(of: Clinic, day: date | None = None) -> list[FreeSlot]:
    found = look(lambda tx: queries.free_slots(tx, of.pk.hex))
    return [slot for slot in found if day is None or slot.day == day]


def times_of(slots: list[FreeSlot]) -> list[str]:
    return [f"{slot.starts_at.astimezone(EAT):%a %d %H:%M}" for slot in slots]


def book(actor: Actor, referral: str, slot: FreeSlot | uuid.UUID, **more: Any) -> uuid.UUID:
    identifier = slot.id if isinstance(slot, FreeSlot) else slot
    return unit(lambda tx: operations.book(tx, actor, referral, slot=identifier.hex, **more), actor=actor.user)


def bookings(referral: str) -> list[Booking]:
    """Newest first."""
    return look(lambda tx: queries.of_referral_by_id(tx, uuid.UUID(referral)))


def states(referral: str) -> list[str]:
    """Oldest first."""
    return [str(each.state) for each in reversed(bookings(referral))]


def work() -> None:
    """The worker's rounds, until there is nothing to do."""
    while unit(operations.work):
        pass


def pay(world: World, referral: str, phone: str = "254708374149") -> None:
    """The fee is asked for, and paid."""
    call_back(world.ask(referral, phone))


def waiting(world: World, priority: Priority = Priority.ROUTINE) -> str:
    referral = world.referral(priority=priority)
    world.move(referral, Status.AWAITING_BIODATA)
    world.move(referral, Status.PENDING_PAYMENT)
    return referral


def hours_pass(hours: float) -> None:
    advance(hours * 3600)


def taken() -> dict[str, int]:
    """What slots and days say is taken, and what appointments take: three numbers that are one."""
    return {
        "slots": int(value("SELECT coalesce(sum(taken), 0) FROM slot")),
        "days": int(value("SELECT coalesce(sum(taken), 0) FROM clinic_day")),
        "appointments": len(
            rows("SELECT FROM appointment WHERE state IN ('held', 'booked', 'arrived', 'seen', 'missed')")
        ),
    }


def at_day(days: int, hour: int = 7) -> datetime:
    return MONDAY.replace(hour=hour) + timedelta(days=days)
