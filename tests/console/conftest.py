"""Staff at their pages: by Django's client, and in a real browser before a real gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from browsing import FLAGS
from demo_process import need_program
from desks import Desk, Elsewhere, signed_in, signed_in_cookies
from rufaa.facilities.queries import Actor
from support import Running


@pytest.fixture
def desk() -> Callable[[Actor], Desk]:
    return lambda actor: Desk(signed_in(actor))


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    thread = Elsewhere()
    yield thread
    thread.close()


@pytest.fixture
def browser(gateway: Running) -> Iterator[Browser]:
    """Debian's Chromium. Ends before the database is closed, since its loop runs in this thread."""
    path = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


def is_trouble(message: ConsoleMessage) -> bool:
    """A refusal that a page shows is none."""
    shown = re.search(r"the server responded with a status of (409|413|422) ", message.text)
    return message.type in {"error", "warning"} and not shown


@pytest.fixture
def screens(browser: Browser, gateway: Running, elsewhere: Elsewhere) -> Iterator[Callable[[Actor], Page]]:
    """Opens a screen for somebody, with a session of their own. Nothing may go wrong on any of them."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def opened(actor: Actor, **options: object) -> Page:
        context = browser.new_context(base_url=gateway.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies(elsewhere(lambda: signed_in_cookies(actor, gateway.url)))
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []
