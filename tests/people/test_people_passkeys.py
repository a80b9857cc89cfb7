"""A passkey in a real browser: made by a virtual authenticator, shown in place of name and password, taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from playwright.sync_api import CDPSession, Page, Route, expect, sync_playwright

from browsing import FLAGS
from demo_process import need_program
from people.signing import PASSWORD, with_password
from rufaa.config import config
from rufaa.signin import adapter
from support import Running, World

pytestmark = pytest.mark.browser


@pytest.fixture
def here(world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server under a name for which browsers make passkeys."""
    url = gateway.url.replace("127.0.0.1", "localhost")
    there = replace(config(), public_url=url)
    monkeypatch.setattr(adapter, "config", lambda: there)
    with_password("admin")
    return url


@pytest.fixture
def page() -> Iterator[Page]:
    """A page on which nothing may go wrong: no error on the console, nothing that the content policy stops."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need_program("chromium", "chromium-browser"), args=FLAGS)
        opened = browser.new_page(locale="en-GB")
        opened.set_default_timeout(20_000)
        troubles: list[str] = []
        opened.on("console", lambda said: troubles.append(said.text) if said.type in {"error", "warning"} else None)
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        yield opened
        browser.close()
    assert troubles == []


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A device that asks for a finger, and gets it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session, made["authenticatorId"]


def kept() -> list[str]:
    """The kinds of factors in the database, asked past Django, which answers nobody inside Playwright's loop."""
    with psycopg.connect(config().database_url or "") as connection:
        return [kind for (kind,) in connection.execute("SELECT type FROM mfa_authenticator ORDER BY type")]


def ways() -> list[list[str]]:
    """By what each came in, oldest first."""
    with psycopg.connect(config().database_url or "") as connection:
        found = connection.execute("SELECT about->'by' FROM logbook WHERE kind = 'sign-in.passed' ORDER BY id")
        return [by for (by,) in found]


def by_password(page: Page, here: str) -> None:
    page.goto(f"{here}/sign-in/")
    page.get_by_label("User name or e-mail").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_passkey_is_added_signs_in_alone_and_as_second_step_and_is_taken_away(here: str, page: Page) -> None:
    authenticator(page)
    by_password(page, here)
    page.get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Add", exact=True).click()
    page.get_by_label("What do you call this device?").fill("The desk's phone")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert kept() == ["recovery_codes", "webauthn"]
    page.get_by_role("link", name="Your account").click()
    expect(page.locator("strong", has_text="The desk's phone")).to_be_visible()

    # in place of name and password
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(f"{here}/sign-in/?next=/account/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    # after the password
    page.get_by_role("button", name="Sign out", exact=True).click()
    by_password(page, here)
    expect(page.get_by_role("heading", name="The second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{here}/work/")

    page.goto(f"{here}/account/")
    page.get_by_role("link", name=re.compile("Take away The desk's phone")).click()
    page.get_by_role("button", name="Take away").click()
    expect(page.get_by_text("The passkey is taken away.")).to_be_visible()
    assert kept() == []
    assert ways() == [["password"], ["passkey"], ["password", "webauthn"]]


def test_a_device_that_does_not_know_its_owner_makes_no_passkey_and_the_page_says_so(here: str, page: Page) -> None:
    session, device = authenticator(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    by_password(page, here)
    page.goto(f"{here}/account/passkeys/add/")

    page.get_by_role("button", name="Add it").click()

    expect(page.get_by_text("The device did not make a passkey.")).to_be_visible()
    assert kept() == []


def test_a_passkey_of_another_server_signs_nobody_in(here: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a page under another name was shown: its origin is not ours."""
    authenticator(page)
    by_password(page, here)
    page.goto(f"{here}/account/passkeys/add/")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(f"{here}/sign-in/")

    def moved(route: Route) -> None:
        if route.request.method == "POST":  # what the device signed for localhost is taken to another name
            monkeypatch.setattr(adapter, "config", lambda: replace(config(), public_url="https://rufaa.example"))
        route.continue_()

    page.route("**/sign-in/passkey/", moved)
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("This is wrong, or too old.")).to_be_visible()
    page.goto(f"{here}/work/")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
