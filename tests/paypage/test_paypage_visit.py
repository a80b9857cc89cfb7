"""The visit on the patient's page: its time is chosen, moved and given back by who knows the date of birth."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Final

import pytest
from django.http import HttpResponse
from icalendar import Calendar

from appointments.ground import (
    MONDAY,
    at,
    book,
    clinic,
    free,
    hours_pass,
    pay,
    states,
    waiting,
    work,
)
from paypage.links import Link, link_of
from rufaa.appointments import clinics
from rufaa.db.atomic import unit
from rufaa.referrals import bearer
from support import World, execute, rows, unchanged, value

TUESDAY: Final = date(2026, 3, 3)
BORN: Final = "1990-05-17"


def proved(referral: str) -> Link:
    """The link, by somebody who has typed the date of birth."""
    execute("UPDATE particulars SET date_of_birth = %(day)s", day=BORN)
    link = link_of(referral)
    assert link.born("17-5-1990").status_code == 302
    return link


def visit(link: Link, **fields: str) -> HttpResponse:
    """Send one of the visit's forms."""
    return link.post("visit", {"form": link.form(), **fields})


def test_a_time_is_chosen_held_and_booked_with_the_money(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    link = proved(referral)
    slot = free(heart, TUESDAY)[0]
    html = link.source()
    assert "Not booked yet" in html
    assert f'<option value="{slot.id.hex}">08:00</option>' in html
    assert "Tuesday 3 March" in html

    assert visit(link, slot=slot.id.hex).status_code == 302

    html = link.source()
    assert "Tuesday 3 March 2026, 08:00" in html
    assert "It is kept for you until 07:30" in html or "It is kept for you until" in html
    assert states(referral) == ["held"]
    assert value("SELECT actor FROM history WHERE machine = 'appointment'") == bearer.ACTOR
    pay(world, referral)
    work()
    assert "It is yours." in link.text()
    assert world.status(referral) == "confirmed"


def test_it_is_moved_and_given_back(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    pay(world, referral)
    link = proved(referral)
    first, second = free(heart, TUESDAY)[:2]
    visit(link, slot=first.id.hex)
    visit(link, slot=second.id.hex)
    assert states(referral) == ["moved", "booked"]
    (live,) = rows("SELECT id FROM appointment WHERE state = 'booked'")

    assert visit(link, give_up=live["id"].hex).status_code == 302

    assert states(referral) == ["moved", "cancelled"]
    assert value("SELECT reason FROM appointment WHERE state = 'cancelled'") == "The patient cannot come then."
    assert "Choose another one below" in link.text()


def test_money_that_comes_too_late_is_told_first_and_others_are_offered(world: World) -> None:
    heart = clinic(world)
    referral, faster = waiting(world), waiting(world)
    link = proved(referral)
    slot = free(heart, TUESDAY)[0]
    visit(link, slot=slot.id.hex)
    hours_pass(1)
    book(world.admin, faster, slot)
    pay(world, referral)
    work()

    fresh = proved(referral)  # an hour later the proof has run out
    html = fresh.source()
    assert "The time that you chose is not yours any more." in html
    assert '<option value="' in html
    visit(fresh, slot=free(heart, TUESDAY)[0].id.hex)
    assert "It is yours." in fresh.text()


def test_without_the_date_of_birth_nothing_is_shown_or_chosen(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    execute("UPDATE particulars SET date_of_birth = %(day)s", day=BORN)
    link = link_of(referral)
    slot = free(heart, TUESDAY)[0]

    assert slot.id.hex not in link.source()
    with unchanged():
        assert visit(link, slot=slot.id.hex).status_code in {409, 422}
    assert link.client.get(f"{link.path}/visit.ics").status_code == 302


@pytest.mark.parametrize("slot", ["", "x", "f" * 32, "\u202e"])
def test_what_is_no_time_is_refused(world: World, slot: str) -> None:
    clinic(world)
    referral = waiting(world)
    link = proved(referral)

    with unchanged():
        answer = visit(link, slot=slot)
    assert answer.status_code in {404, 409, 422}
    assert "This time cannot be had any more." in answer.content.decode()


def test_a_time_that_is_taken_is_said(world: World) -> None:
    heart = clinic(world)
    referral, faster = waiting(world), waiting(world)
    link = proved(referral)
    slot = free(heart, TUESDAY)[0]
    book(world.admin, faster, slot)

    with unchanged():
        answer = visit(link, slot=slot.id.hex)
    assert answer.status_code == 409
    assert "Somebody else was faster" in answer.content.decode()


def test_another_ones_appointment_is_not_given_back(world: World) -> None:
    heart = clinic(world)
    referral, other = waiting(world), waiting(world)
    theirs = book(world.admin, other, free(heart)[0])
    link = proved(referral)

    with unchanged():
        for wrong in (theirs.hex, uuid.UUID(int=7).hex, "x"):
            assert visit(link, give_up=wrong).status_code == 404


def test_a_closed_clinic_is_told_of(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    pay(world, referral)
    link = proved(referral)
    visit(link, slot=free(heart, TUESDAY)[0].id.hex)
    unit(lambda tx: clinics.end(tx, world.tumaini, heart.pk.hex))

    assert "The clinic is closed then." in link.text()


def test_the_visit_goes_into_a_calendar_without_a_name(world: World) -> None:
    heart = clinic(world)
    referral = waiting(world)
    link = proved(referral)
    visit(link, slot=free(heart, TUESDAY)[0].id.hex)

    (event,) = Calendar.from_ical(link.client.get(f"{link.path}/visit.ics").content).walk("VEVENT")

    assert str(event["SUMMARY"]) == world.tumaini.name
    assert event["DTSTART"].dt.isoformat() == "2026-03-03T05:00:00+00:00"


def test_where_there_are_no_clinics_nothing_is_offered(world: World) -> None:
    at(MONDAY)
    link = proved(waiting(world))

    html = link.source()
    assert "Not booked yet" in html
    assert 'name="slot"' not in html
    assert "No time is free" not in html
