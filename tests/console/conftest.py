"""Staff at their pages: by Django's client, and in a real browser before a real gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browsing import FLAGS
from demo_process import need_program
from desks import Desk, signed_in
from rufaa.facilities.queries import Actor
from support import Running

T = TypeVar("T")


@pytest.fixture
def desk() -> Callable[[Actor], Desk]:
    return lambda actor: Desk(signed_in(actor))


class Elsewhere:
    """Runs what touches the database in another thread: the browser's has an event loop while a test is in it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    def __call__(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()

    def close(self) -> None:
        self._thread.submit(lambda: connection.close()).result()  # noqa: PLW0108 - that thread's own
        self._thread.shutdown()


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


@pytest.fixture
def screens(browser: Browser, gateway: Running, elsewhere: Elsewhere) -> Iterator[Callable[[Actor], Page]]:
    """Opens a screen for somebody, with a session of their own. Nothing may go wrong on any of them."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def opened(actor: Actor, **options: object) -> Page:
        (cookie,) = elsewhere(lambda: signed_in(actor)).cookies.values()
        context = browser.new_context(base_url=gateway.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": gateway.url}])
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on(
            "console", lambda message: troubles.append(message.text) if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []
