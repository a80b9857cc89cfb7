"""Stories on several screens at once, each in a browser of its own: they move by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from desks import Elsewhere
from rufaa.facilities.queries import Actor
from rufaa.simulator.testing import RunningSimulator
from support import CANCELS, RINGS, Worker, World

pytestmark = pytest.mark.browser
Screens = Callable[[Actor], Page]


def id_of(page: Page) -> str:
    found = re.search(r"/referrals/(\w{32})/", page.url)
    assert found is not None
    return found[1]


def settle(simulator: RunningSimulator, worker: Worker, elsewhere: Elsewhere, *, seconds: float = 1) -> None:
    simulator.advance(seconds)
    elsewhere(worker.settle)


def test_from_the_doctor_to_the_outcome_with_the_money_in_between(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    doctor, admin, receiver = screens(town.physician), screens(town.admin), screens(town.receiver)
    admin.goto("/work/")
    expect(admin.get_by_text("Nothing waits here.")).to_be_visible()

    # the doctor refers, and the administrator's list hears of it
    doctor.goto("/work/")
    doctor.keyboard.press("n")
    doctor.get_by_label("Patient's name").fill("Amina Hassan")
    doctor.get_by_label("Urgent").check()
    doctor.get_by_label("To which facility").fill("Tumaini Referral Hospital")
    doctor.get_by_label("Diagnosis").fill("Fracture of the femur")
    doctor.get_by_role("button", name="Refer").click()
    expect(doctor.get_by_text("The referral is made.")).to_be_visible()
    row = admin.get_by_role("link", name="Amina Hassan")
    expect(row).to_be_visible()

    # approved and filled in: the doctor's screen follows
    row.click()
    admin.get_by_role("button", name="Approve").click()
    admin.get_by_label("Patient's phone").first.fill("0708 374 149")
    admin.get_by_role("button", name="Save and send the prompt").click()
    expect(admin.get_by_text("A prompt for 0708 374 149 is ordered;")).to_be_visible()
    expect(doctor.locator(".marks .badge").last).to_have_text("To be paid")

    # it rings, on both screens; the PIN is typed, and both are paid
    elsewhere(worker.dispatch)
    expect(admin.get_by_text("The prompt was sent. Enter the M-Pesa PIN on the phone.")).to_be_visible()
    expect(admin.locator("progress")).to_be_visible()
    expect(doctor.get_by_text("The prompt was sent.")).to_be_visible()
    simulator.answer(RINGS)
    settle(simulator, worker, elsewhere)
    for screen in (admin, doctor):
        expect(screen.locator(".marks .badge").last).to_have_text("Paid")
        expect(screen.get_by_text("M-Pesa receipt").first).to_be_visible()

    # the receiver confirms and completes, and the doctor reads the outcome without a click
    receiver.goto("/work/?box=incoming")
    receiver.get_by_role("link", name="Amina Hassan").click()
    receiver.get_by_role("button", name="Confirm").click()
    receiver.get_by_label("Outcome").fill("Plaster for six weeks.")
    receiver.get_by_role("button", name="Complete").click()
    expect(doctor.locator("blockquote.outcome")).to_have_text("Plaster for six weeks.")


def test_a_cancelled_prompt_is_told_and_asked_for_again(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(town.waiting)
    one, two = screens(town.admin), screens(town.second_admin)
    for screen in (one, two):
        screen.goto(f"/referrals/{referral}/")
    one.get_by_label("Phone that pays").first.fill(CANCELS)
    one.get_by_role("button", name="Send the prompt").click()
    expect(one.get_by_text("A prompt for ").first).to_be_visible()
    elsewhere(worker.dispatch)
    settle(simulator, worker, elsewhere, seconds=30)

    for screen in (one, two):
        expect(screen.get_by_text("The request was cancelled on the phone.").first).to_be_visible()
    two.get_by_text("Ask another phone").click()
    two.get_by_label("Phone", exact=True).fill("0708374149")
    two.get_by_role("button", name="Send the prompt").click()
    expect(two.get_by_text("A prompt for 0708 374 149 is ordered;").first).to_be_visible()
    elsewhere(worker.dispatch)
    expect(one.get_by_text("The prompt was sent. Enter the M-Pesa PIN on the phone.").first).to_be_visible()
    simulator.answer(RINGS)
    settle(simulator, worker, elsewhere)

    for screen in (one, two):
        expect(screen.locator(".marks .badge").last).to_have_text("Paid")


def test_what_somebody_is_typing_stays_while_the_page_moves(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(town.referral)
    admin, other = screens(town.admin), screens(town.second_admin)
    for screen in (admin, other):
        screen.goto(f"/referrals/{referral}/")
    admin.get_by_text("Cancel this referral").first.click()
    admin.get_by_label("Why").nth(1).fill("She went home")
    other.get_by_role("button", name="Approve").click()

    expect(admin.locator(".marks .badge").last).to_have_text("Particulars")
    expect(admin.get_by_label("Why").first).to_have_value("She went home")
    admin.get_by_role("button", name="Cancel this referral").click()
    expect(admin.get_by_role("alert")).to_contain_text("moved on since your page was drawn")
    expect(admin.get_by_label("Why").first).to_have_value("She went home")


def test_what_was_opened_before_the_scripts_came_stays_open(
    town: World, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(town.referral)
    admin, other = screens(town.admin), screens(town.second_admin)
    other.goto(f"/referrals/{referral}/")
    held: list[Route] = []
    admin.route("**/rufaa/live*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright wants a function of its own
    with admin.expect_request("**/rufaa/live*.js"):
        admin.goto(f"/referrals/{referral}/", wait_until="commit")
    admin.get_by_text("Cancel this referral").first.click()
    expect(admin.get_by_label("Why").nth(1)).to_be_visible()
    held[0].continue_()
    other.get_by_role("button", name="Approve").click()

    expect(admin.locator(".marks .badge").last).to_have_text("Particulars")
    expect(admin.get_by_label("Why").first).to_be_visible()


def test_a_message_stays_while_the_page_fetches_itself_again(
    town: World, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(town.referral)
    admin = screens(town.admin)
    admin.goto(f"/referrals/{referral}/")
    admin.get_by_text("Reject").first.click()
    admin.get_by_label("Why").first.fill("  ")
    with admin.expect_response(lambda answer: "/reject/" in answer.url and answer.request.method == "GET"):
        admin.locator("form[action$='/reject/']").evaluate("form => form.requestSubmit()")

    expect(admin.get_by_role("alert")).to_have_text("Say why.")


def test_the_list_is_worked_by_keys(town: World, screens: Screens, elsewhere: Elsewhere) -> None:
    for _ in range(3):
        elsewhere(town.referral)
    admin = screens(town.admin)
    admin.goto("/work/")
    admin.keyboard.press("/")
    expect(admin.locator("#q")).to_be_focused()
    admin.keyboard.type("n/jk")
    expect(admin.locator("#q")).to_have_value("n/jk")
    admin.keyboard.press("ArrowDown")
    expect(admin.locator("a.row").nth(0)).to_be_focused()
    admin.keyboard.press("j")
    expect(admin.locator("a.row").nth(1)).to_be_focused()
    admin.keyboard.press("k")
    admin.keyboard.press("Enter")
    expect(admin).to_have_url(re.compile(r"/referrals/\w{32}/"))

    admin.goto("/work/")
    admin.get_by_role("button", name="On or off").click()
    admin.keyboard.press("n")
    admin.keyboard.press("j")
    expect(admin.locator("a.row:focus")).to_have_count(0)
    assert admin.url.endswith("/work/")
