"""No page breaks a rule of WCAG 2.2 AA that axe can check: both languages, light and dark, a phone and a desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import time
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from desks import Elsewhere, signed_in_cookies
from npm_project import installed
from rufaa.appointments import clinics
from rufaa.appointments import operations as booking
from rufaa.appointments import queries as appointments
from rufaa.appointments.clinics import Opening, Shape
from rufaa.db.atomic import look, unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Priority, Status
from rufaa.simulator.testing import RunningSimulator
from rufaa.talk import operations as talk
from support import CANCELS, RINGS, Running, Worker, World, referral_in, value

pytestmark = pytest.mark.browser
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN: Final = """
async options => {
    const found = await axe.run(document, {...options, resultTypes: ["violations"]});
    return {passes: found.passes.length, violations: found.violations};
}
"""
"""What holds is only counted: all of its nodes, told to the test, would take longer than the looking."""
SIZES: Final = {"en": {"width": 1280, "height": 900}, "sw": {"width": 360, "height": 740}}
"""Each language on another size, since the words' length is what a size is about."""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = installed(Path(__file__).parent / "axe", into=tmp_path_factory.mktemp("axe") / "npm")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=sorted(SIZES))
def opened(
    request: pytest.FixtureRequest, browser: Browser, gateway: Running, elsewhere: Elsewhere, axe: str
) -> Iterator[Callable[[Actor | None], Page]]:
    """A screen in one of the languages, for somebody or for nobody."""
    contexts: list[BrowserContext] = []

    def screen(actor: Actor | None) -> Page:
        context = browser.new_context(base_url=gateway.url, locale=request.param, viewport=SIZES[request.param])
        contexts.append(context)
        context.add_init_script(axe)  # once, and not with each page
        if actor is not None:
            context.add_cookies(elsewhere(lambda: signed_in_cookies(actor, gateway.url)))
        return context.new_page()

    yield screen
    for context in contexts:
        context.close()


def broken(page: Page, path: str, *, status: int = 200) -> list[str]:
    """What axe finds on the page at ``path``: every rule in light, and the colours once more in dark."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status, path
    found = _found(page, path, {"runOnly": RULES})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate("document.getAnimations().forEach(each => each.finish())")
    return found + _found(page, f"{path} in the dark", {"runOnly": {"type": "rule", "values": ["color-contrast"]}})


def _found(page: Page, where: str, options: dict[str, Any]) -> list[str]:
    result = page.evaluate(_RUN, options)
    assert result["passes"], where
    return [
        f"{where}: {each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in result["violations"]
        for node in each["nodes"]
    ]


def test_staffs_pages(town: World, opened: Callable[[Actor | None], Page], elsewhere: Elsewhere) -> None:
    def made() -> list[str]:
        states = [referral_in(town, status) for status in Status]
        ringing, _ = town.prompted(CANCELS)
        return [*states, referral_in(town, Status.PENDING_ADMIN, priority=Priority.EMERGENCY), ringing]

    ids = elsewhere(made)
    admin, receiver, finance = opened(town.admin), opened(town.receiver), opened(town.finance)
    wrong: list[str] = []
    for path in ["/work/", "/work/?lane=none", "/referrals/new/", "/settings/", "/account/"]:
        wrong += broken(admin, path)
    for each in ids if admin.viewport_size == SIZES["en"] else ids[:3] + ids[-2:]:
        wrong += broken(admin, f"/referrals/{each}/")
    wrong += broken(admin, f"/referrals/{ids[0]}/audit/")
    wrong += broken(admin, "/referrals/0/", status=404)
    wrong += broken(admin, "/nowhere/", status=404)
    wrong += broken(receiver, "/work/?box=incoming")
    wrong += broken(receiver, "/clinics/")
    wrong += broken(finance, "/money/")
    assert wrong == []


def test_what_a_facility_and_a_person_set_up(
    town: World, opened: Callable[[Actor | None], Page], elsewhere: Elsewhere
) -> None:
    referral = elsewhere(lambda: said_about(town))
    admin, payee = opened(town.admin), opened(town.receiving_admin)
    here, there = f"/settings/{town.uhuru.pk.hex}", f"/settings/{town.tumaini.pk.hex}"
    wrong = broken(admin, f"/referrals/{referral}/")
    for path in ["people/", f"people/{town.physician.user.hex}/", "prices/", "details/"]:
        wrong += broken(admin, f"{here}/{path}")
    wrong += broken(payee, f"{there}/account/")
    booked, day = elsewhere(lambda: booked_in(town))
    for path in [f"{there}/clinics/", f"/clinics/?day={day}", f"/clinics/?day={day}&week", f"/referrals/{booked}/"]:
        wrong += broken(payee, path)
    for path in ["app/", "passkeys/add/"]:
        wrong += broken(admin, f"/account/{path}")
    assert wrong == []


def booked_in(world: World) -> tuple[str, str]:
    """A referral with a time in a clinic, and the day of that."""
    hours = tuple(Opening(day, time(8), time(10)) for day in range(1, 8))
    shape = Shape("Heart", ("Echo",), hours, slot_minutes=30, slot_capacity=2, works_on_holidays=True)
    heart = unit(lambda tx: clinics.add(tx, world.tumaini, shape))
    slot = look(lambda tx: appointments.free_slots(tx, heart.pk.hex))[-1]
    referral = referral_in(world, Status.PAID)
    unit(lambda tx: booking.book(tx, world.receiver, referral, slot=slot.id.hex))
    return referral, slot.day.isoformat()


def said_about(world: World) -> str:
    """A referral with a comment of each facility, and a file."""
    referral = referral_in(world, Status.PAID)
    unit(lambda tx: talk.say(tx, world.admin, referral, text="Bring the old films."), actor=world.admin.user)
    unit(lambda tx: talk.say(tx, world.receiver, referral, text="We expect her."), actor=world.receiver.user)
    unit(
        lambda tx: talk.attach(tx, world.admin, referral, name="x-ray.pdf", content=b"%PDF-1.7\n"),
        actor=world.admin.user,
    )
    return referral


def test_the_virtual_handset(
    town: World,
    simulator: RunningSimulator,
    worker: Worker,
    opened: Callable[[Actor | None], Page],
    elsewhere: Elsewhere,
) -> None:
    elsewhere(lambda: town.prompted(RINGS))
    elsewhere(worker.dispatch)
    page = opened(None)

    wrong = broken(page, f"{simulator.url}/") + broken(page, f"{simulator.url}/phone/{RINGS}")

    assert wrong == []


def test_pages_for_everybody(town: World, opened: Callable[[Actor | None], Page], elsewhere: Elsewhere) -> None:
    def made() -> list[str]:
        for status in (Status.PENDING_PAYMENT, Status.PAID, Status.CONFIRMED, Status.CANCELLED):
            referral_in(town, status)
        town.prompted(CANCELS)
        return str(value("SELECT string_agg(token, ' ') FROM referral")).split()

    tokens = elsewhere(made)
    page = opened(None)
    wrong: list[str] = []
    for path in ["/", "/sign-in/", "/sign-in/forgotten/", *(f"/r/{token}" for token in tokens)]:
        wrong += broken(page, path)
    wrong += broken(page, "/r/nobodyslink", status=404)
    assert wrong == []


def test_a_page_with_a_fault_is_found_out(opened: Callable[[Actor | None], Page]) -> None:
    page = opened(None)
    page.goto("/sign-in/")
    page.evaluate("document.querySelector('main').innerHTML = '<input><img src=\"/static/rufaa/icon.svg\">'")

    assert {each.split(": ")[1] for each in _found(page, "/sign-in/", {"runOnly": RULES})} >= {"image-alt", "label"}


def test_the_operator_s_desk(town: World, opened: Callable[[Actor | None], Page]) -> None:
    operator = opened(town.operator)
    wrong: list[str] = []
    for path in ["", "facilities/facility/", "facilities/user/", f"facilities/facility/{town.uhuru.pk}/change/"]:
        wrong += broken(operator, f"/operator/{path}")
    assert wrong == []
