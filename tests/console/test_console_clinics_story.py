"""Stories of appointments on several screens at once, the patient's among them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from appointments.ground import HEART, free, waiting, work
from appointments.ground import book as take
from console.test_console_story import id_of, settle
from desks import Elsewhere
from notices.ground import handset, known_phone, send, tells, told
from rufaa.appointments import clinics
from rufaa.appointments.clinics import Opening
from rufaa.appointments.models import Clinic
from rufaa.appointments.words import moment
from rufaa.clock import EAT
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from rufaa.simulator.testing import RunningSimulator
from support import RINGS, Running, Worker, World, advance, execute, referral_in, value

pytestmark = pytest.mark.browser
Screens = Callable[[Actor], Page]
DAILY = tuple(Opening(day, time(8), time(10)) for day in range(1, 8))


def a_clinic(world: World) -> Clinic:
    """It works each morning, also on holidays: whenever the tests run there is one tomorrow."""
    shape = clinics.Shape("Cardiology", (), DAILY, slot_minutes=30, slot_capacity=1, works_on_holidays=True)
    return unit(lambda tx: clinics.add(tx, world.tumaini, shape))


def pass_until(moment: datetime) -> None:
    advance((moment - value("SELECT rufaa_now()")).total_seconds())


def heard(simulator: RunningSimulator, elsewhere: Elsewhere, *begins: str) -> list[str]:
    """What the patient's phone was told when the worker came round: messages that begin so, in any order."""
    before = len(told(simulator, RINGS))
    elsewhere(lambda: send(handset(simulator)))
    new = sorted(told(simulator, RINGS)[before:])
    for start, text in zip(sorted(begins), new, strict=True):
        assert text.startswith(start)
    return new


def test_from_the_fee_to_the_outcome_with_a_time_between(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    def arranged() -> tuple[Clinic, str]:
        tells(town)
        heart, referral = a_clinic(town), waiting(town)
        known_phone(referral, RINGS)
        return heart, referral

    heart, referral = elsewhere(arranged)
    slot = elsewhere(lambda: free(heart)[8])  # the day after tomorrow
    doctor, admin, receiver = screens(town.physician), screens(town.admin), screens(town.receiver)
    for screen in (doctor, admin):
        screen.goto(f"/referrals/{referral}/")
    receiver.goto(f"/clinics/?day={slot.day.isoformat()}")
    expect(receiver.get_by_text("4 free")).to_have_count(0)
    heard(simulator, elsewhere, "You are referred to Tumaini Referral Hospital. Follow it and pay:")

    # the time is held, and the desk sees that somebody comes, not who
    admin.get_by_label("Time").select_option(slot.id.hex)
    admin.get_by_role("button", name="Take this time").click()
    expect(admin.get_by_text("The time is taken.")).to_be_visible()
    expect(doctor.get_by_text("Held until the fee is paid", exact=True)).to_be_visible()
    expect(receiver.get_by_text("Not released yet")).to_be_visible()

    # paid: booked and confirmed on every screen, without a click
    admin.get_by_label("Phone that pays").first.fill("0708 374 149")
    admin.get_by_role("button", name="Send the prompt").first.click()
    expect(admin.get_by_text("The phone is about to ask for the PIN")).to_be_visible()
    heard(simulator, elsewhere, "M-Pesa now asks for your PIN: KES 1,000")
    elsewhere(worker.dispatch)
    simulator.answer(RINGS)
    settle(simulator, worker, elsewhere)
    elsewhere(work)
    for screen in (doctor, admin):
        expect(screen.locator(".marks .badge").last).to_have_text("Confirmed")
        expect(screen.get_by_text("Booked", exact=True)).to_be_visible()
    expect(receiver.get_by_role("link", name="Jane Wafula")).to_be_visible()

    when = elsewhere(lambda: f"{slot.starts_at.astimezone(EAT):%H:%M}")
    heard(simulator, elsewhere, "Paid: KES 1,000, M-Pesa ", "You are expected at Tumaini Referral Hospital: ")

    # the day before, her phone reminds her
    elsewhere(lambda: pass_until(slot.starts_at - timedelta(hours=21)))
    (reminded,) = heard(simulator, elsewhere, "Tomorrow at Tumaini Referral Hospital: ")
    assert f", {when}. Code " in reminded
    assert len(told(simulator, RINGS)) == 5

    # on the day she comes, is seen, and the doctor reads what was found
    elsewhere(lambda: pass_until(slot.starts_at + timedelta(seconds=60)))
    receiver.reload()
    receiver.get_by_role("button", name="Arrived").click()
    receiver.get_by_role("button", name="Seen").click()
    expect(receiver.get_by_text("Write the outcome")).to_be_visible()
    receiver.get_by_role("link", name="Jane Wafula").click()
    receiver.get_by_label("Outcome").fill("A stent; come back in May.")
    receiver.get_by_role("button", name="Complete").click()
    expect(doctor.locator("blockquote.outcome")).to_have_text("A stent; come back in May.")
    letter = doctor.request.get(f"{doctor.get_by_role('link', name='Outcome letter').get_attribute('href')}")
    assert (letter.status, letter.headers["content-type"]) == (200, "application/pdf")
    assert id_of(receiver) == referral


def test_the_times_that_the_page_itself_shows_go_when_another_takes_one(
    town: World, screens: Screens, elsewhere: Elsewhere
) -> None:
    heart, referral = elsewhere(lambda: (a_clinic(town), waiting(town)))
    admin = screens(town.admin)
    admin.goto(f"/referrals/{referral}/")
    expect(admin.get_by_label("Time")).to_be_visible()

    elsewhere(lambda: take(town.second_admin, referral, free(heart)[8]))

    expect(admin.get_by_text("Held until the fee is paid", exact=True)).to_be_visible()
    expect(admin.get_by_label("Time")).to_be_hidden()
    admin.get_by_text("Another time").click()
    expect(admin.get_by_label("Time")).to_be_visible()


def test_the_times_that_the_page_itself_shows_stay_closed_where_somebody_closed_them(
    town: World, screens: Screens, elsewhere: Elsewhere
) -> None:
    _, referral = elsewhere(lambda: (a_clinic(town), waiting(town)))
    admin, other = screens(town.admin), screens(town.second_admin)
    for screen in (admin, other):
        screen.goto(f"/referrals/{referral}/")
    expect(admin.get_by_label("Time")).to_be_visible()
    admin.get_by_text("Choose a time").click()
    expect(admin.get_by_label("Time")).to_be_hidden()

    other.get_by_label("Phone that pays").first.fill("0708 374 149")
    other.get_by_role("button", name="Send the prompt").first.click()

    expect(admin.get_by_text("The prompt is on its way.").first).to_be_visible()  # the page has fetched itself
    expect(admin.get_by_label("Time")).to_be_hidden()
    admin.get_by_text("Choose a time").click()
    expect(admin.get_by_label("Time")).to_be_visible()


def test_the_hold_runs_out_while_the_pin_is_typed_and_the_patient_chooses_again(
    town: World, simulator: RunningSimulator, worker: Worker, browser: Browser, gateway: Running, elsewhere: Elsewhere
) -> None:
    def arranged() -> tuple[str, str]:
        tells(town)
        heart = a_clinic(town)
        referral, faster = waiting(town), waiting(town)
        known_phone(referral, RINGS)
        slot = free(heart)[4]
        take(town.admin, referral, slot)
        town.ask(referral)
        execute("UPDATE particulars SET date_of_birth = '1990-05-17'")
        worker.dispatch()
        advance(HEART.hold_minutes * 60 + 1)
        take(town.admin, faster, slot)  # the hold has run out, and the phone still rings
        simulator.answer(RINGS)
        simulator.advance(1)
        worker.settle()
        work()
        token = value("SELECT token FROM referral WHERE id = %(id)s", id=referral)
        connection.close()
        return str(token), moment(free(heart)[4].starts_at)

    token, another = elsewhere(arranged)
    heard(
        simulator,
        elsewhere,
        "Paid, but your time was gone. Choose another, you do not pay again:",
        "Paid: KES 1,000, M-Pesa ",
        "You are referred to Tumaini Referral Hospital.",
    )
    context = browser.new_context(base_url=gateway.url, viewport={"width": 360, "height": 740}, locale="en-GB")
    page = context.new_page()
    page.goto(f"/r/{token}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Paid. M-Pesa receipt")
    expect(page.get_by_text("The time that you chose is not yours any more.")).to_be_visible()
    page.get_by_text("Where and when is my visit?").click()
    for label, text in (("Day", "17"), ("Month", "5"), ("Year", "1990")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Show my visit").click()
    page.get_by_label("When can you come?").select_option(index=4)
    page.get_by_role("button", name="Take this time").click()
    expect(page.get_by_text("It is yours.")).to_be_visible()
    expect(page.get_by_text(another)).to_be_visible()
    context.close()
    heard(simulator, elsewhere, "You are expected at Tumaini Referral Hospital: ")


def test_a_clinic_that_closes_after_the_booking_is_worked_off_by_hand(
    town: World, simulator: RunningSimulator, screens: Screens, elsewhere: Elsewhere
) -> None:
    def arranged() -> tuple[str, str]:
        tells(town)
        heart = a_clinic(town)
        referral = referral_in(town, Status.PAID)
        known_phone(referral, RINGS)
        slot = free(heart)[4]
        take(town.receiver, referral, slot)
        return slot.day.isoformat(), free(heart)[-1].id.hex

    day, other = elsewhere(arranged)
    heard(
        simulator,
        elsewhere,
        "Paid: KES 1,000, M-Pesa ",
        "You are expected at Tumaini Referral Hospital: ",
        "You are referred to Tumaini Referral Hospital.",
    )
    admin, receiver = screens(town.receiving_admin), screens(town.receiver)
    receiver.goto(f"/clinics/?day={day}")
    admin.goto(f"/settings/{town.tumaini.pk.hex}/clinics/")
    form = admin.get_by_role("region", name="When nobody is taken")
    form.get_by_label("From").fill(day)
    form.get_by_label("To", exact=True).fill(day)
    form.get_by_label("Why").fill("No power")
    form.get_by_role("button", name="Close").click()
    expect(admin.get_by_text("Booked at times at which nobody is taken any more: 1.")).to_be_visible()

    expect(receiver.get_by_role("heading", name="Who needs another time")).to_be_visible()
    receiver.get_by_role("region", name="Who needs another time").get_by_role("link", name="Jane Wafula").click()
    receiver.get_by_text("Another time").click()
    last = elsewhere(lambda: value("SELECT max(day) - 3 FROM slot")).isoformat()
    receiver.get_by_label("From which day").fill(last)
    receiver.get_by_role("button", name="Look").click()
    receiver.get_by_label("Time", exact=True).select_option(other)
    receiver.get_by_role("region", name="Appointment").get_by_label("Why").first.fill("No power on that day")
    receiver.get_by_role("button", name="Move to this time").click()
    expect(receiver.get_by_text("The time is taken.")).to_be_visible()
    heard(simulator, elsewhere, "New time at Tumaini Referral Hospital: ")
    receiver.goto(f"/clinics/?day={day}")
    expect(receiver.get_by_role("heading", name="Who needs another time")).to_have_count(0)
