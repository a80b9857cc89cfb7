"""What a day brings besides the straight way: a wrong PIN, money that is heard of late, and finance's own work."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from desks import Elsewhere
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    give_operator,
    register_c2b,
    someone,
    value,
)

pytestmark = pytest.mark.browser
Screens = Callable[[Actor], Page]


def hire(world: World) -> Actor:
    """A second person of the payee's finance."""

    def hired(tx: Tx) -> None:
        user = facilities.add_user(tx, "cashier", full_name="Cashier")
        facilities.add_member(tx, user, world.tumaini, Role.FINANCE)

    unit(hired)
    return someone("cashier")


def test_a_wrong_pin_is_told_on_both_screens_and_the_next_one_pays(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(lambda: town.prompted()[0])
    admin, doctor = screens(town.admin), screens(town.physician)
    for screen in (admin, doctor):
        screen.goto(f"/referrals/{referral}/")
    elsewhere(worker.dispatch)
    expect(admin.locator("progress")).to_be_visible()

    simulator.answer(RINGS, pin="0000")
    simulator.advance(1)
    elsewhere(worker.settle)
    for screen in (admin, doctor):
        expect(screen.get_by_text("The M-Pesa PIN was wrong.").first).to_be_visible()
    expect(admin.locator("progress")).to_have_count(0)
    admin.get_by_role("button", name="Ask 0708 374 149 again").click()
    elsewhere(worker.dispatch)
    simulator.answer(RINGS)
    simulator.advance(1)
    elsewhere(worker.settle)

    for screen in (admin, doctor):
        expect(screen.locator(".marks .badge").last).to_have_text("Paid")
    elsewhere(lambda: check_books(simulator))


def test_money_whose_callback_never_comes_is_seen_without_a_click(
    town: World, simulator: RunningSimulator, worker: Worker, screens: Screens, elsewhere: Elsewhere
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral = elsewhere(lambda: town.prompted()[0])
    admin, receiver = screens(town.admin), screens(town.receiver)
    admin.goto(f"/referrals/{referral}/")
    receiver.goto("/work/?box=incoming")
    expect(receiver.get_by_text("Nothing waits here.")).to_be_visible()
    elsewhere(worker.dispatch)
    simulator.answer(RINGS)
    expect(admin.locator(".marks .badge").last).to_have_text("To be paid")

    elsewhere(lambda: advance(120, simulator))
    elsewhere(worker.query)

    expect(admin.locator(".marks .badge").last).to_have_text("Paid")
    expect(receiver.get_by_role("link", name="Jane Wafula")).to_be_visible()


def test_finance_s_day(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    screens: Screens,
    elsewhere: Elsewhere,
) -> None:
    """Money without a code comes, is applied, and what is left of it goes back by two people: the day ends at zero."""

    def morning() -> tuple[str, str, Actor]:
        register_c2b(town, simulator, gateway)
        give_operator(town, simulator)
        referral = town.waiting()
        code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
        return referral, str(code), hire(town)

    referral, code, cashier = elsewhere(morning)
    finance, second, admin = screens(town.finance), screens(cashier), screens(town.admin)
    finance.goto("/money/")
    expect(finance.get_by_text("Every shilling is where it belongs")).to_be_visible()
    second.goto("/money/")
    admin.goto(f"/referrals/{referral}/")

    simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1200)
    elsewhere(lambda: advance(3, simulator))
    elsewhere(worker.settle)
    for screen in (finance, second):
        expect(screen.get_by_text("KES 1,200.00", exact=True)).to_be_visible()

    finance.get_by_label("Apply to the account code").fill(code)
    finance.get_by_role("button", name="Apply").click()
    expect(finance.get_by_text("Applied. KES 200.00 of it go on waiting.")).to_be_visible()
    expect(admin.locator(".marks .badge").last).to_have_text("Paid")

    finance.get_by_text("Give it back").first.click()
    finance.get_by_label("Why").first.fill("Paid too much")
    finance.get_by_label("To this phone").first.fill("0708 374 149")
    finance.get_by_role("button", name="Propose to give it back").click()
    expect(second.get_by_role("button", name="Agree to it")).to_be_visible()
    expect(finance.get_by_role("button", name="Agree to it")).to_have_count(0)
    expect(finance.get_by_text("Somebody has proposed to give all of it back.")).to_be_visible()
    expect(finance.get_by_role("button", name="Apply")).to_have_count(0)
    second.get_by_role("button", name="Agree to it").click()
    expect(second.get_by_text("Agreed. The money is ordered back.")).to_be_visible()
    elsewhere(worker.order)
    elsewhere(lambda: advance(30, simulator))
    elsewhere(worker.settle)

    for screen in (finance, second):
        expect(screen.get_by_text("Went back")).to_be_visible()
        expect(screen.get_by_role("heading", name="Money that waits")).to_have_count(0)
    elsewhere(lambda: check_books(simulator))
