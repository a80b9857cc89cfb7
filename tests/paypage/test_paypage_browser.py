"""A patient pays in Debian's Chromium, without scripts and with them; the phone is the virtual handset."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from browsing import FLAGS
from demo_process import RINGS, Demo, need_program, running_demo
from support import post, wait_until

pytestmark = pytest.mark.browser
TYPED = "0708 374 149"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


def opened(browser: Browser, *, scripts: bool, width: int = 360, **more: str) -> Iterator[Page]:
    """A page on which nothing may go wrong: no error on the console, nothing from elsewhere, nothing missing."""
    context = browser.new_context(
        java_script_enabled=scripts, viewport={"width": width, "height": 740}, locale="en-GB", **more
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("response", lambda answer: troubles.append(answer.url) if answer.status in {404, 500} else None)
    page.on("request", lambda ask: None if "//127.0.0.1:" in ask.url else troubles.append(f"elsewhere: {ask.url}"))
    yield page
    context.close()
    assert troubles == []


def is_trouble(message: ConsoleMessage) -> bool:
    """Chromium calls each refusal an error; those that a page shows in words are none."""
    refused = re.search(r"responded with a status of (403|409|422|429) ", message.text)
    return message.type in {"error", "warning"} and refused is None


@pytest.fixture
def bare(browser: Browser) -> Iterator[Page]:
    """A browser without scripts."""
    yield from opened(browser, scripts=False)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    yield from opened(browser, scripts=True)


@pytest.fixture
def referral(demo: Demo) -> Iterator[str]:
    """A referral whose fee is open; its phone is left silent whatever the test did."""
    made = demo.waiting()
    yield made
    post(f"{demo.handset}/control/phones/{RINGS}/answer", {"action": "cancel"})
    wait_until(lambda: all(each["status"] in {"completed", "failed"} for each in demo.payments(made)), what="silence")


def address(demo: Demo, referral: str) -> str:
    return f"{demo.url}/r/{demo.referral(referral)['referralToken']}"


def answer_phone(demo: Demo, browser: Browser, pin: str | None) -> None:
    """Somebody takes the phone that rings and types ``pin``; None: presses Cancel."""
    context = browser.new_context()
    handset = context.new_page()
    handset.goto(f"{demo.handset}/phone/{RINGS}")
    prompt = handset.get_by_role("dialog")
    expect(prompt).to_be_visible(timeout=20_000)
    if pin is None:
        prompt.get_by_role("button", name="Cancel").click()
    else:
        prompt.get_by_label("M-PESA PIN, four digits").fill(pin)
        handset.keyboard.press("Enter")
    expect(prompt).to_be_hidden(timeout=20_000)
    context.close()


def test_without_scripts_a_patient_pays(demo: Demo, browser: Browser, referral: str, bare: Page) -> None:
    bare.goto(address(demo, referral))
    expect(bare.get_by_role("heading", level=1)).to_have_text("We wait for your payment of KES 1,000.")

    bare.get_by_label("Your phone number, or that of who pays").fill(TYPED)
    bare.get_by_role("button", name="Ask this phone").click()

    expect(bare.get_by_role("heading", level=1)).to_contain_text("0708 *** 149")
    answer_phone(demo, browser, "1234")
    expect(bare.get_by_role("heading", level=1)).to_have_text(re.compile(r"Paid\. M-Pesa receipt \w{10}\."))
    demo.wait_for_status(referral, "paid")


def test_with_scripts_the_page_turns_by_itself(demo: Demo, browser: Browser, referral: str, page: Page) -> None:
    page.goto(address(demo, referral))
    page.get_by_label("Your phone number, or that of who pays").fill(TYPED)
    page.get_by_role("button", name="Ask this phone").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("The phone 0708 *** 149 is ringing: enter the M-Pesa PIN.")
    page.evaluate("window.loaded = 'once'")

    answer_phone(demo, browser, "1234")

    expect(heading).to_have_text(re.compile(r"Paid\. M-Pesa receipt \w{10}\."))
    expect(page.get_by_role("listitem").first).to_contain_text("The fee is paid.")
    assert page.evaluate("window.loaded") == "once"
    assert page.title().startswith("Paid.")


def test_what_the_facility_sends_rings_on_an_open_page(demo: Demo, referral: str, page: Page) -> None:
    page.goto(address(demo, referral))
    number = page.get_by_label("Your phone number, or that of who pays")
    number.fill("0708")

    demo.push(referral, RINGS)

    expect(page.get_by_role("heading", level=1)).to_contain_text("is ringing")
    expect(number).to_be_hidden()


def test_cancelled_it_can_be_tried_again_with_one_press(
    demo: Demo, browser: Browser, referral: str, page: Page
) -> None:
    demo.push(referral, RINGS)
    page.goto(address(demo, referral))
    answer_phone(demo, browser, None)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("The request was cancelled on the phone.")

    page.get_by_role("button", name="Pay now: ask 0708 *** 149").click()

    expect(heading).to_contain_text("is ringing")
    answer_phone(demo, browser, "4321")
    expect(heading).to_have_text("The M-Pesa PIN was wrong.")


def test_what_somebody_types_stays_when_the_page_turns(demo: Demo, browser: Browser, referral: str, page: Page) -> None:
    demo.push(referral, RINGS)
    page.goto(address(demo, referral))
    answer_phone(demo, browser, None)
    page.get_by_text("Another phone pays").click()
    number = page.get_by_label("Phone number that pays")
    number.fill("0708 37")

    demo.call(
        "mutation",
        "referrals:updatePhoneNumbers",
        {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": RINGS},
    )
    page.wait_for_function("performance.getEntriesByType('resource').some(each => each.initiatorType === 'fetch')")

    expect(number).to_have_value("0708 37")
    expect(number).to_be_focused()


def test_a_refusal_stays_to_be_read(demo: Demo, referral: str, page: Page) -> None:
    page.goto(address(demo, referral))
    page.get_by_label("Your phone number, or that of who pays").fill("12345678")
    page.get_by_role("button", name="Ask this phone").click()

    expect(page.get_by_role("alert")).to_have_text("That is not a Kenyan mobile number. Write it as 0712 345 678.")
    expect(page.get_by_label("Your phone number, or that of who pays")).to_have_value("12345678")


def test_swahili_is_one_touch_away_and_stays(demo: Demo, referral: str, bare: Page) -> None:
    bare.goto(address(demo, referral))

    bare.get_by_role("link", name="Kiswahili").click()

    expect(bare.get_by_role("heading", level=1)).to_have_text("Tunasubiri malipo yako ya KES 1,000.")
    bare.goto(address(demo, referral))
    expect(bare.get_by_role("button", name="Tuma ombi kwa simu hii")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280, 3840])
def test_nothing_sticks_out(demo: Demo, browser: Browser, referral: str, width: int, scheme: str) -> None:
    for page in opened(browser, scripts=True, width=width, color_scheme=scheme):
        page.goto(f"{address(demo, referral)}?lang=sw")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44


def test_on_the_wire_it_is_packed(demo: Demo, referral: str) -> None:
    ask = urllib.request.Request(address(demo, referral), headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(ask, timeout=30) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.read()) < 4000
