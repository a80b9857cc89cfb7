"""A facility's clinics on their pages: set up, chosen, moved, and worked off on the day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import pytest
from icalendar import Calendar

from appointments.ground import HEART, MONDAY, at, at_day, book, clinic, free, pay, states, waiting, work
from desks import Desk
from rufaa.appointments import clinics
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from support import World, open_tasks, referral_in, rows, unchanged, value

At = Callable[[Actor], Desk]
TUESDAY: Final = date(2026, 3, 3)
FORM: Final[dict[str, Any]] = {
    "name": "Cardiology",
    "services": "Echo, ECG",
    "slot_minutes": "30",
    "slot_capacity": "2",
    "day_capacity": "",
    "hold_minutes": "45",
    "days_ahead": "14",
    "hours_1": "08:00-10:00, 14:00–15:00",
    "hours_3": "9:00 am - 10:00 am",
}


def settings(world: World, more: str = "") -> str:
    return f"/settings/{world.tumaini.pk.hex}/clinics/{more}"


# --- setting up -------------------------------------------------------------------------------------------------------


def test_a_clinic_is_opened_changed_and_ended(world: World, desk: At) -> None:
    at(MONDAY)
    admin = desk(world.receiving_admin)
    assert "No clinic is set up" in admin.text(settings(world))

    told = admin.does(settings(world, "add/"), **FORM)

    assert "The clinic takes people from now on." in told
    assert 'value="08:00-10:00, 14:00-15:00"' in told
    assert 'value="09:00-10:00"' in told
    (row,) = rows("SELECT id, name, services, slot_capacity, hold_minutes, days_ahead FROM clinic")
    identifier = row.pop("id")
    assert row == {
        "name": "Cardiology",
        "services": ["Echo", "ECG"],
        "slot_capacity": 2,
        "hold_minutes": 45,
        "days_ahead": 14,
    }
    assert value("SELECT count(*) FROM slot WHERE day = '2026-03-02'") == 6

    admin.does(settings(world, f"{identifier.hex}/change/"), **{**FORM, "hours_1": "08:00-09:00"})
    assert value("SELECT count(*) FROM slot WHERE day = '2026-03-02' AND open") == 2
    assert "The clinic takes nobody new." in admin.does(settings(world, f"{identifier.hex}/end/"))
    assert value("SELECT count(*) FROM slot WHERE open") == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "Name must not be empty"),
        ({"slot_minutes": "x"}, "This is a whole number."),
        ({"slot_minutes": ""}, "This is a whole number."),
        ({"slot_minutes": "4"}, "is a whole number from 5 to 720"),
        ({"hours_1": "8 to 10"}, "Write hours as 08:00-12:00, 14:00-16:00."),
        ({"hours_1": "08:00-25:00"}, "is not a time of day"),
        ({"hours_1": "", "hours_3": ""}, "A clinic works at some time of the week."),
        ({"hours_1": "08:00-10:00, 09:00-11:00"}, "Hours of one day do not overlap."),
    ],
)
def test_what_cannot_be_stands_in_the_form_and_changes_nothing(
    world: World, desk: At, wrong: dict[str, str], says: str
) -> None:
    with unchanged():
        answer = desk(world.receiving_admin).post(settings(world, "add/"), **{**FORM, **wrong})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert says in html
    assert 'value="45"' in html  # what was typed


def test_a_closure_is_made_and_taken_back(world: World, desk: At) -> None:
    heart = clinic(world)
    admin = desk(world.receiving_admin)

    told = admin.does(
        settings(world, "close/"), clinic="", starts_on="2026-03-03", ends_on="2026-03-03", reason="Strike"
    )

    assert "Strike" in told
    assert free(heart, TUESDAY) == []
    (closure,) = rows("SELECT id FROM closure")
    admin.does(settings(world, f"{closure['id'].hex}/reopen/"))
    assert len(free(heart, TUESDAY)) == 4
    admin.does(
        settings(world, "close/"),
        clinic=heart.pk.hex,
        starts_on="2026-03-03",
        starts_at="08:30",
        ends_on="2026-03-03",
        ends_at="09:00",
        reason="x",
    )
    assert len(free(heart, TUESDAY)) == 3
    with unchanged():
        answer = admin.post(settings(world, "close/"), clinic="", starts_on="2026-04-31", ends_on="", reason="x")
    assert answer.status_code == 422


def test_what_becomes_of_late_money_is_the_facilitys_choice(world: World, desk: At) -> None:
    clinic(world)
    admin = desk(world.receiving_admin)

    assert 'value="refund" checked' in admin.does(settings(world, "late/"), late_money="refund")
    assert admin.post(settings(world, "late/"), late_money="keep").status_code == 422


@pytest.mark.parametrize("who", ["admin", "physician", "receiver", "finance", "operator", "stranger"])
def test_others_set_up_nothing(world: World, desk: At, who: str) -> None:
    heart = clinic(world)
    with unchanged():
        for part, values in (
            ("add/", FORM),
            ("close/", {"clinic": "", "starts_on": "2026-03-03", "ends_on": "2026-03-03", "reason": "x"}),
            ("late/", {"late_money": "refund"}),
            (f"{heart.pk.hex}/change/", FORM),
            (f"{heart.pk.hex}/end/", {}),
        ):
            assert desk(getattr(world, who)).post(settings(world, part), **values).status_code in {403, 404}, part
    assert desk(getattr(world, who)).get(settings(world)).status_code in {403, 404}


def test_a_clinic_of_another_facility_is_not_there(world: World, desk: At) -> None:
    theirs = unit(lambda tx: clinics.add(tx, world.elsewhere, HEART))
    with unchanged():
        for part in ("change/", "end/", "reopen/"):
            answer = desk(world.receiving_admin).post(settings(world, f"{theirs.pk.hex}/{part}"), **FORM)
            assert answer.status_code == 404


# --- a referral's -----------------------------------------------------------------------------------------------------


def test_staff_choose_move_and_give_back_a_time(world: World, desk: At) -> None:
    heart = clinic(world)
    referral = waiting(world)
    page = f"/referrals/{referral}/"
    html = desk(world.admin).text(page, day="2026-03-03")
    offered = re.findall(r'<option value="([0-9a-f]{32})">(\d\d:\d\d)</option>', html)
    assert offered[0] == (free(heart, TUESDAY)[0].id.hex, "08:00")
    assert "Cardiology, Tuesday 3 March 2026" in html

    told = desk(world.admin).does(f"{page}book/", slot=offered[0][0])
    assert "The time is taken." in told
    assert "Tuesday 3 March 2026, 08:00" in told
    assert "Held until the fee is paid" in told
    pay(world, referral)
    work()
    assert "Booked" in desk(world.receiver).text(page)

    with unchanged():
        refused = desk(world.receiver).post(f"{page}book/", slot=offered[1][0], reason="")
    assert refused.status_code == 422
    assert "Say why the appointment is moved." in refused.content.decode()
    told = desk(world.receiver).does(f"{page}book/", slot=offered[1][0], reason="The doctor is away")
    assert "Tuesday 3 March 2026, 08:30" in told
    (live,) = rows("SELECT id FROM appointment WHERE state = 'booked'")
    told = desk(world.admin).does(f"{page}unbook/", appointment=live["id"].hex, reason="She travels")
    assert "She travels" in told
    assert states(referral) == ["moved", "cancelled"]
    assert "Tuesday 3 March 2026, 08:00 is held until the fee is paid." in told
    assert "Tuesday 3 March 2026, 08:30 was given back." in told


def test_who_chooses_nothing_or_what_is_gone_is_told(world: World, desk: At) -> None:
    heart = clinic(world)
    referral, faster = waiting(world), waiting(world)
    slot = free(heart)[0]
    book(world.admin, faster, slot)
    with unchanged():
        assert desk(world.admin).post(f"/referrals/{referral}/book/", slot="").status_code == 422
        gone = desk(world.admin).post(f"/referrals/{referral}/book/", slot=slot.id.hex)
    assert gone.status_code == 409
    assert "this time is taken" in gone.content.decode()


def test_who_sees_the_money_alone_sees_no_appointment(world: World, desk: At) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    book(world.receiver, referral, free(heart)[0])

    assert "Cardiology" not in desk(world.finance).text(f"/referrals/{referral}/")


def test_where_there_are_no_clinics_day_and_time_are_words(world: World, desk: At) -> None:
    referral = world.approved()

    html = desk(world.admin).text(f"/referrals/{referral}/")
    assert 'name="bookedDate"' in html
    assert 'id="appointment"' not in html


# --- the day ----------------------------------------------------------------------------------------------------------


def test_reception_works_off_the_day(world: World, desk: At) -> None:
    heart = clinic(world)
    here, absent = referral_in(world, Status.PAID), referral_in(world, Status.PAID)
    first, second = free(heart, TUESDAY)[:2]
    came, missing = book(world.receiver, here, first), book(world.receiver, absent, second)
    assert "Arrived" not in desk(world.receiver).text("/clinics/", day="2026-03-03")  # it is the day before
    at(at_day(1, 9))
    day = {"facility": world.tumaini.pk.hex, "day": "2026-03-03"}
    html = desk(world.receiver).text("/clinics/", day="2026-03-03")
    assert "Tuesday 3 March 2026" in html
    assert html.count("Jane Wafula") == 2

    assert "Arrived" in desk(world.receiver).does(f"/clinics/{came.hex}/arrived/", **day)
    desk(world.receiver).does(f"/clinics/{came.hex}/attended/", **day)
    desk(world.receiver).does(f"/clinics/{missing.hex}/missed/", **day)
    assert (states(here), states(absent)) == (["seen"], ["missed"])
    assert open_tasks() == ["unserved"]
    with unchanged():
        assert desk(world.receiver).post(f"/clinics/{came.hex}/missed/", **day).status_code == 409


def test_a_week_shows_how_full_it_is_and_who_needs_another_time(world: World, desk: At) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    slot = free(heart, TUESDAY)[0]
    book(world.receiver, referral, slot)
    unit(
        lambda tx: clinics.close(
            tx,
            world.tumaini,
            clinic=None,
            starts_at=slot.starts_at,
            ends_at=slot.starts_at + timedelta(minutes=1),
            reason="power",
        )
    )

    html = desk(world.receiver).text("/clinics/", day="2026-03-03", week="")

    assert "1 of 4" in html
    assert "Who needs another time" in html
    assert "the clinic is closed then" in html


def test_who_is_not_released_has_no_name_there(world: World, desk: At) -> None:
    heart = clinic(world)
    referral = waiting(world)
    book(world.admin, referral, free(heart, TUESDAY)[0])

    html = desk(world.receiver).text("/clinics/", day="2026-03-03")

    assert "Not released yet" in html
    assert "Jane" not in html
    assert referral not in html


def test_the_calendar_file_has_codes_and_no_names(world: World, desk: At) -> None:
    heart = clinic(world)
    referral = referral_in(world, Status.PAID)
    book(world.receiver, referral, free(heart, TUESDAY)[0])
    code = value("SELECT account_code FROM referral")

    answer = desk(world.receiver).get("/clinics/calendar.ics", day="2026-03-02")

    assert answer.headers["Content-Type"] == "text/calendar"
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == (f"Cardiology {code}", world.tumaini.name)
    assert event["DTSTART"].dt.isoformat() == "2026-03-03T05:00:00+00:00"
    assert b"Jane" not in answer.content


@pytest.mark.parametrize("who", ["physician", "admin", "finance", "operator"])
def test_others_see_no_clinics_day(world: World, desk: At, who: str) -> None:
    clinic(world)
    for path in ("/clinics/", "/clinics/calendar.ics"):  # an administrator sees the own facility's
        assert desk(getattr(world, who)).get(path).status_code == (200 if who == "admin" else 403)
    assert desk(getattr(world, who)).get("/clinics/", facility=world.tumaini.pk.hex).status_code == 403


def test_another_facilitys_days_are_not_shown(world: World, desk: At) -> None:
    assert desk(world.stranger).get("/clinics/", facility=world.tumaini.pk.hex).status_code == 403
