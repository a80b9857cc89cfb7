"""Stories of setting a facility up, in a browser: with screens that move by themselves, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from console.test_console_account import work
from desks import Elsewhere, signed_in_cookies
from people.signing import PASSWORD
from rufaa.facilities.queries import Actor
from support import Running, World

pytestmark = pytest.mark.browser
Screens = Callable[[Actor], Page]


def test_keys_are_checked_and_prompts_held_on_two_screens(town: World, screens: Screens, elsewhere: Elsewhere) -> None:
    one, two = screens(town.receiving_admin), screens(town.receiving_admin)
    one.goto("/settings/")
    one.get_by_role("link", name="M-Pesa").click()
    two.goto(one.url)

    one.get_by_role("button", name="Check my keys").click()
    expect(two.get_by_text("Safaricom is being asked.")).to_be_visible()
    elsewhere(work)
    for screen in (one, two):
        expect(screen.get_by_text("Consumer key and consumer secret are right")).to_be_visible()

    one.get_by_text("Hold the prompts").click()
    one.get_by_label("Why").fill("M-Pesa is down")
    one.get_by_role("button", name="Hold them").click()
    expect(two.get_by_text("Prompts on hold")).to_be_visible()
    expect(two.get_by_text("M-Pesa is down")).to_be_visible()
    two.get_by_role("button", name="Send prompts again").click()
    expect(one.get_by_text("Prompts go out", exact=True)).to_be_visible()


def test_a_colleague_is_invited_comes_and_is_seen_without_javascript(
    world: World, gateway: Running, browser: Browser, elsewhere: Elsewhere
) -> None:
    def screen(actor: Actor | None = None) -> Page:
        context = browser.new_context(base_url=gateway.url, java_script_enabled=False)
        if actor is not None:
            context.add_cookies(elsewhere(lambda: signed_in_cookies(actor, gateway.url)))
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    admin, colleague = screen(world.admin), screen()
    admin.goto("/settings/")
    admin.get_by_role("link", name="People").click()
    admin.get_by_label("Name", exact=True).fill("Wanjiru Kamau")
    admin.get_by_label("Sign-in name").fill("wanjiru")
    admin.get_by_label("Finance").check()
    admin.get_by_role("button", name="Invite").click()
    link = admin.locator("code.link").inner_text()

    colleague.goto(re.sub(r"^https?://[^/]+", "", link))
    colleague.get_by_label("New password").fill(PASSWORD)
    colleague.get_by_label(re.compile("again", re.IGNORECASE)).fill(PASSWORD)
    colleague.get_by_role("button").filter(has_text=re.compile("password", re.IGNORECASE)).click()
    colleague.get_by_label("User name or e-mail").fill("Wanjiru")
    colleague.get_by_label("Password", exact=True).fill(PASSWORD)
    colleague.get_by_role("button", name="Sign in", exact=True).click()
    expect(colleague.get_by_role("link", name="Money")).to_be_visible()

    admin.reload()
    expect(admin.get_by_text("Signed in: password")).to_be_visible()
    expect(admin.locator("code.link")).to_have_count(0)
    admin.get_by_text("They must not come in any more").click()
    admin.get_by_role("button", name="Switch off").click()
    expect(admin.get_by_text("This person may no longer sign in.")).to_be_visible()
    colleague.reload()
    expect(colleague.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_a_price_is_changed_from_look_to_yes(world: World, screens: Screens) -> None:
    admin = screens(world.admin)
    admin.goto("/settings/")
    admin.get_by_role("link", name="Prices").click()
    admin.get_by_label("New fee, in shillings").fill("1,250")
    admin.get_by_role("button", name="Look at the change").first.click()
    expect(admin.get_by_role("heading", name="Is this right?")).to_be_visible()

    admin.get_by_role("button", name="Yes, from now on").click()

    expect(admin.get_by_text("The fee is KES 1,250.00 from now on.")).to_be_visible()
