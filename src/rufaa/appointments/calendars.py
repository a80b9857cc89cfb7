"""Appointments as a calendar file (RFC 5545). Nothing medical stands in one: it is copied to who knows where."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One time in a calendar. ``uid`` stays the same when it is read again, so that it takes its own former place."""

    uid: uuid.UUID
    starts_at: datetime
    ends_at: datetime
    title: str
    place: str
    about: str = ""
    cancelled: bool = False


def written(entries: Sequence[Entry], *, now: datetime) -> bytes:
    """The calendar file of these entries."""
    calendar = Calendar()
    calendar.add("prodid", "-//Rufaa//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for entry in entries:
        event = Event()
        event.add("uid", f"{entry.uid.hex}@rufaa")
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", entry.starts_at.astimezone(UTC))
        event.add("dtend", entry.ends_at.astimezone(UTC))
        event.add("summary", entry.title)
        event.add("location", entry.place)
        if entry.about:
            event.add("description", entry.about)
        event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
