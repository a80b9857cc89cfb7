"""The seed's payment button as ``examples/seed/page`` has it, in a real browser: paid appears without a reload."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from browsing import FLAGS
from demo_process import RINGS, ROOT, Demo, environment, need_program
from npm_project import installed
from support import post

pytestmark = pytest.mark.browser

EXAMPLE = ROOT / "examples" / "seed" / "page"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example as ``npm run build`` makes it, types checked, on a server of its own: another origin than Rufaa's."""
    project = installed(EXAMPLE, into=tmp_path_factory.mktemp("page") / "example")
    built = subprocess.run(
        [need_program("npm"), "run", "build"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(project / "dist"))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def window() -> Iterator[BrowserContext]:
    """Debian's Chromium, in which nothing may be asked of elsewhere, and no page may fail."""
    path = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context()
        context.set_default_timeout(20_000)
        troubles: list[str] = []
        context.on("request", lambda ask: None if "//127.0.0.1:" in ask.url else troubles.append(ask.url))
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        yield context
        browser.close()
        assert troubles == []


def _open(window: BrowserContext, site: str, demo: Demo, **more: str) -> Page:
    page = window.new_page()
    page.goto(f"{site}/?{urlencode({'url': demo.url, **more})}")
    page.evaluate("window.notReloaded = true")
    return page


def _type_the_pin(window: BrowserContext, demo: Demo) -> None:
    """In a second tab, on the virtual handset."""
    handset = window.new_page()
    handset.goto(f"{demo.handset}/phone/{RINGS}")
    handset.get_by_label("M-PESA PIN, four digits").fill("1234")
    handset.get_by_role("dialog").get_by_role("button", name="Send").click()
    expect(handset.get_by_role("dialog")).to_be_hidden()  # it has been sent: closing would drop what has not
    handset.close()


@pytest.mark.parametrize("identity", ["demoUserId", "token"])
def test_paid_appears_by_itself(site: str, window: BrowserContext, demo: Demo, identity: str) -> None:
    name = f"Jane by {identity}"
    page = _open(window, site, demo, **({"token": demo.tokens["admin"]} if identity == "token" else {}))
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()

    # a referral that is approved elsewhere comes into the list
    referral = demo.approved(name)
    page.get_by_role("button", name=name).click()
    status = page.get_by_role("status")
    expect(page.get_by_role("button", name="Ask for the fee")).to_be_enabled()

    # a phone that cannot be is refused in words, and nothing moves
    page.get_by_label("Phone that pays").fill("12")
    page.get_by_role("button", name="Ask for the fee").click()
    expect(page.get_by_role("alert")).to_contain_text("254")
    assert demo.referral(referral)["status"] == "awaiting-biodata"

    # the prompt rings, and the page says so
    page.get_by_label("Phone that pays").fill(RINGS)
    page.get_by_role("button", name="Ask for the fee").click()
    expect(page.get_by_role("button", name="The phone is being asked")).to_be_disabled()
    expect(status).to_contain_text("Enter the M-Pesa PIN on the phone.")
    code = demo.referral(referral)["accountCode"]
    expect(status).to_contain_text(re.compile(rf"By hand: paybill \d+, account {code}\."))

    _type_the_pin(window, demo)

    receipt = page.get_by_text("Paid: receipt ")
    expect(receipt).to_be_visible()
    expect(status).to_have_text(f"Paid: receipt {demo.referral(referral)['payment']['receipt']}.")
    expect(page.get_by_role("button", name=name)).to_have_count(0)  # it has left the lists
    assert page.evaluate("window.notReloaded") is True
    page.close()


def test_a_prompt_that_is_cancelled_is_told_and_may_be_sent_again(
    site: str, window: BrowserContext, demo: Demo
) -> None:
    page = _open(window, site, demo)
    demo.approved("John Doe of the page")
    page.get_by_role("button", name="John Doe of the page").click()
    page.get_by_label("Phone that pays").fill(RINGS)
    page.get_by_role("button", name="Ask for the fee").click()
    expect(page.get_by_role("button", name="The phone is being asked")).to_be_disabled()
    expect(page.get_by_role("status")).to_contain_text("Enter the M-Pesa PIN on the phone.")  # it rings

    assert post(f"{demo.handset}/control/phones/{RINGS}/answer", {"action": "cancel"}).status == 200

    expect(page.get_by_role("status")).to_contain_text("cancel")
    expect(page.get_by_role("button", name="Ask again")).to_be_enabled()
    page.close()
