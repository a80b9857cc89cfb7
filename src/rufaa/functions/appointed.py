"""How clinics, their free slots and appointments look on the function API's wire."""

from __future__ import annotations

import uuid

from rufaa import clock
from rufaa.appointments import times
from rufaa.appointments.machine import State
from rufaa.appointments.queries import Booking, ClinicSeen, FreeSlot
from rufaa.functions import shapes


def clinic(row: ClinicSeen) -> shapes.Clinic:
    return {
        "_id": row.id.hex,
        "_creationTime": clock.to_ms(row.created_at),
        "name": row.name,
        "facilityId": row.facility_id.hex,
        "facility": row.facility,
        "services": list(row.services),
        "hours": [
            {"weekday": float(each.weekday), "opens": f"{each.opens:%H:%M}", "closes": f"{each.closes:%H:%M}"}
            for each in row.hours
        ],
        "slotMinutes": float(row.slot_minutes),
        "holdMinutes": float(row.hold_minutes),
    }


def slot(row: FreeSlot) -> shapes.Slot:
    return {
        "_id": row.id.hex,
        "clinicId": row.clinic.hex,
        "bookedDate": row.day.isoformat(),
        "bookedTime": times.clock_time(row.starts_at),
        "startsAt": clock.to_ms(row.starts_at),
        "endsAt": clock.to_ms(row.ends_at),
        "places": float(row.left),
    }


def booking(row: Booking, *, referral: uuid.UUID) -> shapes.Booking:
    waits = row.state is State.HELD and row.held_until is not None
    return {
        "_id": row.id.hex,
        "_creationTime": clock.to_ms(row.created_at),
        "referralId": referral.hex,
        "status": row.state,
        "clinicId": row.clinic_id.hex,
        "clinic": row.clinic,
        "facility": row.facility,
        "slotId": row.slot.hex,
        "bookedDate": row.day.isoformat(),
        "bookedTime": times.clock_time(row.starts_at),
        "startsAt": clock.to_ms(row.starts_at),
        "endsAt": clock.to_ms(row.ends_at),
        "heldUntil": clock.to_ms(row.held_until) if waits and row.held_until is not None else None,
        "reason": row.reason or None,
        "toBeMoved": row.displaced,
    }
